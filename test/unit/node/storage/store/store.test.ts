import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RecordStore } from '../../../../../node/storage/store/interface.ts';
import { CodedError } from '../../../../../protocols/common/errors.ts';
import { KIND_FLOOR, type SignedRecord } from '../../../../../protocols/storage/index.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import { scratch } from '../../../../support/processes.ts';
import { heldIn, openStore, PLACE, storable } from '../../../../support/store-records.ts';

const NOW = 1_000_000;

function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof CodedError && error.code === code;
}

async function put(store: RecordStore, record: SignedRecord): Promise<string> {
  return (await store.put({ place: PLACE, record, condition: null })).status;
}

function valueOf(store: RecordStore, key: string, now = NOW): string | null {
  const held = store.get(PLACE, key, now);
  return held !== null && 'record' in held ? Buffer.from(held.record.value).toString() : null;
}

function keysOf(store: RecordStore, prefix = '', now = NOW): string[] {
  return store.list(PLACE, { prefix, after: null, limit: 1000, now }).entries.map(({ key }) => key);
}

test('a store that was never written to has no files but answers', async (t) => {
  const data = scratch(t);
  const store = openStore(data);
  assert.equal(store.get(PLACE, 'a', NOW), null);
  assert.deepEqual(keysOf(store), []);
  assert.equal(store.usage().bytes, 0);
  await store.close();
  assert.equal(existsSync(join(data, 'storage.key')), false);
  assert.equal(existsSync(join(data, 'storage/records.db')), false);
  assert.throws(() => store.get(PLACE, 'a', NOW), isCode('closed'));
  await assert.rejects(put(store, storable({ key: 'a' })), isCode('closed'));
});

test('what is written is read, also by the next process, and is not on disk in the clear', async (t) => {
  const data = scratch(t);
  const store = openStore(data);
  const record = storable({
    key: 'clé\0\u{1f511}',
    value: Buffer.from('a secret value'),
    contentType: 'text/plain',
  });
  assert.equal(await put(store, record), 'stored');
  assert.equal(await put(store, record), 'held');
  await store.close();
  await store.close();

  const files = ['records.db'].map((name) => readFileSync(join(data, 'storage', name)));
  assert.ok(Buffer.concat(files).includes(Buffer.from(record.key)), 'keys are readable');
  assert.equal(Buffer.concat(files).includes('a secret value'), false);
  assert.equal(statSync(join(data, 'storage.key')).mode & 0o777, 0o600);
  assert.equal(statSync(join(data, 'storage')).mode & 0o777, 0o700);

  const again = openStore(data);
  t.after(() => again.close());
  const held = again.get(PLACE, record.key, NOW);
  assert.ok(held !== null && 'record' in held);
  assert.deepEqual(Buffer.from(held.record.bytes), Buffer.from(record.bytes));
  assert.equal(again.head(PLACE, record.key)?.ms, record.ms);
});

test('only what is above what is held replaces it, by version and then by digest', async (t) => {
  const store = openStore(scratch(t));
  t.after(() => store.close());
  const [low, high] = [
    storable({ key: 'k', value: Buffer.from('1') }),
    storable({ key: 'k', value: Buffer.from('2') }),
  ].toSorted((a, b) => Buffer.compare(a.digest, b.digest));
  assert.ok(low !== undefined && high !== undefined);
  assert.equal(await put(store, high), 'stored');
  const outcome = await store.put({ place: PLACE, record: low, condition: null });
  assert.equal(outcome.status, 'stale');
  assert.deepEqual('current' in outcome && outcome.current?.digest, high.digest);
  assert.equal(await put(store, storable({ key: 'k', counter: 1 })), 'stored');
  assert.equal(await put(store, high), 'stale');
  assert.equal(await put(store, storable({ key: 'k', ms: 999_999, counter: 9 })), 'stale');
});

