import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BLOB_MAX_BYTES,
  type BlockRef,
  cidText,
  type GetBlock,
  PROFILE,
} from '../../../../protocols/blobs/index.ts';
import { blobOf, blocksOf, bytesOfAll, pattern, piecesOf, readerOf } from '../../../support/blobs.ts';

const SMALL = { chunkBytes: 4, linksMax: 3 };
const SIZE = 4 * 3 * 2 + 5;
const NEVER = new AbortController().signal;

const bytes = pattern(SIZE);
const made = await blobOf(piecesOf(bytes, SIZE), SMALL);
const { link } = made;
const serve = blocksOf(made.blocks);

test('every range comes out as it went in', async () => {
  const reader = readerOf(serve, { profile: SMALL });
  for (let start = 0; start <= SIZE; start++) {
    for (let end = start; end <= SIZE + 1; end++) {
      const read = await bytesOfAll(reader.read(link, { start, end }, NEVER));
      assert.deepEqual(read, Buffer.from(bytes.subarray(start, end)), `${start} to ${end}`);
    }
  }
});

test('a range that is none is refused by name', async () => {
  const reader = readerOf(serve, { profile: SMALL });
  for (const [start, end] of [
    [SIZE + 1, SIZE + 2],
    [2, 1],
    [-1, 1],
    [0.5, 1],
    [0, Number.POSITIVE_INFINITY],
  ] as const) {
    await assert.rejects(bytesOfAll(reader.read(link, { start, end }, NEVER)), { code: 'blob_range' });
  }
});

test('only the blocks that a range needs are fetched, and only so many at once', async () => {
  const asked: BlockRef[] = [];
  let underWay = 0;
  let most = 0;
  const getBlock: GetBlock = async (ref, signal) => {
    asked.push(ref);
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay -= 1;
    return serve(ref, signal);
  };
  const reader = readerOf(getBlock, { profile: SMALL, readAhead: 2 });
  await bytesOfAll(reader.read(link, { start: 5, end: 6 }, NEVER));
  assert.deepEqual(
    asked.map(({ height, offset }) => [height, offset]),
    [
      [2, 0],
      [1, 0],
      [0, 4],
    ],
  );
  await bytesOfAll(reader.read(link, { start: 0, end: SIZE }, NEVER));
  assert.ok(most <= 3, `a node and two leaves at most, not ${most}`);
});

/** A source that answers only when it is told to stop. */
const never: GetBlock = (_, signal) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });

test('who leaves early ends what is under way', async () => {
  const signals: AbortSignal[] = [];
  const getBlock: GetBlock = (ref, signal) => {
    if (ref.height > 0) return serve(ref, signal);
    signals.push(signal);
    return ref.offset === 0 ? serve(ref, signal) : never(ref, signal);
  };
  for await (const piece of readerOf(getBlock, { profile: SMALL }).read(
    link,
    { start: 0, end: SIZE },
    NEVER,
  )) {
    assert.equal(piece.byteLength, 4);
    break;
  }
  assert.ok(signals.length > 1 && signals.every(({ aborted }) => aborted));
});

test('a signal ends a read', async () => {
  const controller = new AbortController();
  const read = bytesOfAll(readerOf(never).read(link, { start: 0, end: 1 }, controller.signal));
  controller.abort(new Error('enough'));
  await assert.rejects(read, /enough/);
});

/** The blob with one block replaced. */
function withBlock(cid: Uint8Array, other: Uint8Array): GetBlock {
  return (ref, signal) => (cidText(ref.cid) === cidText(cid) ? Promise.resolve(other) : serve(ref, signal));
}

test('a bit that is flipped anywhere in any block is found', async () => {
  for (const { cid, bytes: right } of made.blocks) {
    for (let at = 0; at < right.byteLength; at++) {
      const wrong = Uint8Array.from(right);
      wrong[at] = (wrong[at] ?? 0) ^ (1 << (at % 8));
      const reader = readerOf(withBlock(cid, wrong), { profile: SMALL });
      await assert.rejects(bytesOfAll(reader.read(link, { start: 0, end: SIZE }, NEVER)), {
        code: 'block_hash',
      });
    }
  }
});

test('a size that is not true is refused before a byte of the file is given', async () => {
  const reader = readerOf(serve, { profile: SMALL });
  for (const size of [0, 1, 4, SIZE - 1, SIZE + 1, 4 * 9, 1000]) {
    const read = bytesOfAll(reader.read({ ...link, size }, { start: 0, end: size }, NEVER));
    if (size === 0) assert.equal((await read).byteLength, 0, 'nothing is read of nothing');
    else await assert.rejects(read, { code: 'block_shape' });
  }
  const large = { ...link, size: BLOB_MAX_BYTES + 1 };
  await assert.rejects(bytesOfAll(reader.read(large, { start: 0, end: 1 }, NEVER)), {
    code: 'blob_too_large',
  });
});

test('nodes with genuine hashes that are no nodes of this profile are refused by name', async () => {
  const other = await blobOf(piecesOf(bytes, SIZE), { chunkBytes: 4, linksMax: 4 });
  const chunks = await blobOf(piecesOf(bytes, SIZE), { chunkBytes: 5, linksMax: 3 });
  const text = await blobOf(piecesOf(Buffer.from('no node at all'), SIZE), { chunkBytes: 64, linksMax: 3 });
  for (const { link: root, blocks } of [other, chunks, { ...text, link: { ...text.link, size: SIZE } }]) {
    const reader = readerOf(blocksOf(blocks), { profile: SMALL });
    await assert.rejects(bytesOfAll(reader.read(root, { start: 0, end: SIZE }, NEVER)), {
      code: 'block_shape',
    });
  }
});

test('the real profile: three chunks and a half', async () => {
  const file = pattern(3 * PROFILE.chunkBytes + 12_345);
  const blob = await blobOf(piecesOf(file, 100_000));
  const reader = readerOf(blocksOf(blob.blocks));
  const start = PROFILE.chunkBytes - 3;
  const end = 2 * PROFILE.chunkBytes + 3;
  const read = await bytesOfAll(reader.read(blob.link, { start, end }, NEVER));
  assert.ok(read.equals(file.subarray(start, end)));
});
