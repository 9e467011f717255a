import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UPLOAD_LIFE_MS } from '../../../../node/blobs/limits.ts';
import { PROFILE } from '../../../../protocols/blobs/index.ts';
import {
  NAMESPACE,
  NEVER,
  openBlobs,
  putBytes,
  readAll,
  recordReference,
} from '../../../support/blob-store.ts';
import { blobOf, bytesOfAll, pattern, piecesOf } from '../../../support/blobs.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const MIB = PROFILE.chunkBytes;
const DOWN_TIMEOUT_MS = 1000;
const scratch = mkdtempSync(join(tmpdir(), 'maillon-blobs-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

function newData(): string {
  return mkdtempSync(join(scratch, 'data-'));
}

function filesIn(data: string): string[] {
  return globSync('storage/blobs/blocks/*/*', { cwd: data });
}

test('what goes in comes out, in any range, after a restart too; files are this user’s alone', async (t) => {
  const data = newData();
  const bytes = pattern(3 * MIB + 12_345);
  const first = openBlobs(data);
  const link = await putBytes(first, bytes);
  assert.deepEqual(link, (await blobOf(piecesOf(bytes, MIB))).link);
  assert.deepEqual(first.stat(link.cid)?.blocks, 5);
  await first.close();
  const store = openBlobs(data);
  t.after(() => store.close());
  assert.equal(store.stat(link.cid)?.isComplete, true);
  assert.ok((await readAll(store, link)).equals(bytes));
  const range = await bytesOfAll(store.read(link, { start: MIB - 2, end: 2 * MIB + 2 }, NEVER));
  assert.ok(range.equals(bytes.subarray(MIB - 2, 2 * MIB + 2)));
  for (const name of filesIn(data)) assert.equal(statSync(join(data, name)).mode & 0o777, 0o600);
  for (const name of ['storage/blobs', 'storage/blobs/blocks']) {
    assert.equal(statSync(join(data, name)).mode & 0o777, 0o700);
  }
  assert.deepEqual(readdirSync(join(data, 'storage/blobs/new')), [], 'nothing temporary is left');
});

test('nothing of what is stored is readable on the disk', async (t) => {
  const data = newData();
  const store = openBlobs(data);
  t.after(() => store.close());
  const secret = Buffer.from('a secret that stands in the file'.repeat(10));
  await putBytes(store, secret);
  for (const name of globSync('**/*', { cwd: data }).filter((one) => statSync(join(data, one)).isFile())) {
    assert.ok(!readFileSync(join(data, name)).includes(secret.subarray(0, 16)), name);
  }
});

test('an upload goes on after a restart where it was; another namespace does not see it', async (t) => {
  const data = newData();
  const bytes = pattern(12 * MIB + 7);
  let store = openBlobs(data);
  const begun = store.begin(NAMESPACE);
  await begun.append(piecesOf(bytes.subarray(0, 10 * MIB + 99), 100_000), NEVER);
  assert.equal(begun.offset, 10 * MIB, 'what does not fill a chunk is sent again');
  await store.close();
  store = openBlobs(data);
  t.after(() => store.close());
  assert.throws(() => store.resume(new Uint8Array(32), begun.id), { code: 'not_found' });
  const upload = store.resume(NAMESPACE, begun.id);
  assert.equal(upload.offset, 10 * MIB);
  const link = await upload.finish(piecesOf(bytes.subarray(upload.offset), 99_999), NEVER);
  assert.deepEqual(link, (await blobOf(piecesOf(bytes, MIB))).link);
  assert.throws(() => store.resume(NAMESPACE, begun.id), { code: 'not_found' });
  assert.ok((await readAll(store, link)).equals(bytes));
});

test('two who go on with one upload do not mix: the second to note something is told', async (t) => {
  const store = openBlobs(newData());
  t.after(() => store.close());
  const { id } = store.begin(NAMESPACE);
  const [one, other] = [store.resume(NAMESPACE, id), store.resume(NAMESPACE, id)];
  await one.append(piecesOf(pattern(MIB), MIB), NEVER);
  await assert.rejects(other.append(piecesOf(Buffer.alloc(MIB, 9), MIB), NEVER), { code: 'not_found' });
  await assert.rejects(other.finish(piecesOf(pattern(5), 5), NEVER), { code: 'not_found' });
  assert.equal(store.resume(NAMESPACE, id).offset, MIB);
  const link = await one.finish(piecesOf(pattern(5), 5), NEVER);
  assert.ok((await readAll(store, link)).equals(Buffer.concat([pattern(MIB), pattern(5)])));
});

test('an upload whose source breaks off keeps what came, and goes on', async (t) => {
  const store = openBlobs(newData());
  t.after(() => store.close());
  const bytes = pattern(2 * MIB + 5);
  const upload = store.begin(NAMESPACE);
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, MIB + 100);
    throw new Error('the client left');
  };
  await assert.rejects(upload.finish(broken(), NEVER), /the client left/);
  assert.equal(upload.offset, MIB);
  const link = await upload.finish(piecesOf(bytes.subarray(MIB), MIB), NEVER);
  assert.ok((await readAll(store, link)).equals(bytes));
});

