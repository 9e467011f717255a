/** Links whose size is not the blob's: whoever may write anywhere can prepare one. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { BlobStore } from '../../../../node/blobs/interface.ts';
import { BlobError, type BlobLink } from '../../../../protocols/blobs/index.ts';
import { NEVER, openBlobs, putBytes, readAll, recordReference } from '../../../support/blob-store.ts';
import { blobOf, blocksOf, pattern, piecesOf } from '../../../support/blobs.ts';
import { scratch } from '../../../support/processes.ts';

const MIB = 2 ** 20;
const OTHER = new Uint8Array(32).fill(9);

function opened(t: TestContext): BlobStore {
  const store = openBlobs(scratch(t));
  t.after(() => store.close());
  return store;
}

const nobody = async () => Promise.reject(new Error('nobody has it'));

/** Claims a link from another namespace that nobody can serve. */
async function claim(store: BlobStore, link: BlobLink): Promise<void> {
  await assert.rejects(store.fetch(link, { namespaceId: OTHER, getBlock: nobody, signal: NEVER }));
}

test('what others claimed of a blob before does not become its size when it is uploaded', async (t) => {
  const bytes = pattern(2 * MIB + 5);
  const { link } = await blobOf(piecesOf(bytes, MIB));
  const store = opened(t);
  await claim(store, { ...link, size: link.size + 1 });
  assert.deepEqual(await putBytes(store, bytes), link);
  assert.equal(store.stat(link.cid)?.size, link.size);
  assert.ok((await readAll(store, link)).equals(bytes));
});

test('nor while it is fetched', async (t) => {
  const { link, blocks } = await blobOf(piecesOf(pattern(2 * MIB), MIB));
  const store = opened(t);
  const getBlock = blocksOf(blocks);
  let isClaimed = false;
  await store.fetch(link, {
    namespaceId: OTHER,
    signal: NEVER,
    getBlock: async (ref, signal) => {
      if (!isClaimed) await claim(store, { ...link, size: link.size + 7 });
      isClaimed = true;
      return getBlock(ref, signal);
    },
  });
  assert.equal(store.stat(link.cid)?.size, link.size);
  await store.fetch(link, { namespaceId: OTHER, getBlock, signal: NEVER });
});

test('what is wanted stays so with its size, whatever others claim', async (t) => {
  const { link } = await blobOf(piecesOf(pattern(2 * MIB), MIB));
  const store = opened(t);
  const reference = recordReference('film');
  store.want(reference, link);
  await claim(store, { ...link, size: link.size + 7 });
  assert.deepEqual(store.wanted(1), [{ link, reference }]);
  assert.equal(store.namespaceBytes(reference.namespaceId), link.size);
});

test('a chunk that is here is no blob of another size: a namespace would have it for less', async (t) => {
  const bytes = pattern(MIB);
  const { link: chunk } = await blobOf(piecesOf(bytes, MIB));
  const store = opened(t);
  await putBytes(store, pattern(2 * MIB));
  const short = { ...chunk, size: 1 };
  await assert.rejects(
    store.fetch(short, { namespaceId: OTHER, getBlock: nobody, signal: NEVER }),
    (error) => error instanceof BlobError && error.code === 'block_shape',
  );
  assert.equal(store.stat(chunk.cid)?.isComplete ?? false, false);
  await store.fetch(chunk, { namespaceId: OTHER, getBlock: nobody, signal: NEVER });
  assert.ok((await readAll(store, chunk)).equals(bytes));
});
