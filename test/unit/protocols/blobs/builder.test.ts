import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import {
  BLOB_MAX_BYTES,
  BlobBuilder,
  blockBytesOf,
  blockCountOf,
  chunksOf,
  cidText,
  dagBytesOf,
  heightOf,
  NODE_MAX_BYTES,
  PROFILE,
} from '../../../../protocols/blobs/index.ts';
import { allOf, blobOf, pattern, piecesOf } from '../../../support/blobs.ts';

const SMALL = { chunkBytes: 4, linksMax: 3 };
const crypto = createCrypto();

test('sizes, counts and totals of the blocks follow from the size of the file', async () => {
  for (let size = 0; size <= 4 * 3 * 3; size++) {
    const { link, blocks } = await blobOf(piecesOf(pattern(size), 5), SMALL);
    const root = { height: heightOf(size, SMALL), size };
    assert.equal(blocks.length, blockCountOf(root, SMALL), `${size} bytes`);
    assert.equal(blocks.at(-1)?.height, root.height);
    assert.equal(cidText(blocks.at(-1)?.cid ?? new Uint8Array()), cidText(link.cid), 'the root comes last');
    assert.equal(blocks.at(-1)?.bytes.byteLength, blockBytesOf(root, SMALL));
    const total = blocks.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    assert.equal(total, dagBytesOf(root, SMALL));
  }
});

test('the largest node is within its bound', () => {
  assert.equal(heightOf(BLOB_MAX_BYTES, PROFILE), 2);
  assert.ok(blockBytesOf({ height: 2, size: BLOB_MAX_BYTES }, PROFILE) <= NODE_MAX_BYTES);
});

test('a builder goes on from a state after any chunk, and comes to the same blocks', async () => {
  const bytes = pattern(4 * 3 * 3);
  const whole = await blobOf(piecesOf(bytes, 7), SMALL);
  let builder = new BlobBuilder({ crypto }, { profile: SMALL });
  const blocks = [];
  for await (const chunk of chunksOf(piecesOf(bytes, 7), SMALL)) {
    blocks.push(...builder.add(chunk));
    builder = new BlobBuilder({ crypto }, { profile: SMALL, state: builder.encodeState() });
  }
  const { link, blocks: rest } = builder.finish();
  assert.deepEqual([...blocks, ...rest], whole.blocks);
  assert.deepEqual(link, whole.link);
});

test('a state that no builder wrote is refused', () => {
  const builder = new BlobBuilder({ crypto }, { profile: SMALL });
  builder.add(pattern(4));
  builder.add(pattern(4));
  const state = builder.encodeState();
  const broken = [
    new Uint8Array(),
    Uint8Array.of(0xa0),
    Uint8Array.of(0x83, 2, 0, 0x80),
    state.subarray(0, -1),
    Buffer.concat([state, Buffer.of(0)]),
    Buffer.from(
      Buffer.from(state)
        .toString('hex')
        .replace(/^830108/, '830109'),
      'hex',
    ),
    new Uint8Array(1_000_000),
  ];
  for (const bytes of broken) {
    assert.throws(() => new BlobBuilder({ crypto }, { profile: SMALL, state: bytes }), {
      code: 'blob_state',
    });
  }
});

test('chunks are cut out of pieces of any size, and are memory of their own', async () => {
  const bytes = pattern(41);
  for (const pieceBytes of [1, 3, 4, 5, 41, 100]) {
    const chunks = await allOf(chunksOf(piecesOf(bytes, pieceBytes), SMALL));
    assert.ok(chunks.slice(0, -1).every(({ byteLength }) => byteLength === 4));
    assert.deepEqual(Buffer.concat(chunks), Buffer.from(bytes));
    assert.equal(new Set(chunks.map(({ buffer }) => buffer)).size, chunks.length);
  }
  assert.deepEqual(await allOf(chunksOf(piecesOf(new Uint8Array(), 1), SMALL)), []);
});

test('nothing comes behind a chunk that was not full', () => {
  const builder = new BlobBuilder({ crypto }, { profile: SMALL });
  builder.add(pattern(3));
  assert.throws(() => builder.add(pattern(4)), /last/);
  assert.throws(() => builder.encodeState(), /last/);
});
