import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ConcurrencyLimit,
  type ConcurrencyLimitInit,
  type Release,
} from '../../../../protocols/common/concurrency-limit.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Takes slots and notes in which order they were granted. */
function slots(init: ConcurrencyLimitInit) {
  const limit = new ConcurrencyLimit(init);
  const granted: string[] = [];
  const releases = new Map<string, Release>();
  const wait = (name: string, key = '', weight = 1): void => {
    void limit.acquire(key, { weight }).then((release) => {
      granted.push(name);
      releases.set(name, release);
    });
  };
  const release = async (name: string): Promise<void> => {
    releases.get(name)?.();
    await turn();
  };
  return { limit, granted, wait, release };
}

/** A slot that must be free. */
function take(limit: ConcurrencyLimit, key?: string, weight?: number): Release {
  const release = limit.tryAcquire(key, weight);
  assert.ok(release !== null);
  return release;
}

test('slots are bounded in total and for each key', () => {
  const limit = new ConcurrencyLimit({ max: 3, maxPerKey: 2 });
  const first = take(limit, 'a');
  take(limit, 'a');
  assert.equal(limit.tryAcquire('a'), null, 'a has all it may');
  take(limit, 'b');
  assert.equal(limit.tryAcquire('c'), null, 'all are taken');
  assert.equal(limit.size, 3);
  first();
  take(limit, 'c');
});

test('without a total each key has its own limit', () => {
  const limit = new ConcurrencyLimit({ maxPerKey: 1 });
  for (const key of ['a', 'b', 'c']) take(limit, key);
  assert.equal(limit.tryAcquire('b'), null);
});

test('a slot is given back once, however often its holder says so', () => {
  const limit = new ConcurrencyLimit({ max: 2, maxPerKey: 2 });
  const release = take(limit, 'a');
  take(limit, 'a');
  release();
  release();
  assert.equal(limit.size, 1);
  take(limit, 'a');
  assert.equal(limit.tryAcquire('a'), null);
});

test('nobody waits unless there is a queue', async () => {
  const limit = new ConcurrencyLimit({ max: 1 });
  take(limit);
  await assert.rejects(limit.acquire(), { code: 'overloaded' });
});

test('number and weight are bounded, and a heavy request is not overtaken', async () => {
  const { limit, granted, wait } = slots({ max: 3, maxWeight: 10, queueMax: 2 });
  const alone = take(limit, '', 100);
  assert.equal(limit.tryAcquire('', 1), null, 'one alone may weigh more than all may');
  alone();
  const release = take(limit, '', 6);
  wait('heavy', '', 6);
  wait('light', '', 1);
  await assert.rejects(limit.acquire('', { weight: 1 }), { code: 'overloaded' });
  assert.equal(limit.tryAcquire('', 1), null);
  await turn();
  assert.deepEqual(granted, []);
  release();
  await turn();
  assert.deepEqual(granted, ['heavy', 'light']);
});

test('a heavy request that gives up lets those behind it in', async () => {
  const { limit, granted, wait } = slots({ max: 3, maxWeight: 10, queueMax: 2 });
  take(limit, '', 6);
  const abort = new AbortController();
  const heavy = limit.acquire('', { weight: 6, signal: abort.signal });
  wait('light', '', 1);
  abort.abort(new Error('enough'));
  await assert.rejects(heavy, { message: 'enough' });
  await turn();
  assert.deepEqual(granted, ['light']);
});

test('a signal ends the wait, and a timeout is one', async () => {
  const clock = new ManualClock(0);
  const limit = new ConcurrencyLimit({ max: 1, queueMax: 1 });
  const release = take(limit);
  const waiting = limit.acquire('', { signal: clock.timeoutSignal(1_000) });
  assert.equal(limit.waiting, 1);
  clock.advance(1_000);
  await assert.rejects(waiting, { name: 'TimeoutError' });
  release();
  assert.equal(limit.isIdle, true);
  await assert.rejects(limit.acquire('', { signal: AbortSignal.abort(new Error('too late')) }), {
    message: 'too late',
  });
  assert.equal(limit.isIdle, true);
});

test('a signal that aborts after the slot was granted takes nothing back', async () => {
  const limit = new ConcurrencyLimit({ max: 1, queueMax: 1 });
  const release = take(limit);
  const abort = new AbortController();
  const waiting = limit.acquire('', { signal: abort.signal });
  release();
  abort.abort();
  (await waiting)();
  assert.equal(limit.isIdle, true);
});

