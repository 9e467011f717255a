/** Blobs of public namespaces over bitswap, to a stock Helia in a process of its own; those of others to nobody. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { cidOf, cidText } from '../../protocols/blobs/index.ts';
import { AskedProcess } from '../support/asked-process.ts';
import { pattern } from '../support/blobs.ts';
import type { HeliaRequest } from '../support/helia-peer.ts';
import { startNode, tcpAddress } from '../support/node.ts';
import type { Cleanup } from '../support/processes.ts';
import { putBlob, setOpen } from '../support/public-blobs.ts';

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