test('conditions are checked one after another within a batch', async (t) => {
  const clock = new ManualClock(NOW);
  const store = openStore(scratch(t), { clock });
  t.after(() => store.close());
  const absent = (ms: number) =>
    store.put({
      place: PLACE,
      record: storable({ key: 'k', ms, expiry: ms + 500 }),
      condition: { kind: 'absent' },
    });
  const outcomes = await Promise.all([absent(NOW), absent(NOW + 1), absent(NOW + 2)]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['stored', 'condition', 'condition'],
  );
  assert.equal(store.metrics.batches, 1);

  const first = storable({ key: 'k', ms: NOW, expiry: NOW + 500 });
  const second = storable({ key: 'k', ms: NOW + 10 });
  const match = { kind: 'match', stamp: first } as const;
  assert.equal((await store.put({ place: PLACE, record: second, condition: match })).status, 'stored');
  const third = storable({ key: 'k', ms: NOW + 20, kind: 1, value: new Uint8Array() });
  const refused = await store.put({ place: PLACE, record: third, condition: match });
  assert.deepEqual(refused, {
    status: 'condition',
    current: { ms: second.ms, counter: 0, digest: second.digest },
  });
  const notAbove = { kind: 'notAbove', stamp: second } as const;
  assert.equal((await store.put({ place: PLACE, record: third, condition: notAbove })).status, 'stored');
  const fourth = storable({ key: 'k', ms: NOW + 30 });
  assert.equal((await store.put({ place: PLACE, record: fourth, condition: notAbove })).status, 'condition');
  assert.equal((await absent(NOW + 40)).status, 'stored', 'a tombstone is no live value');
  clock.advance(10_000);
  assert.equal((await absent(NOW + 50)).status, 'stored', 'an expired value is none, either');
  const missing = await store.put({ place: PLACE, record: storable({ key: 'other' }), condition: match });
  assert.deepEqual(missing, { status: 'condition', current: null });
});

test('lists hold live values by prefix in bytewise order, page by page; items are everything', async (t) => {
  const store = openStore(scratch(t));
  t.after(() => store.close());
  const keys = ['a', 'a\0', 'a/1', 'a/10', 'a/2', 'a/\u{10ffff}', 'b', 'z', 'é', '\u{1f511}', '\uffee'];
  for (const key of keys.toReversed()) await put(store, storable({ key }));
  await put(store, storable({ key: 'a/3', kind: 1, value: new Uint8Array() }));
  await put(store, storable({ key: 'a/4', expiry: NOW + 1 }));
  const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  assert.deepEqual(keysOf(store, '', NOW + 1), sorted);
  assert.deepEqual(keysOf(store, 'a/', NOW), ['a/1', 'a/10', 'a/2', 'a/4', 'a/\u{10ffff}']);
  assert.deepEqual(keysOf(store, 'a/1'), ['a/1', 'a/10']);
  assert.deepEqual(keysOf(store, 'nothing'), []);
  const paged: string[] = [];
  let after: string | null = null;
  do {
    const page = store.list(PLACE, { prefix: 'a', after, limit: 2, now: NOW + 1 });
    paged.push(...page.entries.map(({ key }) => key));
    after = page.next;
  } while (after !== null);
  assert.deepEqual(
    paged,
    sorted.filter((key) => key.startsWith('a')),
  );
  const held = await heldIn(store);
  assert.equal(held.length, keys.length + 2);
  assert.deepEqual(
    held.filter(({ key }) => key.startsWith('a/')).map(({ key, kind }) => [key, kind]),
    [
      ['a/1', 0],
      ['a/10', 0],
      ['a/2', 0],
      ['a/3', 1],
      ['a/4', 0],
      ['a/\u{10ffff}', 0],
    ],
  );
});

test('a page passes over many floors without reading on without end', async (t) => {
  const store = openStore(scratch(t));
  t.after(() => store.close());
  const floors = Array.from({ length: 2500 }, (_, index) => ({ ...storable({ key: `f${index}` }) }));
  assert.equal(await store.raiseFloors(PLACE, floors), 2500);
  await put(store, storable({ key: 'g' }));
  const first = store.list(PLACE, { prefix: '', after: null, limit: 10, now: NOW });
  assert.deepEqual(first.entries, []);
  assert.ok(first.next !== null);
  const second = store.list(PLACE, { prefix: '', after: first.next, limit: 10, now: NOW });
  assert.deepEqual(
    second.entries.map(({ key }) => key),
    ['g'],
  );
  assert.equal(second.next, null);
});

