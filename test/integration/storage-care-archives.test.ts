import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ImportReport } from '../../node/index.ts';
import { restore } from '../../node/storage/maintenance/backup/restore.ts';
import { bytesOfAll, piecesOf } from '../support/blobs.ts';
import { SWARM } from '../support/envelopes.ts';
import { assertServed, careOf, type Kept, startKept, valueOf } from '../support/kept-nodes.ts';
import { startNode } from '../support/node.ts';
import { scratch, until } from '../support/processes.ts';
import { record } from '../support/records.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { codeOf, idOf, named, read } from '../support/storage.ts';

const NEVER = new AbortController().signal;
const KIB = 1024;
const RECORD_BYTES = 3 * KIB;
const BLOB_BYTES = 1_300 * KIB;

const exported = (kept: Kept): Promise<Buffer> => bytesOfAll(careOf(kept).export({ signal: NEVER }));
const imported = (kept: Kept, archive: Uint8Array): Promise<ImportReport> =>
  careOf(kept).import(piecesOf(archive, 10_000), { signal: NEVER });

/** The frames of a CARv1 by its specification alone. */
function framesOf(archive: Buffer): { at: number; end: number; body: Buffer }[] {
  const frames = [];
  for (let at = 0; at < archive.length; ) {
    let length = 0;
    let start = at;
    for (let shift = 0; ; shift += 7) {
      const byte = archive[start++] ?? 0;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    frames.push({ at, end: start + length, body: archive.subarray(start, start + length) });
    at = start + length;
  }
  return frames;
}

/** What the command does with the last block: the header names it. */
function withRoot(archive: Buffer): Buffer {
  const whole = Buffer.from(archive);
  const [header] = framesOf(whole);
  const root = framesOf(whole).at(-1)?.body.subarray(0, 36) ?? Buffer.alloc(0);
  assert.ok(header !== undefined);
  // CBOR of a CID: a byte string that begins with zero
  const at =
    header.body.indexOf(Buffer.from([0x58, 0x25, 0x00])) + header.body.byteOffset - whole.byteOffset + 3;
  root.copy(whole, at);
  return whole;
}

test('an archive carries records and blobs into another swarm; what is not right in it is refused by name', async (t) => {
  const [from] = (await startKept(t, 1)) as [Kept];
  const [to] = (await startKept(t, 1)) as [Kept];
  const keys = Array.from({ length: 12 }, (_, n) => `key-${n}`);
  for (const key of keys) await from.node.storage.put(named(key), valueOf(key, RECORD_BYTES));
  await from.node.storage.put(named('blob'), valueOf('blob', BLOB_BYTES));
  await from.node.storage.put(named('gone'), valueOf('gone', 10));
  await from.node.storage.delete(named('gone'));

  const stream = await exported(from);
  const unfinished = await imported(to, stream.subarray(0, stream.length / 2));
  assert.equal(unfinished.fault?.code, 'bad_archive');
  const archive = withRoot(stream);
  for (const { body } of framesOf(archive).slice(1)) {
    assert.deepEqual(createHash('sha256').update(body.subarray(36)).digest(), body.subarray(4, 36));
  }
  const first = await imported(to, archive);
  assert.deepEqual([first.fault, first.refused], [null, 0], JSON.stringify(first));
  assert.equal(first.records + unfinished.records, keys.length + 1);
  for (const key of keys) await assertServed(to.node, key, RECORD_BYTES);
  await assertServed(to.node, 'blob', BLOB_BYTES);
  assert.equal(await to.node.storage.get(named('gone')), null);
  const again = await imported(to, archive);
  assert.deepEqual([again.records, again.present, again.fault], [0, keys.length + 1, null]);

  const flipped = Buffer.from(archive);
  flipped[Math.floor(flipped.length / 3)] = (flipped[Math.floor(flipped.length / 3)] ?? 0) ^ 1;
  assert.equal((await imported(to, flipped)).fault?.code, 'bad_archive');
  for (const cut of [10, archive.length - 1, framesOf(archive).at(-1)?.at ?? 0]) {
    const report = await imported(to, archive.subarray(0, cut));
    assert.equal(report.fault?.code, 'bad_archive', `${cut}`);
  }
});

/** A block of DAG-CBOR with its length and its CID. */
function blockOf(bytes: Buffer): Buffer {
  const cid = Buffer.concat([Buffer.of(0x01, 0x71, 0x12, 0x20), createHash('sha256').update(bytes).digest()]);
  const length = cid.length + bytes.length;
  return Buffer.concat([Buffer.of((length % 128) + 128, Math.floor(length / 128)), cid, bytes]);
}

test('forged records in an archive are refused, and those around them are taken', async (t) => {
  const [kept] = (await startKept(t, 1)) as [Kept];
  await kept.node.storage.put(named('good'), valueOf('good', 10));
  const stream = await exported(kept);
  const [header, ...blocks] = framesOf(stream).map(({ at, end }) => stream.subarray(at, end));
  const forged = Buffer.from(record());
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  const report = await imported(kept, Buffer.concat([header ?? Buffer.alloc(0), blockOf(forged), ...blocks]));
  assert.deepEqual(
    report.reasons.map(({ code, count }) => [code, count]),
    [['record_signature', 1]],
  );
  assert.equal(report.present, 1);
  assert.equal(await read(kept.node, 'greeting'), null);
});

test('a backup of a running node is exact, and is restored into an empty one', async (t) => {
  const directory = join(scratch(t), 'backup');
  const [kept] = (await startKept(t, 1)) as [Kept];
  const keys = Array.from({ length: 20 }, (_, n) => `key-${n}`);
  for (const key of keys) await kept.node.storage.put(named(key), valueOf(key, RECORD_BYTES));
  await kept.node.storage.put(named('blob'), valueOf('blob', BLOB_BYTES));
  const leaving = new AbortController();
  const writing = (async () => {
    for (let n = 0; !leaving.signal.aborted; n++)
      await kept.node.storage.put(named(`later-${n}`), valueOf('later', 100));
  })();
  const options = { directory, isKeyIncluded: true, isCopied: false, signal: NEVER };
  const report = await careOf(kept).backup(options);
  leaving.abort();
  await writing;
  assert.deepEqual(report.keys, ['storage.key']);
  assert.equal(await codeOf(careOf(kept).backup(options)), 'not_empty');
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile())
      assert.equal(statSync(join(entry.parentPath, entry.name)).mode & 0o077, 0, entry.name);
  }

  await kept.node.stop();
  const init = { directory, data: kept.data, swarm: SWARM };
  assert.equal(await codeOf(restore({ logger: silentLogger() }, init)), 'not_empty');
  rmSync(join(kept.data, 'storage'), { recursive: true });
  rmSync(join(kept.data, 'storage.key'));
  const other = { ...init, swarm: 'another' };
  assert.equal(await codeOf(restore({ logger: silentLogger() }, other)), 'bad_backup');
  const path = join(directory, 'storage/records/records.db');
  const bytes = readFileSync(path);
  writeFileSync(path, Buffer.concat([bytes.subarray(0, -1), Buffer.of((bytes.at(-1) ?? 0) ^ 1)]));
  assert.equal(await codeOf(restore({ logger: silentLogger() }, init)), 'bad_backup');
  assert.ok(!existsSync(join(kept.data, 'storage/records')), 'nothing is left of one that was refused');
  writeFileSync(path, bytes);
  await restore({ logger: silentLogger() }, init);
  kept.node = await startNode(t, { data: kept.data });
  for (const key of keys) await assertServed(kept.node, key, RECORD_BYTES);
  await assertServed(kept.node, 'blob', BLOB_BYTES);
});

