import assert from 'node:assert/strict';
import { test } from 'node:test';
import { restoredState } from '../../../../../node/storage/placement/partition-states.ts';
import { MemoryDisk } from '../../../../support/memory-disk.ts';
import {
  HERE,
  keyIn,
  member,
  partitionAt,
  READY,
  recordOf,
  replicaAmong,
} from '../../../../support/replica-among.ts';

const ELSEWHERE = partitionAt(5);
const [SELF, B, C, D] = ['self', 'b', 'c', 'd'].map((id, rank) => member(id, rank + 1, READY)) as [
  ReturnType<typeof member>,
  ReturnType<typeof member>,
  ReturnType<typeof member>,
  ReturnType<typeof member>,
];
/** Three others are closer. */
const FAR = member('self', 9, READY);

async function put(replica: ReturnType<typeof replicaAmong>): Promise<void> {
  await replica.store.put({ place: HERE, record: recordOf({ key: keyIn(0) }), condition: null });
}

test('alone a node has all there is; among others not before it has reconciled', () => {
  const { become, due, places, standings } = replicaAmong();
  const { view } = places.of(HERE);
  assert.deepEqual(standings.of(HERE), { view, isHome: true, isSynced: true, origin: view });
  assert.deepEqual(due, []);
  become(SELF, B, C);
  const among = places.of(ELSEWHERE).view;
  assert.deepEqual(standings.of(ELSEWHERE), { view: among, isHome: true, isSynced: false, origin: null });
  assert.deepEqual(due, [ELSEWHERE.partition]);
  standings.synced(ELSEWHERE);
  assert.deepEqual(standings.of(ELSEWHERE), { view: among, isHome: true, isSynced: true, origin: among });
});

test('who does not know the members yet is not alone', () => {
  const { due, members, standings } = replicaAmong();
  members.isSettled = false;
  assert.equal(standings.of(HERE).isSynced, false);
  assert.deepEqual(due, [HERE.partition]);
});

test('a synced replica stays one when others come and go, and is no origin under their set', () => {
  const { become, due, places, standings } = replicaAmong();
  become(SELF, B, C);
  standings.synced(HERE);
  const before = places.of(HERE).view;
  become(SELF, B, D);
  const { view, isSynced, origin } = standings.of(HERE);
  assert.notEqual(view, before);
  assert.deepEqual([isSynced, origin, due], [true, null, []]);
});

test('one that is no replica any more says that it had all, and reconciles before it is one again', () => {
  const { become, due, standings } = replicaAmong();
  become(SELF, B, C);
  standings.synced(HERE);
  become(FAR, B, C, D);
  const { isHome, isSynced, origin } = standings.of(HERE);
  assert.deepEqual([isHome, isSynced, origin, due], [false, true, null, []]);
  become(SELF, B, C);
  assert.equal(standings.of(HERE).isSynced, false, 'others took writes meanwhile');
  assert.deepEqual(due, [HERE.partition]);
});

test('what is kept is on disk, the empty partitions of the namespace with it, and holds after a restart', async () => {
  const disk = new MemoryDisk();
  let written = Promise.resolve();
  const first = replicaAmong({ disk, sync: () => written });
  first.standings.of(HERE);
  await put(first);
  const sync = Promise.withResolvers<void>();
  written = sync.promise;
  let isKept = false;
  const kept = first.standings.keep(HERE).then(() => {
    isKept = true;
  });
  await first.clock.advanceAsync(1);
  assert.equal(isKept, false, 'a write is not acknowledged before');
  sync.resolve();
  await kept;
  await first.clock.advanceAsync(1);
  const again = replicaAmong({ disk });
  again.become(SELF, B, C);
  for (const place of [HERE, ELSEWHERE]) assert.equal(again.standings.of(place).isSynced, true);
  again.standings.forget();
  assert.equal(again.standings.of(HERE).isSynced, true);
  assert.deepEqual(again.due, []);
});