test('what expired or was deleted leaves a floor: nothing as old comes back', async (t) => {
  const data = scratch(t);
  const store = openStore(data);
  const mortal = storable({ key: 'mortal', expiry: NOW + 100 });
  const deleted = storable({ key: 'deleted', kind: 1, value: new Uint8Array() });
  await put(store, mortal);
  await put(store, deleted);
  assert.equal(valueOf(store, 'mortal', NOW + 99), 'value of mortal');
  const { ms, counter, digest } = mortal;
  assert.deepEqual(store.get(PLACE, 'mortal', NOW + 100), { floor: { ms, counter, digest } });
  assert.equal(await store.expire(NOW + 99, 1000), 0);
  assert.equal(await store.expire(NOW + 100, 1000), 1);
  assert.equal(await store.collectTombstones(deleted.ms, 1000), 0);
  assert.equal(await store.collectTombstones(deleted.ms + 1, 1000), 1);
  assert.equal(await store.collectTombstones(deleted.ms + 1, 1000), 0);
  await store.close();

  const again = openStore(data);
  t.after(() => again.close());
  for (const record of [mortal, deleted]) {
    assert.equal(again.head(PLACE, record.key)?.kind, KIND_FLOOR);
    assert.equal(await put(again, record), 'stale');
    assert.equal(await put(again, storable({ key: record.key, ms: NOW - 1 })), 'stale');
    assert.equal(await put(again, storable({ key: record.key, ms: NOW + 1 })), 'stored');
    assert.equal(valueOf(again, record.key), `value of ${record.key}`);
  }
});

test('floors of others raise what is below them only', async (t) => {
  const store = openStore(scratch(t));
  t.after(() => store.close());
  await put(store, storable({ key: 'old', ms: NOW }));
  await put(store, storable({ key: 'new', ms: NOW + 9 }));
  const floors = ['old', 'new', 'unknown'].map((key) => storable({ key, ms: NOW + 5 }));
  assert.equal(await store.raiseFloors(PLACE, floors), 2);
  assert.equal(valueOf(store, 'old'), null);
  assert.equal(valueOf(store, 'new'), 'value of new');
  assert.equal(await put(store, storable({ key: 'unknown', ms: NOW + 4 })), 'stale');
});

test('namespaces and partitions are counted with what they hold', async (t) => {
  const data = scratch(t);
  const store = openStore(data);
  const [here, there] = [
    { ...PLACE, partition: 0 },
    { ...PLACE, partition: 1 },
  ];
  const places = [here, there];
  for (let index = 0; index < 600; index++) {
    await store.put({
      place: index % 2 === 0 ? here : there,
      record: storable({ key: `k${index}` }),
      condition: null,
    });
  }
  const counted = () => [
    store.totals(PLACE.namespaceId)?.keys,
    ...places.map((place) => store.summary(place)?.count),
  ];
  assert.deepEqual(counted(), [600, 300, 300]);
  const sum = places.reduce((bytes, place) => bytes + (store.summary(place)?.bytes ?? 0), 0);
  assert.equal(store.usage().bytes, sum);
  assert.equal(store.partitions({ after: null, limit: 1 }).isEnd, false);
  assert.deepEqual(
    store.partitions({ after: here, limit: 5 }).partitions.map(({ partition }) => partition),
    [1],
  );
  assert.equal(store.namespaces({ after: null, limit: 5 }).namespaces[0]?.namespace, 'tests');
  await store.put({
    place: here,
    record: storable({ key: 'k0', ms: NOW + 1, kind: 1, value: new Uint8Array() }),
    condition: null,
  });
  assert.deepEqual(counted(), [599, 300, 300]);
  await store.dropPartition(there);
  assert.deepEqual(counted(), [299, 300, undefined]);
  assert.equal(store.get(there, 'k1', NOW), null);
  await store.dropPartition(here);
  await store.dropPartition(here);
  assert.equal(store.totals(PLACE.namespaceId), null);
  assert.deepEqual([store.usage().bytes, store.usage().keys], [0, 0]);
  await store.put({ place: here, record: storable({ key: 'anew' }), condition: null });
  assert.deepEqual(counted(), [1, 1, undefined]);
  await store.close();
});

