import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noteBlobs } from '../../../../node/storage/maintenance/note-blobs.ts';
import { encodeBlobLink } from '../../../../protocols/blobs/index.ts';
import { cidOf } from '../../../../protocols/common/block-cid.ts';
import { KIND_BLOB } from '../../../../protocols/storage/index.ts';
import { blobHome, NEVER } from '../../../support/blob-store.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { scratch } from '../../../support/processes.ts';
import { crypto, openStore, PLACE, storable } from '../../../support/store-records.ts';

test('a blob that finds no room any more keeps no other from being noted', async (t) => {
  const data = scratch(t);
  const clock = new ManualClock(Date.now());
  const store = openStore(data, { clock });
  const blobs = blobHome(data, { clock, quotaBytes: 100 });
  t.after(() => blobs.close());
  t.after(() => store.close());
  for (const [key, size] of [
    ['a', 5000],
    ['b', 50],
  ] as const) {
    const value = encodeBlobLink({ cid: cidOf(crypto.sha256(Buffer.from(key)), 0), size });
    await store.put({ place: PLACE, record: storable({ key, kind: KIND_BLOB, value }), condition: null });
  }
  await noteBlobs({ store, blobs, clock }, NEVER);
  assert.deepEqual(
    blobs
      .store()
      .wanted(9)
      .map(({ reference }) => reference.key),
    ['b'],
  );
});
