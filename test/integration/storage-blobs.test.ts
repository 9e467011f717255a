import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaillonNode, StoredRecord } from '../../node/index.ts';
import { bytesOfAll, pattern, piecesOf } from '../support/blobs.ts';
import { startNode } from '../support/node.ts';
import { OWNER } from '../support/owner.ts';
import { until } from '../support/processes.ts';
import { codeOf, holders, idOf, known, named, startMembers } from '../support/storage.ts';

const MIB = 2 ** 20;
const LONG = pattern(5 * MIB + 123);

async function wholeOf(record: StoredRecord | null): Promise<Buffer | null> {
  return record === null ? null : bytesOfAll(record.read());
}

test('what is long goes by way of a light node to the replicas, and is read from them in whole and in part', async (t) => {
  const nodes = await startMembers(t, 4);
  const [first, second] = nodes as [MaillonNode, MaillonNode];
  const light = await startNode(t, { through: [second], role: 'light' });
  const other = await startNode(t, { through: [first], role: 'light' });
  await known([light, other], 4);
  const options = { contentType: 'video/mp4', durability: 'all' } as const;
  const receipt = await light.storage.put(named('film'), piecesOf(LONG, 50_000), options);
  assert.equal(receipt.replicas.length, 3);
  for (const node of [...nodes, light, other]) {
    const record = await node.storage.get(named('film'));
    assert.equal(record?.value, null);
    assert.match(record?.blob ?? '', /^bafybei/);
    assert.deepEqual([record?.size, record?.contentType], [LONG.byteLength, 'video/mp4']);
    assert.ok((await wholeOf(record))?.equals(LONG));
  }
  const record = await other.storage.get(named('film'));
  assert.ok(record !== null);
  const [start, end] = [MIB - 5, 3 * MIB + 7];
  assert.ok((await bytesOfAll(record.read({ start, end }))).equals(LONG.subarray(start, end)));
  assert.deepEqual((await bytesOfAll(record.read({ start: 7, end: 7 }))).byteLength, 0);
  const held = await holders(other, 'film');
  assert.deepEqual(
    held.map(({ isWhole }) => isWhole),
    [true, true, true],
  );
  const listed = await first.storage.list({ owner: OWNER.did, namespace: 'default', prefix: 'film' });
  assert.deepEqual(
    listed.entries.map(({ key, size }) => [key, size]),
    [['film', LONG.byteLength]],
  );
});

test('values are blobs from 64 KiB on; what is at once is the same as what comes in pieces', async (t) => {
  const node = await startNode(t);
  const put = async (key: string, value: Uint8Array | AsyncIterable<Uint8Array>): Promise<string | null> => {
    await node.storage.put(named(key), value);
    const record = await node.storage.get(named(key));
    assert.ok(record !== null && (await wholeOf(record))?.equals(LONG.subarray(0, record.size)));
    return record.blob;
  };
  assert.equal(await put('a', LONG.subarray(0, 65_536)), null);
  assert.equal(await put('a', piecesOf(LONG.subarray(0, 65_536), 1000)), null);
  assert.equal(await put('a', piecesOf(LONG.subarray(0, 0), 1000)), null);
  const cid = await put('a', LONG.subarray(0, 65_537));
  assert.match(cid ?? '', /^bafkrei/);
  assert.equal(await put('b', piecesOf(LONG.subarray(0, 65_537), 1000)), cid);
});