test('a key at its own limit holds up no other, and cannot fill the queue', async () => {
  const { limit, granted, wait, release } = slots({ max: 2, maxPerKey: 1, queueMax: 4, queueMaxPerKey: 2 });
  wait('a1', 'a');
  wait('a2', 'a');
  wait('a3', 'a');
  await assert.rejects(limit.acquire('a'), { code: 'overloaded' });
  wait('b1', 'b');
  wait('b2', 'b');
  await turn();
  assert.deepEqual(granted, ['a1', 'b1']);
  await release('b1');
  assert.deepEqual(granted, ['a1', 'b1', 'b2'], 'a may have no second slot');
});

test('keys with a backlog get slots in turn', async () => {
  const { granted, wait, release } = slots({ max: 1, queueMax: 10 });
  for (const name of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) wait(name, name[0]);
  await turn();
  for (const name of ['a1', 'a2', 'b1', 'c1', 'a3']) await release(name);
  assert.deepEqual(granted, ['a1', 'a2', 'b1', 'c1', 'a3', 'b2']);
});

test('a free slot goes to the key that holds the fewest', async () => {
  const { granted, wait, release } = slots({ max: 4, maxPerKey: 3, queueMax: 10 });
  for (const name of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']) wait(name, name[0]);
  await turn();
  await release('a1');
  assert.equal(granted.at(-1), 'c1');
});

test('a holder learns that others wait for what it could give, and may queue again behind them', async () => {
  const { limit, granted, wait } = slots({ max: 2, maxPerKey: 1, queueMax: 1 });
  const release = take(limit, 'a');
  assert.equal(limit.isContended('a'), false);
  take(limit, 'b');
  wait('b2', 'b');
  assert.equal(limit.isContended('a'), false, 'b has all it may');
  assert.equal(limit.isContended('b'), true);
  const again = limit.acquire('a', { gaveWay: true });
  assert.equal(limit.isContended('a'), true);
  release();
  await again;
  assert.deepEqual(granted, []);
});

const KEYS = ['a', 'b', 'c'];
const steps = fc.array(
  fc.oneof(
    fc.record({
      act: fc.constant('acquire' as const),
      key: fc.constantFrom(...KEYS),
      weight: fc.integer({ min: 1, max: 6 }),
    }),
    fc.record({ act: fc.constant('release' as const), at: fc.nat(20) }),
    fc.record({ act: fc.constant('abort' as const), at: fc.nat(20) }),
  ),
  { maxLength: 60 },
);

test('whatever comes, no bound is exceeded, no key with room waits for light work, and all is given back', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const init = { max: 4, maxPerKey: 2, maxWeight: 12, queueMax: 6, queueMaxPerKey: 3 };
      const limit = new ConcurrencyLimit(init);
      const held: { key: string; weight: number; release: Release }[] = [];
      const waiting = new Set<{ key: string; weight: number; abort: AbortController }>();
      const check = (): void => {
        const ofKey = (key: string): number => held.filter((one) => one.key === key).length;
        const weight = held.reduce((sum, one) => sum + one.weight, 0);
        assert.equal(limit.size, held.length);
        assert.equal(limit.waiting, waiting.size);
        assert.ok(held.length <= init.max && (held.length <= 1 || weight <= init.maxWeight));
        assert.ok(KEYS.every((key) => ofKey(key) <= init.maxPerKey));
        assert.ok(waiting.size <= init.queueMax);
        // nobody waits where there is room for the heaviest
        const isRoomy = held.length < init.max && weight + 6 <= init.maxWeight;
        if (isRoomy) assert.ok([...waiting].every(({ key }) => ofKey(key) === init.maxPerKey));
      };
      for (const step of all) {
        if (step.act === 'acquire') {
          const { key, weight } = step;
          const one = { key, weight, abort: new AbortController() };
          waiting.add(one);
          limit
            .acquire(key, { weight, signal: one.abort.signal })
            .then((release) => held.push({ key, weight, release }))
            .catch(() => undefined)
            .finally(() => waiting.delete(one));
        } else if (step.act === 'release') {
          held.splice(step.at % Math.max(1, held.length), 1)[0]?.release();
        } else {
          [...waiting][step.at % Math.max(1, waiting.size)]?.abort.abort();
        }
        await turn();
        check();
      }
      for (const one of waiting) one.abort.abort();
      await turn();
      for (const { release } of held) release();
      assert.equal(limit.isIdle, true);
    }),
    { numRuns: 50 },
  );
});
