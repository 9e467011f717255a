import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { BlobStore } from '../../../../node/blobs/interface.ts';
import {
  type BlobLink,
  type BlockRef,
  cidText,
  type GetBlock,
  PROFILE,
  parseCid,
} from '../../../../protocols/blobs/index.ts';
import {
  NAMESPACE,
  NEVER,
  openBlobs,
  putBytes,
  readAll,
  recordReference,
} from '../../../support/blob-store.ts';
import { bytesOfAll, pattern, piecesOf } from '../../../support/blobs.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { Program, scratch, until } from '../../../support/processes.ts';
import { NO_MOUNT, smallDisk } from '../../../support/small-disk.ts';

const MIB = PROFILE.chunkBytes;
const RATE = 2 ** 40;
const KILLS = 3;
const WRITER = fileURLToPath(new URL('../../../support/blob-writer.ts', import.meta.url));

function filesIn(data: string): string[] {
  return globSync('storage/blobs/blocks/*/*', { cwd: data }).map((name) => join(data, name));
}

function flipBit(path: string): void {
  const bytes = readFileSync(path);
  const at = Math.floor(Math.random() * bytes.byteLength);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(Math.random() * 8));
  writeFileSync(path, bytes);
}

/** Blocks out of another store, and which were asked for. */
function servedBy(store: BlobStore): { readonly getBlock: GetBlock; readonly asked: BlockRef[] } {
  const asked: BlockRef[] = [];
  return {
    asked,
    getBlock: (ref) => {
      asked.push(ref);
      return store.block(ref.cid);
    },
  };
}

function fetchFrom(store: BlobStore, link: BlobLink, getBlock: GetBlock, signal = NEVER): Promise<void> {
  return store.fetch(link, { namespaceId: NAMESPACE, getBlock, signal });
}

test('a flipped bit in any block is never served; a scrub names all of them, and a fetch repairs them', async (t) => {
  const data = scratch(t);
  const whole = openBlobs(scratch(t));
  const store = openBlobs(data);
  t.after(() => Promise.all([store.close(), whole.close()]));
  const bytes = pattern(6 * MIB + 99);
  const link = await putBytes(store, bytes);
  await putBytes(whole, bytes);
  const paths = filesIn(data);
  assert.equal(paths.length, 8);
  const removed = paths.pop() ?? '';
  const cut = paths.pop() ?? '';
  rmSync(removed);
  truncateSync(cut, 20);
  for (const path of paths) flipBit(path);

  const bad = [...paths, cut, removed].map((path) => path.slice(path.lastIndexOf('/') + 1));
  for (const name of bad) {
    await assert.rejects(store.block(parseCid(name) ?? new Uint8Array()), { code: 'corrupt' });
  }
  const report = await store.scrub({ bytesPerSecond: RATE, signal: NEVER });
  assert.equal(report.broken, 8);
  assert.deepEqual(report.named.toSorted(), bad.toSorted());
  assert.equal(store.metrics.corruptions, 8);
  assert.equal(store.stat(link.cid)?.isComplete, false);
  await assert.rejects(readAll(store, link), { code: 'not_found' });
  assert.throws(() => store.hold(recordReference('key'), link.cid), { code: 'not_found' });

  await fetchFrom(store, link, servedBy(whole).getBlock);
  assert.ok((await readAll(store, link)).equals(bytes));
  assert.equal((await store.scrub({ bytesPerSecond: RATE, signal: NEVER })).broken, 0);
});

test('a read that meets a flipped bit in the middle ends there, with nothing false before', async (t) => {
  const data = scratch(t);
  const store = openBlobs(data);
  t.after(() => store.close());
  const bytes = pattern(3 * MIB);
  const link = await putBytes(store, bytes);
  const first = (await bytesOfAll(store.read(link, { start: 0, end: 1 }, NEVER))).byteLength;
  assert.equal(first, 1);
  for (const path of filesIn(data).filter((one) => !one.endsWith(cidText(link.cid)))) flipBit(path);
  await assert.rejects(readAll(store, link), { code: 'corrupt' });
});