test('conditions, deletion and what is refused: as with any other value', async (t) => {
  const node = await startNode(t);
  const { storage } = node;
  const { etag } = await storage.put(named('k'), LONG, { ifAbsent: true });
  let taken = 0;
  let isLeft = false;
  async function* counted(): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of piecesOf(LONG, 100_000)) {
        taken += piece.byteLength;
        yield piece;
      }
    } finally {
      isLeft = true;
    }
  }
  assert.equal(await codeOf(storage.put(named('k'), counted(), { ifAbsent: true })), 'exists');
  assert.ok(taken < MIB, 'it is said before all was sent');
  assert.ok(isLeft, 'and its source is told');
  await storage.put(named('k'), piecesOf(LONG.subarray(9), 100_000), { ifVersion: etag });
  assert.ok((await wholeOf(await storage.get(named('k'))))?.equals(LONG.subarray(9)));
  const leaving = new AbortController();
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield LONG;
    leaving.abort(new Error('the client left'));
    yield LONG;
  }
  await assert.rejects(storage.put(named('k'), broken(), { signal: leaving.signal }), /the client left/);
  await storage.delete(named('k'));
  assert.equal(await storage.get(named('k')), null);
});

test('an upload comes piece by piece, and is made a value by its CID', async (t) => {
  const node = await startNode(t);
  const { storage } = node;
  const space = { owner: OWNER.did, namespace: 'default' };
  const never = new AbortController().signal;
  const upload = await storage.beginUpload(space);
  await upload.append(piecesOf(LONG.subarray(0, 2 * MIB), 70_000), never);
  assert.throws(() => storage.resumeUpload({ ...space, namespace: 'other' }, upload.id), {
    code: 'not_found',
  });
  const resumed = storage.resumeUpload(space, upload.id);
  assert.equal(resumed.offset, 2 * MIB);
  const link = await resumed.finish(piecesOf(LONG.subarray(2 * MIB), 70_000), never);
  await storage.putBlob(named('film'), link);
  assert.ok((await wholeOf(await storage.get(named('film'))))?.equals(LONG));
});

test('what was uploaded to a light node counts there no longer once it is a value', async (t) => {
  const [first] = await startMembers(t, 1);
  assert.ok(first !== undefined);
  const settings = { 'storage.namespaceBytes': 3 * MIB };
  const { storage } = await startNode(t, { through: [first], role: 'light', settings });
  const space = { owner: OWNER.did, namespace: 'default' };
  for (const key of ['a', 'b']) {
    const bytes = pattern(2 * MIB, key.charCodeAt(0));
    const { id } = await storage.beginUpload(space);
    const link = await storage
      .resumeUpload(space, id)
      .complete(piecesOf(bytes, 70_000), new AbortController().signal);
    await storage.putBlob(named(key), link);
    await storage.resumeUpload(space, id).cancel();
    assert.ok((await wholeOf(await storage.get(named(key))))?.equals(bytes));
  }
});

test('a node that stops ends what is on its way to replicas', async (t) => {
  const [first] = await startMembers(t, 1);
  assert.ok(first !== undefined);
  const light = await startNode(t, { through: [first], role: 'light' });
  await known([light], 1);
  await first.stop();
  const space = { owner: OWNER.did, namespace: 'default' };
  const never = new AbortController().signal;
  const upload = await light.storage.beginUpload(space);
  const link = await upload.finish(piecesOf(LONG, 70_000), never);
  const put = codeOf(light.storage.putBlob(named('film'), link));
  const began = performance.now();
  await light.stop();
  assert.equal(await put, 'not_running');
  assert.ok(performance.now() - began < 20_000, 'it is not tried on');
});

test('who becomes a replica later takes over blobs, too; a copy that is gone from a disk is read from others', async (t) => {
  const nodes = await startMembers(t, 2);
  const [first] = nodes as [MaillonNode];
  await first.storage.put(named('film'), LONG, { durability: 'all' });
  const late = await startNode(t, { through: [first] });
  await until('all three have all of it', async () => {
    const held = await holders(late, 'film');
    return held.length === 3 && held.every(({ isWhole, isSynced }) => isWhole === true && isSynced === true);
  });
  assert.ok((await holders(late, 'film')).some(({ id }) => id === idOf(late)));
  await Promise.all(nodes.map((node) => node.stop()));
  const record = await late.storage.get(named('film'), { consistency: 'one' });
  assert.ok((await wholeOf(record))?.equals(LONG));
});