test('after a long absence nothing counts or is shown before it is reconciled', async () => {
  const disk = new MemoryDisk();
  const first = replicaAmong({ disk });
  first.standings.of(HERE);
  await put(first);
  await first.standings.keep(HERE);
  const { become, standings } = replicaAmong({ disk });
  become(SELF, B, C);
  await standings.distrustAll({ isStale: false });
  assert.deepEqual(
    [standings.of(HERE).isSynced, standings.isStale(HERE), standings.isWithheld(HERE)],
    [false, false, false],
  );
  await standings.distrustAll({ isStale: true });
  await standings.distrustAll({ isStale: false });
  assert.deepEqual([standings.isStale(HERE), standings.isWithheld(HERE)], [true, true], 'it stays stale');
  const restarted = replicaAmong({ disk });
  assert.equal(restarted.standings.isStale(HERE), true);
  standings.refreshed(HERE);
  assert.deepEqual([standings.isStale(HERE), standings.of(HERE).isSynced], [false, false]);
  await standings.distrustAll({ isStale: true });
  standings.synced(HERE);
  assert.deepEqual([standings.isStale(HERE), standings.of(HERE).isSynced], [false, true]);
});

test('what was restored from a backup is withheld until it has reconciled, or there is nobody to reconcile with', async () => {
  const disk = new MemoryDisk();
  const first = replicaAmong({ disk });
  first.standings.of(HERE);
  await put(first);
  await first.standings.keep(HERE);
  const backedUp = first.store.getState(HERE);
  const restored = restoredState(backedUp, { asOf: 5, isStale: false, isOther: false });
  await first.store.setState(HERE, restored);
  const { become, standings } = replicaAmong({ disk });
  become(SELF, B, C);
  assert.deepEqual([standings.recoveryOf(HERE), standings.isWithheld(HERE)], ['reconciling', true]);
  standings.synced(HERE);
  assert.deepEqual([standings.recoveryOf(HERE), standings.isWithheld(HERE)], [null, false]);
  await first.store.setState(HERE, restored);
  const alone = replicaAmong({ disk });
  assert.deepEqual([alone.standings.recoveryOf(HERE), alone.standings.isWithheld(HERE)], ['alone', false]);
  const other = restoredState(backedUp, { asOf: 5, isStale: true, isOther: true });
  assert.deepEqual([other['homes'], other['isPromised'], other['isStale']], [[], false, true]);
});

test('a promise begins where a sponsor has nothing yet, or has made what it held before last, and stays', async () => {
  const replica = replicaAmong();
  const { become, due, standings } = replica;
  standings.of(ELSEWHERE);
  assert.equal(standings.isPromised(ELSEWHERE), true);
  // as it was before anybody chose this node
  become(member('self', 1));
  await put(replica);
  standings.of(HERE);
  assert.equal(standings.isPromised(HERE), false);
  become(SELF);
  assert.equal(standings.of(HERE).isSynced, true);
  assert.equal(standings.isPromised(HERE), false, 'what it holds lasts a day');
  assert.deepEqual(due, [HERE.partition]);
  standings.promised(HERE);
  assert.equal(standings.isPromised(HERE), true);
  become(member('self', 1));
  standings.of(HERE);
  assert.equal(standings.isPromised(HERE), true, 'nobody takes back what was promised');
  standings.synced(HERE);
  assert.equal(standings.isPromised(HERE), true);
  const found = replicaAmong();
  await put(found);
  assert.equal(found.standings.of(HERE).isSynced, true);
  assert.equal(found.standings.isPromised(HERE), false, 'it may have been kept for a day');
});

test('a partition that is dropped is known no more', () => {
  const { become, standings } = replicaAmong();
  become(SELF, B, C);
  standings.synced(HERE);
  standings.synced(ELSEWHERE);
  standings.forget(HERE);
  assert.deepEqual([standings.of(HERE).isSynced, standings.of(ELSEWHERE).isSynced], [false, true]);
});
