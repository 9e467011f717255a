import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChangeLog } from '../../../../../node/storage/store/changes.ts';
import { ITEMS_MAX } from '../../../../../node/storage/store/constants.ts';
import type { HeldItems, RecordStore } from '../../../../../node/storage/store/interface.ts';
import { ItemSets } from '../../../../../node/storage/store/item-sets.ts';
import { itemIdOf, type PartitionId, type SignedRecord } from '../../../../../protocols/storage/index.ts';
import { scratch } from '../../../../support/processes.ts';
import { crypto, heldIn, openStore, PLACE, storable } from '../../../../support/store-records.ts';

const NOW = 1_000_000;

function put(store: RecordStore, record: SignedRecord): Promise<{ status: string }> {
  return store.put({ place: PLACE, record, condition: null });
}

function fingerprint({ set }: HeldItems): string {
  return Buffer.from(set.fingerprint(0, set.size)).toString('hex');
}

function idOf({ key, digest }: SignedRecord): Uint8Array {
  return itemIdOf(crypto, Buffer.from(key), digest);
}

/** Items that a freshly opened store reads from the same disk. */
async function fromDisk(data: string): Promise<string> {
  const again = openStore(data);
  try {
    const items = await again.openItems(PLACE);
    const found = fingerprint(items);
    items.release();
    return found;
  } finally {
    await again.close();
  }
}

test('items follow every kind of write, whenever they were first asked for', async (t) => {
  const data = scratch(t);
  const store = openStore(data);
  const keys = Array.from({ length: 900 }, (_, index) => `k${index}`);
  await Promise.all(keys.slice(0, 600).map((key) => put(store, storable({ key }))));
  // while these are written the set is read from disk, some hundred rows at a time
  const writing = [
    ...keys.slice(300).map((key) => put(store, storable({ key, ms: NOW + 1 }))),
    ...keys
      .slice(0, 50)
      .map((key) => put(store, storable({ key, ms: NOW + 2, kind: 1, value: new Uint8Array() }))),
    ...keys.slice(100, 150).map((key) => put(store, storable({ key, ms: NOW + 3, expiry: NOW + 10 }))),
  ];
  const items = await store.openItems(PLACE);
  await Promise.all(writing);
  assert.equal(items.set.size, keys.length);
  await store.raiseFloors(PLACE, [
    { key: 'k500', ...stampOf(storable({ key: 'k500', ms: NOW + 9 })) },
    { key: 'new', ...stampOf(storable({ key: 'new' })) },
  ]);
  assert.equal(await store.expire(NOW + 20, 1000), 50);
  assert.equal(await store.collectTombstones(NOW + 100, 1000), 50);
  assert.equal(items.set.size, keys.length + 1);
  assert.ok(items.isUpToDate);
  const followed = fingerprint(items);
  const entry = items.entryOf(idOf(storable({ key: 'k500', ms: NOW + 9 })));
  assert.equal(entry?.key, 'k500');
  assert.equal(entry.kind, 16);
  assert.equal(items.entryOf(idOf(storable({ key: 'k500', ms: NOW + 1 }))), null, 'it was written over');
  items.release();
  assert.deepEqual((await heldIn(store)).length, keys.length + 1);
  await store.close();
  assert.equal(await fromDisk(data), followed);
});

test('a partition that is dropped has no items, and those of others stay', async (t) => {
  const store = openStore(scratch(t));
  t.after(() => store.close());
  const other = { ...PLACE, partition: 4 };
  await Promise.all(Array.from({ length: 600 }, (_, i) => put(store, storable({ key: `k${i}` }))));
  await store.put({ place: other, record: storable({ key: 'other' }), condition: null });
  const [items, others] = await Promise.all([store.openItems(PLACE), store.openItems(other)]);
  assert.equal(items.set.size, 600);
  await store.dropPartition(PLACE);
  assert.equal(items.set.size, 0);
  assert.equal(others.set.size, 1);
  await put(store, storable({ key: 'again' }));
  assert.equal(items.set.size, 1);
  items.release();
  others.release();
});

