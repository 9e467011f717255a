import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { EventLog } from '../../../../../node/observability/events.ts';
import type { PartitionStates } from '../../../../../node/storage/placement/partition-states.ts';
import { Recovery } from '../../../../../node/storage/replica/recovery.ts';
import { readRestored, writeRestored } from '../../../../../node/storage/replica/restored-file.ts';
import { TOMBSTONE_LIFE_MS } from '../../../../../protocols/storage/index.ts';
import { scratch } from '../../../../support/processes.ts';
import { AMONG_AT, keyIn, partitionAt, recordOf, replicaAmong } from '../../../../support/replica-among.ts';
import { silentLogger } from '../../../../support/silent-logger.ts';

const AS_OF = AMONG_AT - 60_000;
/** Longer than it is between two looks. */
const SOON_MS = 1_000;

/** A node with something in three partitions, restored a moment ago unless said otherwise. */
async function make(t: TestContext, { isRestored = true } = {}) {
  const data = scratch(t);
  const { clock, store } = replicaAmong();
  for (const partition of [1, 2, 3]) {
    await store.put({ place: partitionAt(partition), record: recordOf({ key: keyIn(0) }), condition: null });
  }
  if (isRestored) writeRestored(data, { at: AS_OF, restoredAt: AMONG_AT, machine: 'm', data: '/elsewhere' });
  const events = new EventLog({ logger: silentLogger(), clock });
  const states = new Map<number, ReturnType<PartitionStates['recoveryOf']>>();
  const asked: number[] = [];
  const recoveryOf: PartitionStates['recoveryOf'] = ({ partition }) => {
    asked.push(partition);
    return states.get(partition) ?? null;
  };
  const components = { store, states: { recoveryOf }, clock, logger: silentLogger(), events };
  const recovery = new Recovery(components, { data });
  recovery.start();
  t.after(() => recovery.stop());
  const isOver = (): boolean => recovery.status === null && readRestored(data) === null;
  return { asked, clock, events, isOver, recovery, states, store };
}

test('a node that was not restored follows nothing', async (t) => {
  const { clock, recovery } = await make(t, { isRestored: false });
  assert.deepEqual([recovery.status, clock.timers], [null, 0]);
});

test('it is over when every partition has reconciled; each look goes on where the one before stopped', async (t) => {
  const { asked, clock, events, isOver, recovery, states } = await make(t);
  states.set(2, 'reconciling');
  clock.advance(SOON_MS);
  assert.deepEqual(recovery.status, { asOf: AS_OF, state: 'reconciling' });
  asked.length = 0;
  clock.advance(SOON_MS);
  assert.deepEqual(new Set(asked), new Set([2]));
  states.set(2, null);
  clock.advance(SOON_MS);
  assert.deepEqual([isOver(), clock.timers], [true, 0]);
  assert.equal(events.count('restored_reconciled'), 1);
  assert.equal(events.count('restored_alone'), 0);
});

test('one that has nobody to reconcile with is said to be alone once, until somebody came or could bring nothing back', async (t) => {
  const first = await make(t);
  first.states.set(3, 'alone');
  first.clock.advance(5 * SOON_MS);
  assert.equal(first.recovery.status?.state, 'alone');
  assert.equal(first.events.count('restored_alone'), 1);
  first.states.set(3, 'reconciling');
  first.clock.advance(SOON_MS);
  assert.equal(first.recovery.status?.state, 'reconciling');
  first.states.set(3, null);
  first.clock.advance(SOON_MS);
  assert.equal(first.isOver(), true);
  const left = await make(t);
  left.states.set(3, 'alone');
  left.clock.advance(SOON_MS);
  left.recovery.stop();
  left.clock.advance(TOMBSTONE_LIFE_MS - 2 * SOON_MS);
  left.recovery.start();
  left.clock.advance(SOON_MS);
  assert.equal(left.recovery.status?.state, 'alone');
  left.clock.advance(SOON_MS);
  assert.equal(left.isOver(), true);
});

test('a store that cannot be read is asked again', async (t) => {
  const { clock, isOver, store } = await make(t);
  const partitions = store.partitions.bind(store);
  store.partitions = () => {
    throw new Error('the disk does not answer');
  };
  clock.advance(SOON_MS);
  assert.equal(isOver(), false);
  store.partitions = partitions;
  clock.advance(SOON_MS);
  assert.equal(isOver(), true);
});