test('a scrub keeps to its rate and ends with its signal', async (t) => {
  const store = openBlobs(scratch(t));
  t.after(() => store.close());
  await putBytes(store, pattern(2 * MIB));
  const controller = new AbortController();
  // a byte a second: it would take weeks
  const scrub = store.scrub({ bytesPerSecond: 1, signal: controller.signal });
  await until('the first block', () => store.metrics.blocksScrubbed === 1);
  controller.abort();
  await assert.rejects(scrub, { name: 'AbortError' });
});

test('a fetch that is broken off goes on where it was, and asks for what is missing only', async (t) => {
  const from = openBlobs(scratch(t));
  const store = openBlobs(scratch(t));
  t.after(() => Promise.all([store.close(), from.close()]));
  const bytes = pattern(12 * MIB + 1);
  const link = await putBytes(from, bytes);
  const { getBlock } = servedBy(from);
  let left = 10;
  const breaking: GetBlock = (ref, signal) => {
    left -= 1;
    return left < 0 ? Promise.reject(new Error('the peer left')) : getBlock(ref, signal);
  };
  await assert.rejects(fetchFrom(store, link, breaking), /the peer left/);
  const { blocks = 0, isComplete } = store.stat(link.cid) ?? {};
  assert.equal(isComplete, false);
  assert.ok(blocks >= 8, `${blocks} blocks came`);
  const rest = servedBy(from);
  await fetchFrom(store, link, rest.getBlock);
  assert.equal(rest.asked.length, 14 - blocks);
  assert.ok((await readAll(store, link)).equals(bytes));
  const again = servedBy(from);
  await fetchFrom(store, link, again.getBlock);
  assert.equal(again.asked.length, 0);
});

test('a peer that gives other bytes gets nowhere', async (t) => {
  const from = openBlobs(scratch(t));
  const store = openBlobs(scratch(t));
  t.after(() => Promise.all([store.close(), from.close()]));
  const link = await putBytes(from, pattern(2 * MIB));
  const wrong: GetBlock = async (ref) => Buffer.from(await from.block(ref.cid)).fill(9, 0, 3);
  const short: GetBlock = async (ref) => (await from.block(ref.cid)).subarray(1);
  await assert.rejects(fetchFrom(store, link, wrong), { code: 'block_hash' });
  await assert.rejects(fetchFrom(store, link, short), { code: 'block_shape' });
  const lie = { ...link, size: 2 * MIB + 1 };
  await assert.rejects(fetchFrom(store, lie, servedBy(from).getBlock), { code: 'block_shape' });
  assert.equal(store.usage().blocks, 0);
});

test('a full disk refuses by name and reads on; it recovers', { skip: NO_MOUNT }, async (t) => {
  const disk = smallDisk(t, 40 * MIB);
  if (disk === null) return t.skip('mounting a tmpfs is not allowed here');
  const clock = new ManualClock(Date.now());
  const store = openBlobs(disk, { clock, graceMs: 1000 });
  t.after(() => store.close());
  const kept = await putBytes(store, pattern(4 * MIB));
  store.hold(recordReference('kept'), kept.cid);
  const ballast = join(disk, 'ballast');
  spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=1M', 'count=17']);
  const upload = store.begin(NAMESPACE);
  const more = (): AsyncGenerator<Uint8Array> =>
    piecesOf(Buffer.alloc(8 * MIB, 3).subarray(upload.offset), MIB);
  // all of the same chunk: each other one is a byte different
  const distinct = async function* (): AsyncGenerator<Uint8Array> {
    let number = upload.offset / MIB;
    for await (const piece of more()) yield Buffer.from(piece).fill(number++, 0, 1);
  };
  await assert.rejects(upload.finish(distinct(), NEVER), { code: 'no_room' });
  assert.equal((await readAll(store, kept)).byteLength, 4 * MIB);
  rmSync(ballast);
  const link = await upload.finish(distinct(), NEVER);
  assert.equal((await readAll(store, link)).byteLength, 8 * MIB);
  // not even the reserve is there: nothing can be written at all
  spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4096', 'count=20000']);
  await assert.rejects(putBytes(store, pattern(100)), { code: 'no_room' });
  assert.equal((await readAll(store, kept)).byteLength, 4 * MIB);
  rmSync(ballast);
  clock.advance(10_000);
  const { blobs } = await store.collect();
  assert.ok(blobs >= 1, 'what nobody refers to is collected');
  assert.equal((await readAll(store, kept)).byteLength, 4 * MIB);
});