test('blobs that share blocks: what one of them needs stays when the other goes, and the disk is given back', async (t) => {
  const data = newData();
  const clock = new ManualClock(Date.now());
  const store = openBlobs(data, { clock, graceMs: DOWN_TIMEOUT_MS });
  t.after(() => store.close());
  const shared = pattern(2 * MIB);
  const one = await putBytes(store, Buffer.concat([shared, Buffer.alloc(MIB, 1)]));
  const other = await putBytes(store, Buffer.concat([shared, Buffer.alloc(MIB, 2)]));
  assert.equal(filesIn(data).length, 6, 'two shared leaves, one of each, two roots');
  store.hold(recordReference('one'), one.cid);
  store.hold(recordReference('other'), other.cid);
  clock.advance(DOWN_TIMEOUT_MS * 2);
  assert.deepEqual(await store.collect(), { blobs: 0, blocks: 0, bytes: 0, uploads: 0 });

  assert.equal(store.release(recordReference('one')), true);
  assert.equal(store.release(recordReference('one')), false);
  const { blobs, blocks } = await store.collect();
  assert.deepEqual({ blobs, blocks }, { blobs: 1, blocks: 2 });
  assert.equal(store.stat(one.cid), null);
  assert.equal(filesIn(data).length, 4);
  assert.equal(store.usage().blocks, 4);
  assert.ok((await readAll(store, other)).subarray(0, 2 * MIB).equals(shared));
  await assert.rejects(readAll(store, one), { code: 'not_found' });

  store.release(recordReference('other'));
  clock.advance(DOWN_TIMEOUT_MS * 2);
  await store.collect();
  assert.deepEqual(filesIn(data), []);
  assert.equal(store.usage().bytes, 0);
});

test('an upload that nobody goes on with is collected; one that is fresh is not', async (t) => {
  const data = newData();
  const clock = new ManualClock(Date.now());
  const store = openBlobs(data, { clock, graceMs: DOWN_TIMEOUT_MS });
  t.after(() => store.close());
  const upload = store.begin(NAMESPACE);
  await upload.append(piecesOf(pattern(MIB), MIB), NEVER);
  clock.advance(UPLOAD_LIFE_MS / 2);
  assert.equal((await store.collect('ended')).uploads, 0);
  assert.equal(filesIn(data).length, 1);
  clock.advance(UPLOAD_LIFE_MS);
  const { uploads, blobs, blocks } = await store.collect('ended');
  assert.deepEqual({ uploads, blobs, blocks }, { uploads: 1, blobs: 1, blocks: 1 });
  assert.deepEqual(filesIn(data), []);
});

