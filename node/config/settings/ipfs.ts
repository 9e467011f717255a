import { z } from 'zod';
import type { Setting } from './setting.ts';

/** Settings of the node for IPFS. */
export const IPFS_SETTINGS = [
  {
    path: 'ipfs.enabled',
    schema: z.boolean(),
    default: true,
    help: 'Give blobs of namespaces that anyone may read to anyone: by bitswap to peers, and at /ipfs/{cid} of the gateway.',
  },
  {
    path: 'ipfs.askAllMax',
    schema: z.int().min(0).max(64),
    default: 12,
    unit: 'peers',
    help: 'Up to so many other nodes all are asked for a public blob that is not here; in larger swarms those that announced it in the DHT.',
  },
] as const satisfies readonly Setting[];