test('quotas of namespaces and the capacity are held; deletions and reads go on', async (t) => {
  let quota = { bytes: 100_000, keys: 3, isSponsored: true };
  const store = openStore(scratch(t), {
    quotaOf: () => quota,
    capacityBytes: () => 20_000,
    unsponsoredBytes: 5000,
  });
  t.after(() => store.close());
  const tell = (key: string, ms = NOW, size = 10) =>
    store.put({ place: PLACE, record: storable({ key, ms, value: new Uint8Array(size) }), condition: null });
  for (const key of ['a', 'b', 'c']) assert.equal((await tell(key)).status, 'stored');
  assert.deepEqual(await tell('d'), { status: 'no_room', reason: 'quota' });
  assert.equal((await tell('c', NOW + 1)).status, 'stored', 'a key that is there may change');
  quota = { ...quota, keys: 100 };
  assert.deepEqual(await tell('d', NOW, 19_500), { status: 'no_room', reason: 'capacity' });
  quota = { ...quota, bytes: 2000 };
  assert.deepEqual(await tell('d', NOW, 1000), { status: 'no_room', reason: 'quota' });
  quota = { bytes: 100_000, keys: 100, isSponsored: false };
  assert.deepEqual(await tell('d', NOW, 4000), { status: 'no_room', reason: 'quota' });
  assert.equal((await tell('d', NOW, 1000)).status, 'stored');
  quota = { bytes: 0, keys: 0, isSponsored: false };
  assert.equal(
    await put(store, storable({ key: 'd', ms: NOW + 1, kind: 1, value: new Uint8Array() })),
    'stored',
  );
  assert.equal((await tell('a', NOW + 1, 10)).status, 'stored', 'nothing more is taken');
  assert.equal((await tell('a', NOW + 2, 11)).status, 'no_room');
});

test('the state of a partition is kept, and goes with it', async (t) => {
  const data = scratch(t);
  const store = openStore(data);
  assert.equal(store.getState(PLACE), null);
  await store.setState(PLACE, { isSynced: true, replicaSet: ['a', 'b'] });
  await store.setState(PLACE, { isSynced: false, replicaSet: ['c'] });
  await assert.rejects(store.setState(PLACE, { long: 'x'.repeat(5000) }), isCode('state_too_large'));
  await store.close();
  const again = openStore(data);
  t.after(() => again.close());
  assert.deepEqual(again.getState(PLACE), { isSynced: false, replicaSet: ['c'] });
  await again.dropPartition(PLACE);
  assert.equal(again.getState(PLACE), null);
});

test('the largest record fits, and writes that wait are bounded in number and bytes', async (t) => {
  const store = openStore(scratch(t));
  t.after(() => store.close());
  const large = storable({ key: 'large', value: new Uint8Array(2 ** 20).fill(3) });
  assert.equal(await put(store, large), 'stored');
  assert.equal(valueOf(store, 'large')?.length, 2 ** 20);
  const bulk = Array.from({ length: 70 }, (_, index) =>
    put(store, { ...large, ms: NOW + index }).catch((error: CodedError) => error.code),
  );
  const outcomes = await Promise.all(bulk);
  assert.ok(outcomes.includes('overloaded'));
  assert.equal(outcomes.filter((outcome) => outcome === 'overloaded').length, 70 - 63);
  const small = storable({ key: 'small' });
  const many = await Promise.all(
    Array.from({ length: 8200 }, () => put(store, small).catch((error: CodedError) => error.code)),
  );
  assert.equal(many.filter((outcome) => outcome === 'overloaded').length, 8200 - 8192);
  assert.equal(await put(store, storable({ key: 'after' })), 'stored');
});

test('writes that wait when the store is closed are written', async (t) => {
  const data = scratch(t);
  const store = openStore(data);
  const writes = Array.from({ length: 300 }, (_, index) => put(store, storable({ key: `k${index}` })));
  const closed = store.close();
  assert.deepEqual(new Set(await Promise.all(writes)), new Set(['stored']));
  await closed;
  assert.equal(existsSync(join(data, 'storage/records.db-wal')), false, 'the log was moved into the file');
  const again = openStore(data);
  t.after(() => again.close());
  assert.equal(keysOf(again).length, 300);
});
