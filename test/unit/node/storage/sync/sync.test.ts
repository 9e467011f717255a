import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SETTLE_MAX_MS, SYNC_RETRY_MS, SYNCS_AT_ONCE } from '../../../../../node/storage/api/limits.ts';
import type { Copier, EndingsRule } from '../../../../../node/storage/sync/copier.ts';
import { Sync } from '../../../../../node/storage/sync/sync.ts';
import type { Answers, Member } from '../../../../../protocols/storage/index.ts';
import {
  HERE,
  keyIn,
  member,
  partitionAt,
  READY,
  recordOf,
  replicaAmong,
} from '../../../../support/replica-among.ts';

type State = Answers['state'];

const SELF = member('self', 1, READY);
const [B, C, D] = ['b', 'c', 'd'].map((id, index) => member(id, 2 + index, READY)) as [
  Member,
  Member,
  Member,
];

/** A node that is to be a replica among others that answer as the test says: null for one that does not. */
function make() {
  const replica = replicaAmong();
  const { clock, places } = replica;
  const answers = new Map<string, Partial<State> | null>();
  const asked: { readonly id: string; readonly at: number; readonly signal: AbortSignal }[] = [];
  const pulls: [string, EndingsRule][] = [];
  const log = { disagreements: 0 };
  /** How a pull goes. */
  const source = { pull: (_id: string): Promise<string> => Promise.resolve(places.of(HERE).setId) };
  let wait = Promise.resolve();
  const sync = new Sync({
    ...replica,
    copier: {
      pull: async (id, _partition, _place, _signal, options) => {
        pulls.push([id, options?.endings ?? 'confirmed']);
        return { setId: await source.pull(id), isSynced: true };
      },
    } as Pick<Copier, 'pull'> as Copier,
    onDisagreement: () => void (log.disagreements += 1),
    ask: async (id, _request, signal) => {
      asked.push({ id, at: clock.monotonicNow(), signal });
      await wait;
      const answer = answers.get(id);
      if (answer === null || answer === undefined) throw new Error('it does not answer');
      const nothing = { count: 0, bytes: 0, fingerprint: new Uint8Array(16), origin: null };
      return {
        setId: places.of(HERE).setId,
        isReplica: true,
        isSynced: false,
        ...nothing,
        ...answer,
      } as never;
    },
  });
  replica.onDue((partition) => sync.request(partition));
  sync.start();
  return {
    ...replica,
    answers,
    asked,
    log,
    pulls,
    source,
    sync,
    /** From now on nobody answers before what this gives is called. */
    hold: (): (() => void) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      wait = promise;
      return resolve;
    },
    isSynced: () => replica.states.of(HERE).isSynced,
  };
}

test('where nobody holds anything a replica has all at once', async () => {
  const { answers, become, clock, isSynced, metrics, pulls, sync } = make();
  become(SELF, B, C);
  answers.set('b', {}).set('c', {});
  assert.equal(isSynced(), false);
  await clock.advanceAsync(1);
  assert.equal(isSynced(), true);
  assert.deepEqual([pulls, sync.pending, metrics.partitionsSynced], [[], 0, 1]);
});

test('it takes over what synced replicas have, and of others what they give', async () => {
  const { answers, become, clock, isSynced, pulls, source } = make();
  become(SELF, B, C);
  answers.set('b', { isSynced: true, count: 2 }).set('c', { count: 5 });
  const { pull } = source;
  source.pull = (id) => (id === 'c' ? Promise.reject(new Error('it lies')) : pull(id));
  isSynced();
  await clock.advanceAsync(1);
  assert.deepEqual(pulls, [
    ['b', 'confirmed'],
    ['c', 'confirmed'],
  ]);
  assert.equal(isSynced(), true);
});

test('a synced replica that breaks off keeps it from being one, until another attempt', async () => {
  const { answers, become, clock, isSynced, pulls, source } = make();
  become(SELF, B, C);
  answers.set('b', { isSynced: true, count: 2 }).set('c', {});
  const { pull } = source;
  source.pull = () => Promise.reject(new Error('it broke off'));
  isSynced();
  await clock.advanceAsync(1);
  assert.equal(isSynced(), false);
  source.pull = pull;
  await clock.advanceAsync(SYNC_RETRY_MS);
  assert.deepEqual([isSynced(), pulls.length], [true, 2]);
});

