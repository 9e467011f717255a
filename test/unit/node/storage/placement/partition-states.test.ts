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
  const { become, due, places, states } = replicaAmong();
  const { setId } = places.of(HERE);
  assert.deepEqual(states.of(HERE), { setId, isReplica: true, isSynced: true, origin: setId });
  assert.deepEqual(due, []);
  become(SELF, B, C);
  const among = places.of(ELSEWHERE).setId;
  assert.deepEqual(states.of(ELSEWHERE), { setId: among, isReplica: true, isSynced: false, origin: null });
  assert.deepEqual(due, [ELSEWHERE.partition]);
  states.synced(ELSEWHERE);
  assert.deepEqual(states.of(ELSEWHERE), { setId: among, isReplica: true, isSynced: true, origin: among });
});

test('who does not know the members yet is not alone', () => {
  const { due, members, states } = replicaAmong();
  members.isSettled = false;
  assert.equal(states.of(HERE).isSynced, false);
  assert.deepEqual(due, [HERE.partition]);
});

test('a synced replica stays one when others come and go, and is no origin under their set', () => {
  const { become, due, places, states } = replicaAmong();
  become(SELF, B, C);
  states.synced(HERE);
  const before = places.of(HERE).setId;
  become(SELF, B, D);
  const { setId, isSynced, origin } = states.of(HERE);
  assert.notEqual(setId, before);
  assert.deepEqual([isSynced, origin, due], [true, null, []]);
});

test('one that is no replica any more says that it had all, and reconciles before it is one again', () => {
  const { become, due, states } = replicaAmong();
  become(SELF, B, C);
  states.synced(HERE);
  become(FAR, B, C, D);
  const { isReplica, isSynced, origin } = states.of(HERE);
  assert.deepEqual([isReplica, isSynced, origin, due], [false, true, null, []]);
  become(SELF, B, C);
  assert.equal(states.of(HERE).isSynced, false, 'others took writes meanwhile');
  assert.deepEqual(due, [HERE.partition]);
});

test('what is kept is on disk, the empty partitions of the namespace with it, and holds after a restart', async () => {
  const disk = new MemoryDisk();
  let written = Promise.resolve();
  const first = replicaAmong({ disk, sync: () => written });
  first.states.of(HERE);
  await put(first);
  const sync = Promise.withResolvers<void>();
  written = sync.promise;
  let isKept = false;
  const kept = first.states.keep(HERE).then(() => {
    isKept = true;
  });
  await first.clock.advanceAsync(1);
  assert.equal(isKept, false, 'a write is not acknowledged before');
  sync.resolve();
  await kept;
  await first.clock.advanceAsync(1);
  const again = replicaAmong({ disk });
  again.become(SELF, B, C);
  for (const place of [HERE, ELSEWHERE]) assert.equal(again.states.of(place).isSynced, true);
  again.states.forget();
  assert.equal(again.states.of(HERE).isSynced, true);
  assert.deepEqual(again.due, []);
});

test('after a long absence nothing counts or is shown before it is reconciled', async () => {
  const disk = new MemoryDisk();
  const first = replicaAmong({ disk });
  first.states.of(HERE);
  await put(first);
  await first.states.keep(HERE);
  const { become, states } = replicaAmong({ disk });
  become(SELF, B, C);
  await states.distrustAll({ isStale: false });
  assert.deepEqual(
    [states.of(HERE).isSynced, states.isStale(HERE), states.isWithheld(HERE)],
    [false, false, false],
  );
  await states.distrustAll({ isStale: true });
  await states.distrustAll({ isStale: false });
  assert.deepEqual([states.isStale(HERE), states.isWithheld(HERE)], [true, true], 'it stays stale');
  const restarted = replicaAmong({ disk });
  assert.equal(restarted.states.isStale(HERE), true);
  states.refreshed(HERE);
  assert.deepEqual([states.isStale(HERE), states.of(HERE).isSynced], [false, false]);
  await states.distrustAll({ isStale: true });
  states.synced(HERE);
  assert.deepEqual([states.isStale(HERE), states.of(HERE).isSynced], [false, true]);
});

test('what was restored from a backup is withheld until it has reconciled, or there is nobody to reconcile with', async () => {
  const disk = new MemoryDisk();
  const first = replicaAmong({ disk });
  first.states.of(HERE);
  await put(first);
  await first.states.keep(HERE);
  const backedUp = first.store.getState(HERE);
  const restored = restoredState(backedUp, { asOf: 5, isStale: false, isOther: false });
  await first.store.setState(HERE, restored);
  const { become, states } = replicaAmong({ disk });
  become(SELF, B, C);
  assert.deepEqual([states.recoveryOf(HERE), states.isWithheld(HERE)], ['reconciling', true]);
  states.synced(HERE);
  assert.deepEqual([states.recoveryOf(HERE), states.isWithheld(HERE)], [null, false]);
  await first.store.setState(HERE, restored);
  const alone = replicaAmong({ disk });
  assert.deepEqual([alone.states.recoveryOf(HERE), alone.states.isWithheld(HERE)], ['alone', false]);
  const other = restoredState(backedUp, { asOf: 5, isStale: true, isOther: true });
  assert.deepEqual([other['replicaSet'], other['isPromised'], other['isStale']], [[], false, true]);
});

test('a promise begins where a sponsor has nothing yet, or has made what it held before last, and stays', async () => {
  const replica = replicaAmong();
  const { become, due, states } = replica;
  states.of(ELSEWHERE);
  assert.equal(states.isPromised(ELSEWHERE), true);
  // as it was before anybody chose this node
  become(member('self', 1));
  await put(replica);
  states.of(HERE);
  assert.equal(states.isPromised(HERE), false);
  become(SELF);
  assert.equal(states.of(HERE).isSynced, true);
  assert.equal(states.isPromised(HERE), false, 'what it holds lasts a day');
  assert.deepEqual(due, [HERE.partition]);
  states.promised(HERE);
  assert.equal(states.isPromised(HERE), true);
  become(member('self', 1));
  states.of(HERE);
  assert.equal(states.isPromised(HERE), true, 'nobody takes back what was promised');
  states.synced(HERE);
  assert.equal(states.isPromised(HERE), true);
  const found = replicaAmong();
  await put(found);
  assert.equal(found.states.of(HERE).isSynced, true);
  assert.equal(found.states.isPromised(HERE), false, 'it may have been kept for a day');
});

test('a partition that is dropped is known no more', () => {
  const { become, states } = replicaAmong();
  become(SELF, B, C);
  states.synced(HERE);
  states.synced(ELSEWHERE);
  states.forget(HERE);
  assert.deepEqual([states.of(HERE).isSynced, states.of(ELSEWHERE).isSynced], [false, true]);
});
