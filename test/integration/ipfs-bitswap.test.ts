/** Blobs of public namespaces over bitswap, to a stock Helia in a process of its own; those of others to nobody. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { cidOf, cidText, PROFILE } from '../../protocols/blobs/index.ts';
import { AskedProcess } from '../support/asked-process.ts';
import { BitswapPeer } from '../support/bitswap-peer.ts';
import { blobOf, pattern, piecesOf } from '../support/blobs.ts';
import { sha256 } from '../support/envelopes.ts';
import type { HeliaRequest } from '../support/helia-peer.ts';
import { startNode, tcpAddress } from '../support/node.ts';
import { type Cleanup, until } from '../support/processes.ts';
import { putBlob, setOpen } from '../support/public-blobs.ts';
import { RawReplica } from '../support/raw-replica.ts';

const MIB = 2 ** 20;
/** Long enough for a block to come, wherever it is. */
const READ_TIMEOUT_MS = 30_000;
/** Helia asks on until it gives up: a node that had it has answered long before. */
const ABSENT_TIMEOUT_MS = 1_500;
const OPEN = pattern(5 * MIB + 77);
const CLOSED = pattern(2 * MIB + 5).reverse();

const ends: (() => void | Promise<void>)[] = [];
const cleanup: Cleanup = { after: (end) => void ends.push(end) };
let node: MaillonNode;
let open: Uint8Array;
let closed: Uint8Array;
let helia: AskedProcess<HeliaRequest>;

before(async () => {
  helia = new AskedProcess<HeliaRequest>(new URL('../support/helia-peer.ts', import.meta.url));
  node = await startNode(cleanup);
  open = await putBlob(node, 'open', OPEN);
  closed = await putBlob(node, 'closed', CLOSED);
  await setOpen(node, 'open', true);
  await setOpen(node, 'closed', false);
  await helia.ask({ type: 'connect', address: tcpAddress(node) });
});
after(async () => {
  await helia.stop();
  for (const end of ends) await end();
});

const read = (cid: Uint8Array, timeoutMs: number) =>
  helia.ask<{ sha256: string; size: number }>({ type: 'read', cid: cidText(cid), timeoutMs });

test('a stock Helia gets a public blob by its CID, and verifies it', async () => {
  const { sha256, size } = await read(open, READ_TIMEOUT_MS);
  assert.equal(size, OPEN.byteLength);
  assert.equal(sha256, createHash('sha256').update(OPEN).digest('hex'));
});

test('it gets none of a private namespace', async () => {
  await assert.rejects(read(closed, ABSENT_TIMEOUT_MS));
});

test('of a private block nobody is told more than of one that is not there', async (t) => {
  const peer = await BitswapPeer.connect(t, tcpAddress(node));
  const absent = cidOf(sha256(Buffer.from('nobody has it')), 0);
  const { blocks } = await blobOf(piecesOf(CLOSED, MIB), PROFILE);
  const cids = [absent, ...blocks.map(({ cid }) => cid)];
  for (const cid of cids) assert.equal(await peer.has(cid), false, cidText(cid));
  assert.equal(await peer.has(open), true);
  peer.presences.clear();
  await peer.ask([...cids, open].map((cid) => ({ cid })));
  await until('all are answered', () => peer.presences.size === cids.length && peer.blocks.length === 1);
  assert.deepEqual([...peer.presences.values()], Array(cids.length).fill(false));
  // over the protocol of the swarm, only if it is public: the same
  const replica = await RawReplica.connect(t, node);
  for (const cid of cids) {
    assert.equal((await replica.ask({ type: 'block', cid, isPublic: true })).bytes, null);
  }
  const { bytes } = await replica.ask({ type: 'block', cid: open, isPublic: true });
  assert.equal(cidText(cidOf(sha256(bytes ?? Buffer.alloc(0)), 1)), cidText(open));
});

test('a policy counts at once; so does the end of the last record', async (t) => {
  const peer = await BitswapPeer.connect(t, tcpAddress(node));
  const { blocks } = await blobOf(piecesOf(OPEN, MIB), PROFILE);
  const leaf = blocks[0]?.cid ?? open;
  assert.equal(await peer.has(leaf), true);
  await setOpen(node, 'open', false);
  assert.equal(await peer.has(open), false);
  assert.equal(await peer.has(leaf), false);
  await setOpen(node, 'open', true);
  assert.equal(await peer.has(leaf), true);
  await node.storage.delete({ owner: node.owner, namespace: 'open', key: 'file' });
  assert.equal(await peer.has(open), false);
  assert.equal(await peer.has(leaf), false);
});

test('switched off, bitswap is not spoken, and nothing is public', async (t) => {
  const off = await startNode(t, { settings: { 'ipfs.enabled': false } });
  const cid = await putBlob(off, 'open', OPEN.subarray(0, MIB));
  await setOpen(off, 'open', true);
  const peer = await BitswapPeer.connect(t, tcpAddress(off));
  await assert.rejects(peer.ask([{ cid }]), { name: 'UnsupportedProtocolError' });
  await assert.rejects(off.publicBlobs.find(cid, AbortSignal.timeout(READ_TIMEOUT_MS)), {
    code: 'feature_off',
    message: 'ipfs is off at this node: set ipfs.enabled to true',
  });
  const replica = await RawReplica.connect(t, off);
  // of a megabyte no difference is to be shown
  assert.ok((await replica.ask({ type: 'block', cid, isPublic: true })).bytes === null);
});