test('while a majority of the others is silent it waits, ever longer, up to five seconds', async () => {
  const { answers, asked, become, clock, isSynced, sync } = make();
  become(SELF, B, C);
  isSynced();
  await clock.advanceAsync(20_000);
  assert.equal(isSynced(), false);
  const waits = (): number[] => {
    const at = asked.filter(({ id }) => id === 'b').map((one) => one.at);
    return at.slice(1).map((time, index) => time - (at[index] ?? 0));
  };
  assert.deepEqual(waits(), [150, 300, 600, 1_200, 2_400, 4_800, 5_000, 5_000]);
  // somebody came: its present wait is the last long one
  sync.scheduleNow();
  await clock.advanceAsync(5_000);
  assert.deepEqual(waits().slice(8, 11), [5_000, 150, 300]);
  answers.set('b', {});
  await clock.advanceAsync(5_000);
  assert.equal(isSynced(), true, 'one that is missing acknowledged nothing by itself');
  await clock.advanceAsync(5_000);
  assert.equal(clock.timers, 0);
});

test('who does not know the members yet asks nobody, and tries again soon', async () => {
  const { answers, asked, become, clock, isSynced, members } = make();
  become(SELF, B, C);
  answers.set('b', {}).set('c', {});
  members.isSettled = false;
  isSynced();
  await clock.advanceAsync(10 * SYNC_RETRY_MS);
  assert.deepEqual([isSynced(), asked.length], [false, 0]);
  members.isSettled = true;
  await clock.advanceAsync(SYNC_RETRY_MS);
  assert.equal(isSynced(), true);
});

test('of best-effort copies those farther away may have something, unless one has all since the replicas are these', async () => {
  const { answers, become, clock, isSynced, places } = make();
  const near = [member('self', 1), member('b', 2), member('c', 3)];
  const far = ['x', 'y', 'z'].map((id, index) => member(id, 4 + index));
  become(...near, ...far);
  assert.equal(places.of(HERE).isSponsored, false);
  answers.set('b', { isSynced: true, count: 1 }).set('c', {});
  isSynced();
  await clock.advanceAsync(1_000);
  assert.equal(isSynced(), false, 'a majority of the replicas may have been others');
  answers.set('b', { isSynced: true, count: 1, origin: places.of(HERE).setId });
  await clock.advanceAsync(2_000);
  assert.equal(isSynced(), true);
});

test('a majority that has all is enough, however many others are silent', async () => {
  const { answers, become, clock, isSynced, pulls } = make();
  become(SELF, B, C, ...['x', 'y', 'z'].map((id, index) => member(id, 5 + index, READY)));
  answers.set('b', { isSynced: true, count: 1 });
  isSynced();
  await clock.advanceAsync(1_000);
  assert.equal(isSynced(), false);
  answers.set('c', { isSynced: true, count: 1 });
  await clock.advanceAsync(2_000);
  assert.equal(isSynced(), true);
  assert.deepEqual(
    pulls.map(([id]) => id),
    ['b', 'c'],
  );
});

test('while others see other replicas it says so and waits, for ten seconds at most', async () => {
  const { answers, become, clock, isSynced, log } = make();
  become(SELF, B, C);
  answers.set('b', {}).set('c', { setId: 'of others', isSynced: true });
  isSynced();
  await clock.advanceAsync(SETTLE_MAX_MS - 1_000);
  assert.equal(isSynced(), false);
  assert.ok(log.disagreements > 3);
  await clock.advanceAsync(1_000 + 5_000);
  assert.equal(isSynced(), true);
});

test('one that sees other replicas and is none of them holds nothing up', async () => {
  const { answers, become, clock, isSynced, log } = make();
  become(SELF, B, C);
  answers.set('b', {}).set('c', { setId: 'of others', isReplica: false });
  isSynced();
  await clock.advanceAsync(1);
  assert.deepEqual([isSynced(), log.disagreements], [true, 0]);
});

test('a source that sees other replicas by now does not make it one of these', async () => {
  const { answers, become, clock, isSynced, places, source } = make();
  become(SELF, B, C);
  answers.set('b', { isSynced: true, count: 1 }).set('c', {});
  source.pull = () => Promise.resolve('of others');
  isSynced();
  await clock.advanceAsync(1);
  assert.equal(isSynced(), false);
  // the replicas become others while it copies
  source.pull = () => {
    const { setId } = places.of(HERE);
    become(SELF, B, D);
    answers.set('d', { isSynced: true });
    return Promise.resolve(setId);
  };
  await clock.advanceAsync(SYNC_RETRY_MS);
  assert.equal(isSynced(), false);
  source.pull = () => Promise.resolve(places.of(HERE).setId);
  await clock.advanceAsync(2 * SYNC_RETRY_MS);
  assert.equal(isSynced(), true);
});