test('a node that was restored serves nothing of it before it has reconciled with the other homes', async (t) => {
  const directory = join(scratch(t), 'backup');
  const kept = await startKept(t, 3);
  const [first, ...others] = kept as [Kept, ...Kept[]];
  for (const key of ['kept', 'changed', 'deleted']) {
    await first.node.storage.put(named(key), Buffer.from(`first ${key}`), { durability: 'all' });
  }
  await careOf(first).backup({ directory, isKeyIncluded: false, isCopied: true, signal: NEVER });
  await first.node.storage.put(named('changed'), Buffer.from('second'), { durability: 'all' });
  await first.node.storage.delete(named('deleted'), { durability: 'all' });
  await first.node.stop();
  const away = join(first.data, 'away');
  mkdirSync(away);
  renameSync(join(first.data, 'storage'), join(away, 'storage'));
  await restore({ logger: silentLogger() }, { directory, data: first.data, swarm: SWARM });

  first.node = await startNode(t, { data: first.data, through: others.map(({ node }) => node) });
  const now = async (key: string): Promise<string | null> => {
    const found = await first.node.storage.get(named(key), { consistency: 'one' }).catch(() => null);
    return found?.value ? Buffer.from(found.value).toString() : null;
  };
  await until('it is synced again', async () => {
    assert.ok([null, 'second'].includes(await now('changed')));
    assert.equal(await now('deleted'), null);
    const { holders } = await first.node.storage.where(named('changed'));
    const own = holders.find(({ id }) => id === idOf(first.node));
    // what it holds is as good as nothing before it has reconciled
    if (own?.isSynced !== true) assert.equal(own?.etag ?? null, null);
    return holders.length === 3 && holders.every(({ isSynced }) => isSynced === true);
  });
  assert.equal(await read(first.node, 'changed'), 'second');
  assert.equal(await read(first.node, 'kept'), 'first kept');
  assert.equal(await read(first.node, 'deleted'), null);
});
