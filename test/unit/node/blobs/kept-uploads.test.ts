import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cidText } from '../../../../protocols/blobs/index.ts';
import { NAMESPACE, NEVER, openBlobs, readAll, recordReference } from '../../../support/blob-store.ts';
import { pattern, piecesOf } from '../../../support/blobs.ts';
import { scratch } from '../../../support/processes.ts';

const BYTES = pattern(2 ** 20 + 5);

test('an upload that is complete stays, over restarts, until it is cancelled', async (t) => {
  const data = scratch(t);
  let store = openBlobs(data, { graceMs: 0 });
  const upload = store.begin(NAMESPACE);
  const link = await upload.complete(piecesOf(BYTES, 65_536), NEVER);
  assert.equal(upload.link, null, 'what was begun does not know: it is resumed');
  await store.close();

  store = openBlobs(data, { graceMs: 0, clock: { now: () => 1_500_000 } });
  const there = store.resume(NAMESPACE, upload.id);
  assert.deepEqual(
    [there.offset, there.link && cidText(there.link.cid)],
    [BYTES.byteLength, cidText(link.cid)],
  );
  assert.equal(store.namespaceBytes(NAMESPACE), BYTES.byteLength, 'it counts as long as it is there');
  await store.collect();
  assert.deepEqual(await readAll(store, link), Buffer.from(BYTES));
  for (const more of [there.append(piecesOf(BYTES, 10), NEVER), there.complete(piecesOf(BYTES, 10), NEVER)]) {
    await assert.rejects(more, { code: 'not_found' });
  }
  await there.cancel();
  assert.throws(() => store.resume(NAMESPACE, upload.id), { code: 'not_found' });
  await store.collect();
  assert.equal(store.usage().blobs, 0);
  await store.close();
});

test('of bytes that are there already it stays as well, and of no other namespace', async (t) => {
  const store = openBlobs(scratch(t));
  const first = await store.begin(NAMESPACE).finish(piecesOf(BYTES, 65_536), NEVER);
  const upload = store.begin(NAMESPACE);
  await upload.complete(piecesOf(BYTES, 65_536), NEVER);
  assert.deepEqual(store.resume(NAMESPACE, upload.id).link, first);
  assert.throws(() => store.resume(new Uint8Array(32).fill(8), upload.id), { code: 'not_found' });
  await store.close();
});

test('what was uploaded counts once when its record is put at the same node', async (t) => {
  const store = openBlobs(scratch(t), { quotaOf: () => 1.5 * BYTES.byteLength });
  const link = await store.begin(NAMESPACE).complete(piecesOf(BYTES, 65_536), NEVER);
  store.hold(recordReference('film'), link.cid);
  const more = store.begin(NAMESPACE).complete(piecesOf(pattern(2 ** 20), 65_536), NEVER);
  await assert.rejects(more, { code: 'over_quota' });
  await store.close();
});

test('what came of an upload that is given up is off the disk when that resolves', async (t) => {
  const store = openBlobs(scratch(t), { clock: { now: () => 5_000_000 } });
  const upload = store.begin(NAMESPACE);
  await upload.append(piecesOf(BYTES, 65_536), NEVER);
  const cancelling = upload.cancel();
  assert.equal(store.namespaceBytes(NAMESPACE), 2 ** 20, 'a disk cannot be filled by giving up');
  await cancelling;
  assert.deepEqual([store.namespaceBytes(NAMESPACE), store.usage().bytes], [0, 0]);
  await store.close();
});