test('after a long absence sponsors are trusted about what has ended; best-effort copies are dropped first', async () => {
  const { answers, become, clock, isSynced, pulls, states, store } = make();
  isSynced();
  const put = { place: HERE, record: recordOf({ key: keyIn(0) }), condition: null };
  await store.put(put);
  await states.keep(HERE);
  await states.distrustAll({ isStale: true });
  become(SELF, B, C);
  answers.set('b', { isSynced: true, count: 1 }).set('c', {});
  isSynced();
  await clock.advanceAsync(1);
  assert.deepEqual(pulls, [['b', 'trusted']]);
  assert.equal(store.summary(HERE)?.count, 1);
  assert.deepEqual([isSynced(), states.isStale(HERE)], [true, false]);
  const best = make();
  best.become(member('self', 1));
  best.isSynced();
  await best.store.put(put);
  await best.states.keep(HERE);
  await best.states.distrustAll({ isStale: true });
  best.become(member('self', 1), member('b', 2), member('c', 3));
  best.answers.set('b', { isSynced: true, count: 1 }).set('c', {});
  best.isSynced();
  await best.clock.advanceAsync(1);
  assert.equal(best.store.summary(HERE)?.count, 0, 'what ended of it is forgotten elsewhere');
  assert.deepEqual(best.pulls, [['b', 'confirmed']]);
});

test('some partitions are asked about at a time', async () => {
  const { answers, asked, become, clock, hold, sync } = make();
  become(SELF, B);
  answers.set('b', { isReplica: false });
  const go = hold();
  for (let partition = 0; partition < 2 * SYNCS_AT_ONCE; partition++) sync.request(partitionAt(partition));
  sync.request(partitionAt(0));
  await clock.advanceAsync(1);
  assert.deepEqual([asked.length, sync.pending], [SYNCS_AT_ONCE, 2 * SYNCS_AT_ONCE]);
  go();
  await clock.advanceAsync(1);
  assert.deepEqual([asked.length, sync.pending], [2 * SYNCS_AT_ONCE, 0]);
});

test('a stop breaks off what goes on and forgets what waits', async () => {
  const { asked, become, clock, hold, isSynced, sync } = make();
  become(SELF, B, C);
  isSynced();
  await clock.advanceAsync(10);
  const go = hold();
  await clock.advanceAsync(SYNC_RETRY_MS);
  const { signal } = asked.at(-1) ?? {};
  assert.equal(signal?.aborted, false);
  sync.stop();
  assert.deepEqual([signal?.aborted, sync.pending], [true, 0]);
  go();
  const before = asked.length;
  await clock.advanceAsync(10_000);
  assert.deepEqual([asked.length, clock.timers], [before, 0]);
  sync.request(HERE);
  await clock.advanceAsync(10_000);
  assert.equal(asked.length, before);
  const waiting = make();
  waiting.become(SELF, B, C);
  waiting.isSynced();
  // between the second attempt and the third
  await waiting.clock.advanceAsync(420);
  const { timers } = waiting.clock;
  waiting.sync.stop();
  assert.equal(waiting.clock.timers, timers - 1, 'the third is not waited for');
  const { length } = waiting.asked;
  await waiting.clock.advanceAsync(10_000);
  assert.equal(waiting.asked.length, length);
});

test('what was kept for a day is kept for as long as its author said, before a sponsor promises anything', async () => {
  const { become, clock, isSynced, states, store } = make();
  become(member('self', 1));
  isSynced();
  const life = 30 * 24 * 3_600_000;
  const record = recordOf({ key: keyIn(0), expiry: clock.now() + life });
  await store.put({ place: HERE, record, condition: null });
  const expiry = (): number | null => {
    const held = store.get(HERE, keyIn(0), clock.now());
    return held !== null && 'record' in held ? held.expiry : null;
  };
  assert.ok((expiry() ?? Infinity) < clock.now() + life);
  become(SELF);
  assert.equal(states.isPromised(HERE), false);
  isSynced();
  await clock.advanceAsync(1);
  assert.equal(expiry(), clock.now() - 1 + life);
  assert.equal(states.isPromised(HERE), true);
});
