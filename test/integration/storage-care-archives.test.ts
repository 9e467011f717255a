import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { ImportReport } from '../../node/index.ts';
import { bytesOfAll, piecesOf } from '../support/blobs.ts';
import { assertServed, careOf, type Kept, startKept, valueOf } from '../support/kept-nodes.ts';
import { record } from '../support/records.ts';
import { named, read } from '../support/storage.ts';

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

/** Puts the last block's CID into the header, as the command does. */
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
