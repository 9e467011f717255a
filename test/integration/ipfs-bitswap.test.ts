/** Blobs of public namespaces over bitswap, to a stock Helia in a process of its own; those of others to nobody. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { type BlobLink, cidText } from '../../protocols/blobs/index.ts';
import { AskedProcess } from '../support/asked-process.ts';
import { pattern } from '../support/blobs.ts';
import type { HeliaRequest } from '../support/helia-peer.ts';
import { tcpAddress } from '../support/node.ts';
import type { Cleanup } from '../support/processes.ts';
import { nodeWithBlobs, setOpen } from '../support/public-blobs.ts';

const MIB = 2 ** 20;
/** Long enough for a block to come, wherever it is. */
const READ_TIMEOUT_MS = 30_000;
/** Helia asks on until it gives up: a node that had it has answered long before. */
const ABSENT_TIMEOUT_MS = 1_500;
const OPEN = pattern(5 * MIB + 77);
const CLOSED = pattern(2 * MIB + 5).reverse();

const ends: (() => void | Promise<void>)[] = [];
const cleanup: Cleanup = { after: (end) => void ends.push(end) };
const data = mkdtempSync(join(tmpdir(), 'maillon-ipfs-'));
let node: MaillonNode;
let open: BlobLink;
let closed: BlobLink;
let helia: AskedProcess<HeliaRequest>;

before(async () => {
  helia = new AskedProcess<HeliaRequest>(new URL('../support/helia-peer.ts', import.meta.url));
  const made = await nodeWithBlobs(cleanup, { data }, [
    { namespace: 'open', key: 'file', bytes: OPEN },
    { namespace: 'closed', key: 'file', bytes: CLOSED },
  ]);
  node = made.node;
  [open, closed] = made.links as [BlobLink, BlobLink];
  await setOpen(node, 'open', true);
  await setOpen(node, 'closed', false);
  await helia.ask({ type: 'connect', address: tcpAddress(node) });
});
after(async () => {
  await helia.stop();
  for (const end of ends) await end();
  rmSync(data, { recursive: true, force: true });
});

const read = (cid: Uint8Array, timeoutMs: number) =>
  helia.ask<{ sha256: string; size: number }>({ type: 'read', cid: cidText(cid), timeoutMs });

test('a stock Helia gets a public blob by its CID, and verifies it', async () => {
  const { sha256, size } = await read(open.cid, READ_TIMEOUT_MS);
  assert.equal(size, OPEN.byteLength);
  assert.equal(sha256, createHash('sha256').update(OPEN).digest('hex'));
});

test('it gets none of a private namespace', async () => {
  await assert.rejects(read(closed.cid, ABSENT_TIMEOUT_MS));
});
