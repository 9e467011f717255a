import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RecordStore } from '../../../../../node/storage/store/interface.ts';
import { CodedError } from '../../../../../protocols/common/errors.ts';
import type { SignedRecord } from '../../../../../protocols/storage/index.ts';
import { scratch, until } from '../../../../support/processes.ts';
import { NO_MOUNT, smallDisk } from '../../../../support/small-disk.ts';
import { heldIn, openStore, PLACE, storable } from '../../../../support/store-records.ts';

const NOW = 1_000_000;
const KEYS = 150;
const FLIPS = 60;
const MIB = 2 ** 20;
/** Written after the damage. */
const ANOTHER = 'another';

function keyOf(index: number): string {
  return `key-${index}`;
}

function put(store: RecordStore, record: SignedRecord, isRepair = false): Promise<{ status: string }> {
  return store.put({ place: PLACE, record, condition: null, isRepair });
}

function isCode(code: string, key?: string): (error: unknown) => boolean {
  return (error) => error instanceof CodedError && error.code === code && error.detail?.['key'] === key;
}

const LATEST = Array.from({ length: KEYS }, (_, index) => storable({ key: `key-${index}`, ms: NOW + 1 }));

function latest(index: number): SignedRecord {
  const record = LATEST[index];
  assert.ok(record !== undefined);
  return record;
}

/** A closed store with KEYS records, each written a second time. */
async function filled(data: string): Promise<Buffer> {
  const store = openStore(data);
  const indexes = Array.from({ length: KEYS }, (_, index) => index);
  await Promise.all(indexes.map((index) => put(store, storable({ key: `key-${index}` }))));
  await Promise.all(indexes.map((index) => put(store, latest(index))));
  await store.close();
  return readFileSync(join(data, 'storage/records.db'));
}

/** Reads everything in every way: what comes is what was written last, or nothing, or `corrupt`. How much came. */
async function readAll(store: RecordStore): Promise<{ right: number; corrupt: string[]; missing: number }> {
  const found = { right: 0, corrupt: [] as string[], missing: 0 };
  const expected = new Map(LATEST.map((record) => [record.key, record]));
  for (const [key, record] of expected) {
    try {
      const held = store.get(PLACE, key, NOW);
      if (held === null) found.missing += 1;
      else {
        assert.ok('record' in held, 'a value does not become a floor');
        assert.deepEqual(Buffer.from(held.record.bytes), Buffer.from(record.bytes));
        found.right += 1;
      }
    } catch (error) {
      assert.ok(error instanceof CodedError && error.code === 'corrupt', String(error));
      found.corrupt.push(key);
    }
  }
  for (const read of [
    () => store.list(PLACE, { prefix: '', after: null, limit: 1000, now: NOW }).entries,
    () => heldIn(store),
  ]) {
    try {
      for (const { key, ms, digest } of await read()) {
        if (key === ANOTHER) continue;
        assert.deepEqual([ms, digest], [NOW + 1, expected.get(key)?.digest]);
      }
    } catch (error) {
      assert.ok(error instanceof CodedError && error.code === 'corrupt', String(error));
    }
  }
  return found;
}

/** The same positions each time, spread over the whole file. */
function positions(length: number): { at: number; bit: number }[] {
  return Array.from({ length: FLIPS }, (_, index) => ({
    at: index < 30 ? index * 3 : Math.floor(((index * 0.618_034) % 1) * length),
    bit: index % 8,
  }));
}

test('a flipped bit anywhere in the file never shows a wrong value, and writing goes on', async (t) => {
  const data = scratch(t);
  const intact = await filled(data);
  const path = join(data, 'storage/records.db');
  const seen = { corrupt: 0, reset: 0, right: 0 };
  for (const { at, bit } of positions(intact.byteLength)) {
    rmSync(join(data, 'storage'), { recursive: true });
    mkdirSync(join(data, 'storage'));
    const flipped = Buffer.from(intact);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
    writeFileSync(path, flipped);
    let store: RecordStore;
    try {
      store = openStore(data);
    } catch (error) {
      assert.ok(error instanceof CodedError, `bit ${bit} of byte ${at}: ${String(error)}`);
      continue;
    }
    try {
      const { corrupt, right } = await readAll(store);
      seen.corrupt += corrupt.length;
      seen.right += right;
      // others have it: the copy is repaired, or everything is fetched anew
      for (const key of corrupt) {
        const repaired = put(store, latest(Number(key.slice(4))), true).catch(
          (error: CodedError) => error.code,
        );
        assert.ok(
          ['stored', 'held', 'corrupt'].includes(
            await repaired.then((r) => (typeof r === 'string' ? r : r.status)),
          ),
        );
      }
      await until(`a write that is taken after bit ${bit} of byte ${at} flipped`, async () => {
        const outcome = await put(store, storable({ key: ANOTHER })).catch((error: CodedError) => error.code);
        return typeof outcome === 'object' && (outcome.status === 'stored' || outcome.status === 'held');
      });
      await readAll(store);
      seen.reset += store.metrics.resets;
    } finally {
      await store.close();
    }
  }
  assert.ok(seen.right > KEYS && seen.corrupt > 0 && seen.reset > 0, JSON.stringify(seen));
});

