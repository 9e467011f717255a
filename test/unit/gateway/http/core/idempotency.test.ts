import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdempotencyKeys } from '../../../../../gateway/http/core/idempotency.ts';

function keysAt(now: { ms: number }, maxKeys = 10, maxKeysPerScope = maxKeys): IdempotencyKeys<number> {
  const init = { windowMs: 1000, maxKeys, maxKeysPerScope };
  return new IdempotencyKeys({ clock: { now: () => now.ms } }, init);
}

test('the same key and request act once, also while the first is under way', async () => {
  const keys = keysAt({ ms: 0 });
  const { promise, resolve } = Promise.withResolvers<number>();
  let acts = 0;
  const act = async (): Promise<number> => {
    acts += 1;
    return promise;
  };
  const all = [keys.once('k', 'f', act), keys.once('k', 'f', act)];
  resolve(7);
  assert.deepEqual(await Promise.all(all), [7, 7]);
  assert.equal(await keys.once('k', 'f', act), 7);
  assert.equal(acts, 1);
});

test('the same key for another request is a conflict', async () => {
  const keys = keysAt({ ms: 0 });
  await keys.once('k', 'f', async () => 1);
  await assert.rejects(
    keys.once('k', 'g', async () => 2),
    { code: 'idempotency_conflict' },
  );
});

const fail = async (): Promise<number> => Promise.reject(new Error('no'));

test('a failure is told to all who wait for it and then forgotten', async () => {
  const keys = keysAt({ ms: 0 });
  const [first, second] = await Promise.allSettled([keys.once('k', 'f', fail), keys.once('k', 'f', fail)]);
  assert.deepEqual([first.status, second.status], ['rejected', 'rejected']);
  assert.equal(await keys.once('k', 'g', async () => 3), 3);
});

test('a key is forgotten when its time is over, not before', async () => {
  const now = { ms: 0 };
  const keys = keysAt(now);
  await keys.once('k', 'f', async () => 1);
  now.ms = 999;
  assert.equal(await keys.once('k', 'f', async () => 2), 1);
  now.ms = 1000;
  assert.equal(await keys.once('k', 'f', async () => 2), 2);
});

test('when full, a new key is refused and the known ones still hold', async () => {
  const now = { ms: 0 };
  const keys = keysAt(now, 2);
  await keys.once('a', 'f', async () => 1);
  await keys.once('b', 'f', async () => 2);
  await assert.rejects(
    keys.once('c', 'f', async () => 3),
    { code: 'overloaded' },
  );
  assert.equal(await keys.once('a', 'f', async () => 9), 1);
  now.ms = 1000;
  assert.equal(await keys.once('c', 'f', async () => 3), 3);
});

test('a key is 1 to 128 visible ASCII characters', async () => {
  const keys = keysAt({ ms: 0 });
  assert.equal(await keys.once('x'.repeat(128), 'f', async () => 1), 1);
  for (const bad of ['', ' ', 'a b', 'é', 'x'.repeat(129), 'a\tb']) {
    await assert.rejects(
      keys.once(bad, 'f', async () => 1),
      { code: 'bad_idempotency_key' },
    );
  }
});

test('one scope does not take the room of all, and gets its own back', async () => {
  const now = { ms: 0 };
  const keys = keysAt(now, 10, 2);
  const ask = (key: string, scope: string, act = async () => 1) => keys.once(key, 'f', act, scope);
  await ask('a', 'greedy');
  await ask('b', 'greedy');
  await assert.rejects(ask('c', 'greedy'), { code: 'overloaded' });
  await assert.rejects(
    ask('d', 'other', () => Promise.reject(new Error('no'))),
    /no/,
  );
  for (const key of ['a', 'b']) assert.equal(await ask(key, 'other'), 1);
  for (const key of ['a', 'b', 'c']) assert.equal(await ask(key, ''), 1, 'the operator has the rest');
  now.ms = 1000;
  assert.equal(await ask('c', 'greedy'), 1);
});