test('two that ask get the same items; before the first write there are none', async (t) => {
  const store = openStore(scratch(t));
  t.after(() => store.close());
  const [one, other] = await Promise.all([store.openItems(PLACE), store.openItems(PLACE)]);
  assert.equal(one.set, other.set);
  assert.equal(one.set.size, 0);
  await put(store, storable({ key: 'first' }));
  assert.equal(one.set.size, 1);
  one.release();
  other.release();
  await store.close();
  assert.equal(one.isUpToDate, false, 'a closed store is followed no more');
  await assert.rejects(store.openItems(PLACE), { code: 'closed' });
});

interface Source {
  readonly sets: ItemSets;
  /** Partitions that were read from disk. */
  readonly read: number[];
}

/** Sets over a disk that holds one row of each partition, and says that it holds `count`. */
function over(count: number): Source {
  const read: number[] = [];
  const sets = new ItemSets({
    crypto,
    countOf: () => count,
    follow: () => Promise.resolve(),
    read: ({ partition }) => {
      read.push(partition);
      const key = Buffer.from(`of ${partition}`);
      return { rows: [{ row: 1, key, digest: crypto.sha256(key) }], next: null };
    },
  });
  return { sets, read };
}

function partition(number: number): PartitionId {
  return { namespaceId: PLACE.namespaceId, partition: number };
}

test('sets that nobody uses make room for others, those in use do not', async (t) => {
  const { sets, read } = over(Math.floor(ITEMS_MAX / 3));
  t.after(() => sets.close());
  const leases = [];
  for (const number of [0, 1, 2]) leases.push(await sets.open(partition(number)));
  await assert.rejects(sets.open(partition(3)), { code: 'overloaded' });
  leases[1]?.release();
  (await sets.open(partition(3))).release();
  assert.deepEqual(
    leases.map((lease) => lease.isCurrent),
    [true, false, true],
  );
  (await sets.open(partition(0))).release();
  assert.deepEqual(read, [0, 1, 2, 3], 'what is kept is not read again');
  (await sets.open(partition(1))).release();
  assert.deepEqual(read, [0, 1, 2, 3, 1]);
});

test('a partition with more items than all sets may have is kept alone', async (t) => {
  const { sets } = over(2 * ITEMS_MAX);
  t.after(() => sets.close());
  const large = await sets.open(partition(0));
  await assert.rejects(sets.open(partition(1)), { code: 'overloaded' });
  large.release();
  const other = await sets.open(partition(1));
  assert.equal(large.isCurrent, false);
  other.release();
});

test('a row that was lost ends the set, and so does a writer that ended by itself', async (t) => {
  const { sets, read } = over(1);
  t.after(() => sets.close());
  const lease = await sets.open(partition(0));
  assert.equal(lease.set.size, 1);
  const log = new ChangeLog();
  log.add(partition(0), Buffer.from('k'), { gone: null, come: crypto.sha256(Buffer.from('1')) }, 7);
  log.add(partition(1), Buffer.from('k'), { gone: null, come: crypto.sha256(Buffer.from('1')) }, 7);
  sets.changed(log.take());
  assert.equal(lease.set.size, 2);
  const loss = new ChangeLog();
  loss.lose(partition(0));
  sets.changed(loss.take());
  assert.equal(lease.isCurrent, false);
  lease.release();
  const again = await sets.open(partition(0));
  assert.deepEqual(read, [0, 0]);
  sets.clear();
  assert.equal(again.isCurrent, false);
  assert.equal(sets.isFollowing, false);
  again.release();
});

test('a set that cannot be read is tried again by whoever asks next', async (t) => {
  let isBroken = true;
  const sets = new ItemSets({
    crypto,
    countOf: () => 1,
    follow: () => Promise.resolve(),
    read: () => {
      if (isBroken) throw new Error('the disk says nothing');
      return { rows: [], next: null };
    },
  });
  t.after(() => sets.close());
  await assert.rejects(sets.open(partition(0)), /the disk says nothing/);
  isBroken = false;
  (await sets.open(partition(0))).release();
});

function stampOf({ ms, counter, digest }: SignedRecord): Pick<SignedRecord, 'ms' | 'counter' | 'digest'> {
  return { ms, counter, digest };
}
