import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { BlobStore, Reference } from '../../../../../node/blobs/interface.ts';
import { SHARES_MAX } from '../../../../../node/storage/api/limits.ts';
import { PublicBlocks } from '../../../../../node/storage/blobs/public-blocks.ts';
import { cidOf, PROFILE } from '../../../../../protocols/blobs/index.ts';
import { openBlobs, putBytes, recordReference } from '../../../../support/blob-store.ts';
import { blobOf, pattern, piecesOf } from '../../../../support/blobs.ts';

const MIB = PROFILE.chunkBytes;
const scratch = mkdtempSync(join(tmpdir(), 'maillon-public-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const idOf = (number: number) => new Uint8Array(32).fill(number);
const nameOf = (id: Uint8Array) => ({ owner: 'did:key:z', namespace: `n${id[0]}` });

interface Stand {
  readonly store: BlobStore;
  /** First bytes of the ids of namespaces that anyone may read. */
  readonly open: Set<number>;
  readonly dead: Set<string>;
  readonly blocks: PublicBlocks;
}

function stand({ isKnown = true } = {}): Stand {
  const store = openBlobs(mkdtempSync(join(scratch, 'data-')));
  const open = new Set<number>();
  const dead = new Set<string>();
  const blocks = new PublicBlocks({
    blobs: { opened: store },
    nameOf: (id) => (isKnown ? nameOf(id) : null),
    isLive: ({ key }: Reference) => !dead.has(key),
    isOpen: ({ namespace }) => open.has(Number(namespace.slice(1))),
  });
  return { store, open, dead, blocks };
}

test('a block is public by any blob that has it, in any namespace that is open, while a record refers to it', async () => {
  const { store, open, dead, blocks } = stand();
  const bytes = pattern(MIB + 5);
  const link = await putBytes(store, bytes, idOf(1));
  const leaf = cidOf((await blobOf(piecesOf(bytes, MIB), PROFILE)).blocks[0]?.cid.subarray(4) ?? idOf(0), 0);
  open.add(1).add(2);
  assert.equal(blocks.has(link.cid), false, 'nothing refers to it');
  store.hold(recordReference('a', 1, idOf(1)), link.cid);
  for (const cid of [link.cid, leaf]) assert.equal(blocks.has(cid), true);
  assert.ok(Buffer.from((await blocks.block(leaf)) ?? []).equals(bytes.subarray(0, MIB)));
  open.delete(1);
  assert.equal(blocks.has(leaf), false);
  assert.equal(await blocks.block(leaf), null);
  store.hold(recordReference('b', 1, idOf(2)), link.cid);
  assert.equal(blocks.has(leaf), true, 'of two namespaces one is enough');
  dead.add('b');
  assert.equal(blocks.has(leaf), false, 'its record is gone');
  store.hold(recordReference('c', 2, idOf(2)), link.cid);
  assert.equal(blocks.has(leaf), true);
  store.release(recordReference('c', 2, idOf(2)));
  assert.equal(blocks.has(leaf), false);
  assert.equal(blocks.has(cidOf(idOf(9), 0)), false, 'it is not here');
  await store.close();
});

test('of a namespace that is not known nothing is public', async () => {
  const { store, open, blocks } = stand({ isKnown: false });
  const link = await putBytes(store, pattern(10), idOf(1));
  store.hold(recordReference('a', 1, idOf(1)), link.cid);
  open.add(1);
  assert.equal(blocks.has(link.cid), false);
  await store.close();
});

test('however many references there are, few are looked at, and each namespace once', async () => {
  const { store, open, blocks } = stand();
  const link = await putBytes(store, pattern(10), idOf(1));
  for (let key = 0; key < 50; key++) store.hold(recordReference(`k${key}`, 1, idOf(1)), link.cid);
  for (const number of [2, 3]) store.hold(recordReference('k', 1, idOf(number)), link.cid);
  const shares = store.sharesOf(link.cid, SHARES_MAX);
  assert.deepEqual(
    shares.map(({ namespaceId }) => namespaceId[0]),
    [1, 2, 3],
  );
  assert.equal(store.sharesOf(link.cid, 1).length, 1);
  const [first] = shares;
  assert.ok(first !== undefined);
  assert.deepEqual(
    store.referencesOf(first, 2).map(({ key }) => key),
    ['k49', 'k48'],
    'the newest first',
  );
  open.add(3);
  assert.equal(blocks.has(link.cid), true);
  await store.close();
});

test('a block that is in many blobs is found by the oldest of them', async () => {
  const { store, open, blocks } = stand();
  const chunk = pattern(MIB);
  const leaf = await putBytes(store, chunk, idOf(1));
  for (let tail = 1; tail <= 4; tail++) {
    const link = await putBytes(store, Buffer.concat([chunk, Buffer.alloc(tail)]), idOf(tail));
    store.hold(recordReference('k', 1, idOf(tail)), link.cid);
  }
  open.add(4);
  assert.equal(blocks.has(leaf.cid), true);
  assert.equal(store.sharesOf(leaf.cid, SHARES_MAX).length, 4);
  assert.ok(store.sharesOf(leaf.cid, 2).length <= 2);
  await store.close();
});

test('roots of whole blobs come in the order in which records came to refer to them', async () => {
  let now = 1_000;
  const store = openBlobs(mkdtempSync(join(scratch, 'data-')), { clock: { now: () => now } });
  const links = [];
  for (const size of [3, 4, 5]) {
    const link = await putBytes(store, pattern(size), idOf(1));
    store.hold(recordReference(`k${size}`, 1, idOf(1)), link.cid);
    links.push(Buffer.from(link.cid).toString('hex'));
    now += 10;
  }
  const page = (query: Parameters<BlobStore['roots']>[0]) =>
    store.roots(query).map(({ cid }) => Buffer.from(cid).toString('hex'));
  assert.deepEqual(page({ after: 0, before: 2_000, limit: 10 }), links);
  assert.deepEqual(page({ after: 0, before: 1_020, limit: 10 }), links.slice(0, 2));
  const [first] = store.roots({ after: 0, before: 2_000, limit: 1 });
  assert.deepEqual(page({ after: first?.position ?? 0, before: 2_000, limit: 10 }), links.slice(1));
  await store.close();
});