test('references: one of an older stamp goes without the newer one; those of records are listed', async (t) => {
  const clock = new ManualClock(Date.now());
  const store = openBlobs(newData(), { clock });
  t.after(() => store.close());
  const link = await putBytes(store, pattern(100));
  store.hold(recordReference('key', 1), link.cid);
  store.hold(recordReference('key', 2), link.cid);
  store.hold(recordReference('key', 2), link.cid);
  store.hold(recordReference('other', 1), link.cid);
  assert.equal(store.stat(link.cid)?.uses, 3);
  assert.equal(store.namespaceBytes(NAMESPACE), 100, 'a blob is counted once');
  const query = { after: 0, before: clock.now() + 1, limit: 10 };
  const listed = store.references(query);
  assert.deepEqual(
    listed.map(({ reference }) => reference),
    [recordReference('key', 1), recordReference('key', 2), recordReference('other', 1)],
  );
  assert.deepEqual(store.references({ ...query, before: clock.now() }), []);
  assert.equal(store.release(recordReference('key', 1)), true);
  assert.equal(store.release(recordReference('key', 2)), true);
  assert.equal(store.namespaceBytes(NAMESPACE), 100);
  store.release(recordReference('other', 1));
  assert.equal(store.namespaceBytes(NAMESPACE), 0);
  assert.throws(() => store.hold(recordReference('x'), new Uint8Array(36)), { code: 'not_found' });
});

test('what is over the quota or the capacity is refused by name, and what is there reads on', async (t) => {
  const small = openBlobs(newData(), { quotaOf: () => 2 * MIB });
  t.after(() => small.close());
  const link = await putBytes(small, pattern(2 * MIB));
  small.hold(recordReference('key'), link.cid);
  await assert.rejects(putBytes(small, pattern(1)), { code: 'over_quota' });
  await putBytes(small, pattern(1), new Uint8Array(32));
  assert.equal((await readAll(small, link)).byteLength, 2 * MIB);

  let capacity = 2 * MIB;
  const full = openBlobs(newData(), { capacityBytes: () => capacity });
  t.after(() => full.close());
  const kept = await putBytes(full, pattern(MIB));
  const refused = full.begin(NAMESPACE);
  const more = (): AsyncGenerator<Uint8Array> =>
    piecesOf(Buffer.alloc(2 * MIB, 1).subarray(refused.offset), MIB);
  await assert.rejects(refused.finish(more(), NEVER), { code: 'no_room' });
  assert.equal(full.metrics.refusals, 1);
  assert.equal((await readAll(full, kept)).byteLength, MIB);
  capacity = 10 * MIB;
  const later = await refused.finish(more(), NEVER);
  assert.equal((await readAll(full, later)).byteLength, 2 * MIB, 'it recovers');
});

test('uploads are bounded, and given up on request', async (t) => {
  const store = openBlobs(newData());
  t.after(() => store.close());
  const uploads = Array.from({ length: 64 }, () => store.begin(NAMESPACE));
  assert.throws(() => store.begin(NAMESPACE), { code: 'overloaded' });
  store.begin(new Uint8Array(32));
  await uploads[0]?.cancel();
  store.begin(NAMESPACE);
  await assert.rejects(uploads[0]?.finish(piecesOf(pattern(5), 5), NEVER) ?? Promise.resolve(), {
    code: 'not_found',
  });
});

test('a closed store ends what is under way, by name', async () => {
  const store = openBlobs(newData());
  const link = await putBytes(store, pattern(3));
  const upload = store.begin(NAMESPACE);
  // it closes when what is under way has ended, so that waits for neither
  const endless = upload.append(
    (async function* () {
      yield* piecesOf(pattern(MIB), MIB);
      void store.close();
      yield pattern(MIB);
    })(),
    NEVER,
  );
  await assert.rejects(endless, { code: 'closed' });
  await store.close();
  assert.throws(() => store.stat(link.cid), { code: 'closed' });
  assert.throws(() => store.begin(NAMESPACE), { code: 'closed' });
  await assert.rejects(store.block(link.cid), { code: 'closed' });
});
