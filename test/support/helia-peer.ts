/**
 * A stock Helia in a process of its own, asked over IPC: it is connected to one address, has nothing, and knows nobody else. It
 * fetches by bitswap and verifies what it gets.
 */
import { createHash } from 'node:crypto';
import { withBitswap } from '@helia/bitswap';
import { withLibp2pLight } from '@helia/libp2p';
import * as dagPb from '@ipld/dag-pb';
import { identify } from '@libp2p/identify';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createHeliaLight } from 'helia';
import { CID } from 'multiformats/cid';
import { answerAsked } from './asked-process.ts';

export type HeliaRequest =
  | { readonly type: 'connect'; readonly address: string }
  /** SHA-256, in hex, and length of the file under a CID. */
  | { readonly type: 'read'; readonly cid: string; readonly timeoutMs: number };

const helia = withBitswap(
  withLibp2pLight(createHeliaLight(), {
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
  }),
);
const started = helia.start();

answerAsked(async (request: HeliaRequest) => {
  await started;
  if (request.type === 'connect') {
    await helia.libp2p.dial(multiaddr(request.address));
    return undefined;
  }
  return readFile(CID.parse(request.cid), AbortSignal.timeout(request.timeoutMs));
});

/** Reads a file whose leaves are raw: node by node, leaf by leaf. */
async function readFile(root: CID, signal: AbortSignal): Promise<{ sha256: string; size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  const visit = async (cid: CID): Promise<void> => {
    const block = await blockOf(cid, signal);
    if (cid.code !== dagPb.code) {
      hash.update(block);
      size += block.byteLength;
      return;
    }
    for (const { Hash } of dagPb.decode(block).Links) await visit(CID.decode(Hash.bytes));
  };
  await visit(root);
  return { sha256: hash.digest('hex'), size };
}

async function blockOf(cid: CID, signal: AbortSignal): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of helia.blockstore.get(cid, { signal })) parts.push(part);
  return Buffer.concat(parts);
}