test('after a kill -9 at any moment every blob that was held is there, and uploads go on', async (t) => {
  const data = scratch(t);
  const held: BlobLink[] = [];
  const uploads: string[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const program = new Program(t, process.execPath, [WRITER, data]);
    const enough = 1 + Math.floor(Math.random() * 5);
    await until('blobs', () => (program.stdout.match(/^held /gm)?.length ?? 0) >= enough);
    await program.end('SIGKILL');
    for (const [, cid = '', size] of program.stdout.matchAll(/^held (\S+) (\d+)$/gm)) {
      held.push({ cid: parseCid(cid) ?? new Uint8Array(), size: Number(size) });
    }
    for (const [, id = ''] of program.stdout.matchAll(/^upload (\S+)$/gm)) uploads.push(id);
  }
  const clock = new ManualClock(Date.now());
  const store = openBlobs(data, { clock, graceMs: 0 });
  t.after(() => store.close());
  assert.ok(held.length >= KILLS);
  for (const link of held) assert.equal((await readAll(store, link)).byteLength, link.size);
  for (const id of uploads) {
    const upload = store.resume(NAMESPACE, id);
    const link = await upload.finish(piecesOf(pattern(10), 10), NEVER);
    assert.equal(link.size, upload.offset + 10);
    assert.equal((await readAll(store, link)).byteLength, link.size);
    store.hold(recordReference(id), link.cid);
  }
  clock.advance(1000);
  await store.collect();
  for (const link of held) assert.equal((await readAll(store, link)).byteLength, link.size);
  assert.equal((await store.scrub({ bytesPerSecond: RATE, signal: NEVER })).broken, 0);
  // collection left no file that the catalogue does not know
  assert.equal(filesIn(data).length, store.usage().blocks);
});

test('a damaged catalogue is set aside; the blobs are fetched again', async (t) => {
  const data = scratch(t);
  const from = openBlobs(scratch(t));
  const bytes = pattern(2 * MIB);
  const link = await putBytes(from, bytes);
  const first = openBlobs(data);
  await putBytes(first, bytes);
  await first.close();
  writeFileSync(join(data, 'storage/blobs/catalogue.db'), Buffer.alloc(20_000, 0x55));
  const store = openBlobs(data);
  t.after(() => Promise.all([store.close(), from.close()]));
  assert.equal(store.metrics.resets, 1);
  assert.equal(store.stat(link.cid), null);
  await fetchFrom(store, link, servedBy(from).getBlock);
  assert.ok((await readAll(store, link)).equals(bytes));
});

test('a key that is gone is said, and no other is made', async (t) => {
  const data = scratch(t);
  const store = openBlobs(data);
  await putBytes(store, pattern(5));
  await store.close();
  rmSync(join(data, 'storage.key'));
  assert.throws(() => openBlobs(data), { code: 'bad_storage_key' });
});

// SQLite takes such a file for one that it may not write, and says nothing of damage
test('a catalogue whose header says another version is set aside, and blocks on disk are found again', async (t) => {
  for (const at of [18, 19]) {
    const data = scratch(t);
    const bytes = pattern(2 * MIB + 5);
    const first = openBlobs(data);
    const link = await putBytes(first, bytes);
    first.hold(recordReference('k'), link.cid);
    await first.close();
    const path = join(data, 'storage/blobs/catalogue.db');
    const file = readFileSync(path);
    file[at] = 7;
    writeFileSync(path, file);
    const store = openBlobs(data);
    assert.equal(store.metrics.resets, 1, `byte ${at}`);
    assert.equal(store.stat(link.cid), null);
    await fetchFrom(store, link, () => Promise.reject(new Error('nobody has it')));
    assert.deepEqual(await readAll(store, link), Buffer.from(bytes));
    await store.close();
  }
});
