import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { BlobExchange } from '../../node/blobs/exchange.ts';
import type { BlobStore } from '../../node/blobs/interface.ts';
import type { MaillonNode } from '../../node/index.ts';
import { type BlobLink, cidOf, PROFILE } from '../../protocols/blobs/index.ts';
import { encodeAnswer, HAS_BLOCKS_MAX } from '../../protocols/storage/index.ts';
import { NAMESPACE, NEVER, openBlobs, putBytes, readAll } from '../support/blob-store.ts';
import { pattern } from '../support/blobs.ts';
import { OTHER_AUTHOR } from '../support/envelopes.ts';
import { startNode } from '../support/node.ts';
import { RawReplica } from '../support/raw-replica.ts';
import { idOf } from '../support/storage.ts';
import { crypto } from '../support/store-records.ts';

const MIB = PROFILE.chunkBytes;
/** More than one node of a blob's tree would be a gigabyte; a dozen chunks is enough to have several under way. */
const BYTES = pattern(12 * MIB + 345);

const scratch = mkdtempSync(join(tmpdir(), 'maillon-blobs-'));
// after the nodes that use it have stopped
after(() => rmSync(scratch, { recursive: true, force: true }));

function newData(): string {
  return mkdtempSync(join(scratch, 'data-'));
}

/** A node that has a blob since before it started. */
async function nodeWithBlob(t: TestContext): Promise<{ node: MaillonNode; link: BlobLink; data: string }> {
  const data = newData();
  const store = openBlobs(data, { clock: { now: () => Date.now() } });
  const link = await putBytes(store, BYTES);
  await store.close();
  return { node: await startNode(t, { data }), link, data };
}

interface Asked {
  readonly exchange: BlobExchange;
  readonly store: BlobStore;
  readonly lies: string[];
  /** Blocks asked of each. */
  readonly counts: Map<string, number>;
  most: number;
}

/** A store that gets its blobs of these peers. */
function exchangeWith(t: TestContext, peers: ReadonlyMap<string, RawReplica>): Asked {
  const store = openBlobs(newData());
  t.after(() => store.close());
  let underWay = 0;
  const asked: Omit<Asked, 'exchange'> = { store, lies: [], counts: new Map(), most: 0 };
  const exchange = new BlobExchange({
    crypto,
    onLie: (id) => asked.lies.push(id),
    ask: async (id, request) => {
      const peer = peers.get(id);
      if (peer === undefined) throw new Error('it is not there');
      asked.counts.set(id, (asked.counts.get(id) ?? 0) + 1);
      underWay += 1;
      asked.most = Math.max(asked.most, underWay);
      try {
        return await peer.ask(request);
      } finally {
        underWay -= 1;
      }
    },
  });
  return Object.assign(asked, { exchange });
}

function fetchFrom(
  { store, exchange }: Asked,
  link: BlobLink,
  sources: readonly string[],
  onProgress: (bytes: number) => void = () => undefined,
): Promise<void> {
  const getBlock = exchange.from(sources);
  return store.fetch(link, { namespaceId: NAMESPACE, getBlock, isHashed: true, signal: NEVER, onProgress });
}

test('blobs go over the wire, a few blocks at a time, and come out as they went in', async (t) => {
  const { node, link } = await nodeWithBlob(t);
  const peer = await RawReplica.connect(t, node);
  const absent = cidOf(new Uint8Array(32), 0);
  assert.deepEqual(await peer.ask({ type: 'has', cids: [absent, link.cid] }), { has: [false, true] });
  assert.deepEqual(await peer.ask({ type: 'block', cid: absent, isPublic: false }), { bytes: null });
  const cids = Array.from({ length: HAS_BLOCKS_MAX }, () => link.cid);
  assert.ok((await peer.ask({ type: 'has', cids })).has.every(Boolean));

  const asked = exchangeWith(t, new Map([[idOf(node), peer]]));
  let progress = 0;
  await fetchFrom(asked, link, [idOf(node)], (bytes) => {
    progress += bytes;
  });
  assert.ok((await readAll(asked.store, link)).equals(BYTES));
  assert.ok(progress > BYTES.byteLength);
  assert.ok(asked.most <= 4, `${asked.most} at once`);
});

test('of several peers: one that lies and one that is gone are done without', async (t) => {
  const { node, link } = await nodeWithBlob(t);
  const honest = await RawReplica.connect(t, node);
  const liarNode = await startNode(t);
  const liar = await RawReplica.connect(t, liarNode, OTHER_AUTHOR);
  const lies = {
    ask: () => Promise.resolve({ bytes: new Uint8Array(5) }),
  } as unknown as RawReplica;
  assert.ok(liar.id !== honest.id);
  const asked = exchangeWith(
    t,
    new Map([
      ['liar', lies],
      [idOf(liarNode), liar],
      [idOf(node), honest],
    ]),
  );
  const sources = ['liar', 'gone', idOf(liarNode), idOf(node)];
  await fetchFrom(asked, link, sources);
  assert.ok((await readAll(asked.store, link)).equals(BYTES));
  assert.deepEqual(asked.lies, ['liar']);
  assert.ok((asked.counts.get('liar') ?? 0) <= 4, 'not asked again, but for what was under way');
  assert.ok((asked.counts.get(idOf(liarNode)) ?? 0) <= 6, 'who has nothing is asked last');
});

function lost(isGone: boolean) {
  return { code: 'no_source', detail: { isGone } };
}

test('where nobody has a block it is said, and what came stays', async (t) => {
  const { node, link } = await nodeWithBlob(t);
  const peer = await RawReplica.connect(t, node);
  const asked = exchangeWith(t, new Map([[idOf(node), peer]]));
  await assert.rejects(fetchFrom(asked, link, []), lost(true));
  await assert.rejects(fetchFrom(asked, link, ['gone']), lost(false));
  const absent = { cid: cidOf(new Uint8Array(32), 0), size: 5 };
  await assert.rejects(fetchFrom(asked, absent, [idOf(node)]), lost(true));
  await assert.rejects(fetchFrom(asked, absent, [idOf(node), 'gone']), lost(false));
});

test('a block that rotted at a node is refused by name, never served', async (t) => {
  const { node, link, data } = await nodeWithBlob(t);
  const peer = await RawReplica.connect(t, node);
  for (const name of globSync('storage/blobs/blocks/*/*', { cwd: data })) {
    const path = join(data, name);
    const bytes = readFileSync(path);
    const at = Math.floor(Math.random() * bytes.byteLength);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(path, bytes);
  }
  await assert.rejects(peer.ask({ type: 'block', cid: link.cid, isPublic: false }), { code: 'corrupt' });
  assert.deepEqual(await peer.ask({ type: 'has', cids: [link.cid] }), { has: [false] });
});

test('a node without blobs has none, and makes no files for them', async (t) => {
  const data = newData();
  const node = await startNode(t, { data });
  const peer = await RawReplica.connect(t, node);
  const cid = cidOf(new Uint8Array(32), 0);
  assert.deepEqual(await peer.ask({ type: 'has', cids: [cid] }), { has: [false] });
  assert.deepEqual(await peer.ask({ type: 'block', cid, isPublic: false }), { bytes: null });
  assert.deepEqual(globSync('storage/blobs', { cwd: data }), []);
  assert.ok(encodeAnswer(1, 'block', { bytes: null }).byteLength < 10);
});
