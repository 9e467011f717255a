/**
 * Does one thing with blob stores and says how much memory that took at most: `node worker.ts in|out|fetch|scrub DIRECTORY MIB`, a line of
 * JSON on standard output.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BlobLink, cidText, PROFILE, parseCid } from '../../../protocols/blobs/index.ts';
import { NAMESPACE, NEVER, openBlobs } from '../../support/blob-store.ts';

const TIB = 2 ** 40;
const WITHOUT_END = 2 ** 50;
/** Bytes a socket delivers at once. */
const PIECE_BYTES = 65_536;

const [, , what = '', directory = '', mib = '0'] = process.argv;
const size = Number(mib) * PROFILE.chunkBytes;
const room = { capacityBytes: () => TIB, quotaOf: () => TIB };
const linkPath = join(directory, 'link.json');
const sha = createHash('sha256');

/** Bytes of which no two chunks are the same. */
async function* source(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; at += PIECE_BYTES) {
    const piece = Buffer.alloc(PIECE_BYTES, at % 251);
    piece.writeUInt32BE(at / PIECE_BYTES);
    sha.update(piece);
    yield piece;
  }
}

function readLink(): BlobLink {
  const { cid, size: bytes } = JSON.parse(readFileSync(linkPath, 'utf8')) as { cid: string; size: number };
  return { cid: parseCid(cid) ?? new Uint8Array(), size: bytes };
}

const ACTIONS: Readonly<Record<string, () => Promise<void>>> = {
  in: async () => {
    const store = openBlobs(join(directory, 'one'), room);
    const link = await store.begin(NAMESPACE).finish(source(), NEVER);
    writeFileSync(linkPath, JSON.stringify({ cid: cidText(link.cid), size: link.size }));
    await store.close();
  },
  out: async () => {
    const store = openBlobs(join(directory, 'one'), room);
    const link = readLink();
    for await (const piece of store.read(link, { start: 0, end: link.size }, NEVER)) sha.update(piece);
    await store.close();
  },
  fetch: async () => {
    const from = openBlobs(join(directory, 'one'), room);
    const to = openBlobs(join(directory, 'two'), room);
    const options = { namespaceId: NAMESPACE, signal: NEVER };
    await to.fetch(readLink(), { ...options, getBlock: ({ cid }) => from.block(cid) });
    await Promise.all([from.close(), to.close()]);
  },
  scrub: async () => {
    const store = openBlobs(join(directory, 'two'), room);
    const { broken } = await store.scrub({ bytesPerSecond: WITHOUT_END, signal: NEVER });
    if (broken > 0) throw new Error(`${broken} blocks are broken`);
    await store.close();
  },
};

/** Megabytes (10^6 bytes), as the system counts them. */
function memoryMb(field: 'VmRSS' | 'VmHWM'): number {
  const line = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync('/proc/self/status', 'utf8'));
  return (Number(line?.[1]) * 1024) / 1e6;
}

const idleMb = memoryMb('VmRSS');
const since = performance.now();
await ACTIONS[what]?.();
const seconds = (performance.now() - since) / 1000;
const report = { idleMb, peakMb: memoryMb('VmHWM'), seconds, digest: sha.digest('hex') };
process.stdout.write(`${JSON.stringify(report)}\n`);