/** Flips a bit of what is stored of the record: found by its readable key, which stands before it. */
function flipValue(path: string, key: string): void {
  const bytes = readFileSync(path);
  const digest = Buffer.from(latest(Number(key.slice(4))).digest);
  const at = bytes.indexOf(digest) + digest.byteLength + 60;
  assert.ok(at > 100);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

test('a damaged copy is reported with its key, and replaced by a repair only', async (t) => {
  const data = scratch(t);
  await filled(data);
  flipValue(join(data, 'storage/records.db'), 'key-7');
  flipValue(join(data, 'storage/records.db'), 'key-8');
  const store = openStore(data);
  t.after(() => store.close());
  assert.throws(() => store.get(PLACE, 'key-7', NOW), isCode('corrupt', 'key-7'));
  assert.equal((await put(store, latest(7))).status, 'held', 'without opening it nobody sees it');
  assert.equal((await put(store, latest(7), true)).status, 'stored');
  assert.ok(store.get(PLACE, 'key-7', NOW));
  assert.equal((await put(store, latest(7), true)).status, 'held');
  assert.equal(
    (await put(store, storable({ key: 'key-9' }), true)).status,
    'stale',
    'a good copy is not replaced by an older one',
  );
  assert.equal(await store.discard(PLACE, 'key-9'), false);
  assert.equal(await store.discard(PLACE, 'key-8'), true);
  assert.equal(store.get(PLACE, 'key-8', NOW), null);
  assert.equal(store.totals(PLACE.namespaceId)?.keys, KEYS - 1);
});

test('a database that is none is set aside, said so, and begun anew; a second one replaces the first', async (t) => {
  const data = scratch(t);
  const path = join(data, 'storage/records.db');
  await filled(data);
  for (let round = 0; round < 2; round++) {
    writeFileSync(path, `this is no database ${round}`.repeat(1000));
    const reasons: string[] = [];
    const store = openStore(data, { onReset: (reason) => reasons.push(reason) });
    assert.equal(reasons.length, 1);
    assert.equal(store.metrics.resets, 1);
    assert.equal(store.get(PLACE, 'key-1', NOW), null);
    assert.equal(store.getState(PLACE), null);
    assert.equal((await put(store, latest(1))).status, 'stored');
    await store.close();
    assert.match(readFileSync(`${path}.damaged`, 'utf8'), new RegExp(`no database ${round}`));
  }
  assert.deepEqual(readdirSync(join(data, 'storage')).toSorted(), ['records.db', 'records.db.damaged']);
});

test('damage that shows while it runs makes it begin anew', async (t) => {
  const data = scratch(t);
  const intact = await filled(data);
  const path = join(data, 'storage/records.db');
  // everything after the first pages: the schema reads, the tables do not
  writeFileSync(
    path,
    Buffer.concat([intact.subarray(0, 8 * 8192), Buffer.alloc(intact.byteLength - 8 * 8192, 0x5a)]),
  );
  const reasons: string[] = [];
  const store = openStore(data, { onReset: (reason) => reasons.push(reason) });
  t.after(() => store.close());
  await until('the damage is found', async () => {
    await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) => put(store, storable({ key: `more-${index}` }))),
    );
    try {
      store.list(PLACE, { prefix: '', after: null, limit: 1000, now: NOW });
    } catch (error) {
      assert.ok(error instanceof CodedError && error.code === 'corrupt', String(error));
    }
    return reasons.length > 0;
  });
  assert.equal((await put(store, latest(1))).status, 'stored');
  assert.ok(store.get(PLACE, 'key-1', NOW));
  assert.ok(existsSync(`${path}.damaged`));
});

