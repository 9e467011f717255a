import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KIND_TOMBSTONE } from '../../../../../protocols/storage/index.ts';
import { scratch } from '../../../../support/processes.ts';
import { heldIn, openStore, PLACE, storable } from '../../../../support/store-records.ts';

const NEVER = new AbortController().signal;
const KEYS = 1200;
const EVERY = 5;
const VALUE_BYTES = 3_000;

test('rows that shrank stand close after a compaction, items follow them, and the disk is given back', async (t) => {
  const data = scratch(t);
  const store = openStore(data);
  t.after(() => store.close());
  const put = (key: string, fields: Partial<Parameters<typeof storable>[0]> = {}) =>
    store.put({ place: PLACE, record: storable({ key, ...fields }), condition: null });
  const keys = Array.from({ length: KEYS }, (_, n) => `key-${String(n).padStart(4, '0')}`);
  await Promise.all(keys.map((key, n) => put(key, { value: Buffer.alloc(VALUE_BYTES, n) })));
  const gone = keys.filter((_, n) => n % EVERY !== 0);
  const deleted = { ms: 2_000_000, time: 2_000_000, kind: KIND_TOMBSTONE, value: Buffer.alloc(0) } as const;
  await Promise.all(gone.map((key) => put(key, deleted)));
  const items = await store.openItems(PLACE);
  const before = await heldIn(store);
  const summary = store.summary(PLACE);

  // writes go on meanwhile, and records of before are read
  const compaction = store.care.compact({ signal: NEVER, isThorough: true });
  const during = put('another');
  assert.equal(store.head(PLACE, keys[0] ?? '')?.key, keys[0]);
  const { moved, bytes } = await compaction;
  assert.equal((await during).status, 'stored');
  assert.ok(moved >= KEYS && bytes > 0, `${moved} ${bytes}`);
  assert.ok(items.isUpToDate);
  const entries = [...items.set.items(0, items.set.size)].map(({ id }) => items.entryOf(id));
  assert.equal(entries.filter((entry) => entry !== null).length, KEYS + 1);
  items.release();
  const held = await heldIn(store);
  assert.deepEqual(
    held.filter(({ key }) => key !== 'another'),
    before,
  );
  assert.equal(store.summary(PLACE)?.count, (summary?.count ?? 0) + 1);
  for (const [n, key] of keys.entries()) {
    const found = store.get(PLACE, key, 3_000_000);
    assert.ok(found !== null && 'record' in found);
    if (n % EVERY === 0) assert.ok(found.record.value.every((byte) => byte === n % 256));
    else assert.equal(found.record.kind, KIND_TOMBSTONE);
  }
  const { size } = statSync(join(data, 'storage/records.db'));
  assert.ok(size <= 1.3 * store.usage().bytes, `${size} for ${store.usage().bytes}`);
  // nothing is to be gained by doing it again
  assert.equal((await store.care.compact({ signal: NEVER, isThorough: true })).moved, 0);
});
