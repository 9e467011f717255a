/** Public blobs in a swarm that is too large to ask everybody: announced in the DHT, found there, and given only while they are public. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { digestOf, PROFILE } from '../../protocols/blobs/index.ts';
import { pattern } from '../support/blobs.ts';
import { sha256 } from '../support/envelopes.ts';
import { until } from '../support/processes.ts';
import { putBlob, setOpen } from '../support/public-blobs.ts';
import { startMembers } from '../support/storage.ts';

const FIND_TIMEOUT_MS = 5_000;

async function find(node: MaillonNode, cid: Uint8Array): Promise<Uint8Array | null> {
  const found = await node.publicBlobs.find(cid, AbortSignal.timeout(FIND_TIMEOUT_MS));
  return found?.bytes ?? null;
}

test('who has not got a public blob finds who has by the DHT', async (t) => {
  const settings = { 'ipfs.askAllMax': 0, 'storage.replicas': 1 };
  const nodes = await startMembers(t, 3, { settings });
  const [first] = nodes;
  assert.ok(first !== undefined);
  const open = await putBlob(first, 'open', pattern(PROFILE.chunkBytes + 5));
  const closed = await putBlob(first, 'closed', pattern(PROFILE.chunkBytes + 6));
  await setOpen(first, 'open', true);
  await until('all find it', async () => {
    const found = await Promise.all(nodes.map((node) => find(node, open)));
    return found.every((bytes) => bytes !== null && Buffer.from(sha256(bytes)).equals(digestOf(open)));
  });
  for (const node of nodes) assert.equal(await find(node, closed), null);
  await setOpen(first, 'open', false);
  await until('every node has the policy, and none gives it', async () => {
    const found = await Promise.all(nodes.map((node) => find(node, open)));
    return found.every((bytes) => bytes === null);
  });
});