test('a log that ends anywhere leaves what was written before its end', async (t) => {
  const data = scratch(t);
  const store = openStore(data);
  t.after(() => store.close());
  for (let index = 0; index < 40; index++) await put(store, latest(index));
  const files = ['records.db', 'records.db-wal'].map((name) => join(data, 'storage', name));
  const torn = join(data, 'torn');
  const logBytes = readFileSync(files[1] ?? '').byteLength;
  let most = 0;
  for (const share of [0, 0.1, 0.33, 0.5, 0.77, 0.9, 0.999]) {
    rmSync(torn, { recursive: true, force: true });
    mkdirSync(join(torn, 'storage'), { recursive: true });
    for (const file of files)
      copyFileSync(file, join(torn, 'storage', file.slice(file.lastIndexOf('/') + 1)));
    copyFileSync(join(data, 'storage.key'), join(torn, 'storage.key'));
    truncateSync(join(torn, 'storage/records.db-wal'), Math.floor(logBytes * share));
    const again = openStore(torn);
    const { right, corrupt } = await readAll(again);
    assert.deepEqual(corrupt, []);
    assert.ok(right >= most);
    most = right;
    assert.equal((await put(again, storable({ key: ANOTHER }))).status, 'stored');
    await again.close();
  }
  assert.ok(most >= 38, `${most} of 40`);
});

test('records without their key, or with another, are refused by name and left alone', async (t) => {
  const data = scratch(t);
  const intact = await filled(data);
  const key = join(data, 'storage.key');
  const saved = readFileSync(key);
  rmSync(key);
  assert.throws(() => openStore(data), isCode('bad_storage_key'));
  writeFileSync(key, saved.subarray(0, 20));
  assert.throws(() => openStore(data), isCode('bad_storage_key'));
  const foreign = scratch(t);
  await filled(foreign);
  copyFileSync(join(foreign, 'storage.key'), key);
  assert.throws(() => openStore(data), isCode('bad_storage_key'));
  writeFileSync(key, saved);
  assert.deepEqual(readFileSync(join(data, 'storage/records.db')), intact);
  const store = openStore(data);
  assert.equal((await readAll(store)).right, KEYS);
  await store.close();
});

test('a full disk refuses writes, reads go on, and it recovers by itself', { skip: NO_MOUNT }, async (t) => {
  const disk = smallDisk(t, 6 * MIB);
  if (disk === null) return t.skip('mounting a tmpfs is not allowed here');
  const ballast = join(disk, 'ballast');
  const fill = (bytes: number): void =>
    void spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4096', `count=${Math.ceil(bytes / 4096)}`]);
  const data = scratch(t);
  // from the beginning: not even the database can be made
  fill(8 * MIB);
  const store = openStore(data, { directory: join(disk, 'storage') });
  const tell = (index: number) =>
    put(store, storable({ key: keyOf(index), value: Buffer.alloc(30_000, index) }));
  assert.deepEqual(await tell(0), { status: 'no_room', reason: 'disk' });
  rmSync(ballast);
  assert.equal((await tell(0)).status, 'stored');
  fill(2 * MIB);

  const held = [0];
  let next = 1;
  // first several at a time, then one: a batch may be refused where a single write still fits
  for (const atOnce of [4, 1]) {
    let isFull = false;
    while (!isFull) {
      const outcomes = await Promise.all(Array.from({ length: atOnce }, (_, index) => tell(next + index)));
      for (const [index, outcome] of outcomes.entries()) {
        if (outcome.status === 'stored') held.push(next + index);
        else assert.deepEqual(outcome, { status: 'no_room', reason: 'disk' });
      }
      isFull = outcomes.some(({ status }) => status === 'no_room');
      next += atOnce;
    }
  }
  const readHeld = (from: RecordStore): void => {
    for (const index of held) {
      const record = from.get(PLACE, keyOf(index), NOW);
      assert.ok(
        record !== null && 'record' in record && record.record.value[5] === index % 256,
        keyOf(index),
      );
    }
  };
  readHeld(store);
  assert.equal((await tell(next)).status, 'no_room');
  const state = { large: 'x'.repeat(3000) };
  const outcome = await store.setState(PLACE, state).catch((error: CodedError) => error.code);
  assert.ok(outcome === undefined || outcome === 'no_room');
  assert.ok(store.metrics.diskRefusals > 0);
  assert.equal(store.metrics.resets, 0);
  rmSync(ballast);
  assert.equal((await tell(next)).status, 'stored', 'there is space again');
  held.push(next);
  readHeld(store);
  await store.close();
  const again = openStore(data, { directory: join(disk, 'storage') });
  readHeld(again);
  await again.close();
});
