/** Blob stores of tests. */
import { join } from 'node:path';
import { Collections } from '../../node/blobs/collections.ts';
import type { BlobStore, Reference } from '../../node/blobs/interface.ts';
import { LocalBlobs } from '../../node/blobs/local-blobs.ts';
import { createBlobStoreMetrics } from '../../node/blobs/metrics.ts';
import { type BlobStoreInit, openBlobStore } from '../../node/blobs/store.ts';
import { createCrypto } from '../../node/runtime/crypto.ts';
import type { BlobLink } from '../../protocols/blobs/index.ts';
import type { Clock, TimerClock } from '../../protocols/common/clock.ts';
import { bytesOfAll, piecesOf } from './blobs.ts';
import { silentLogger } from './silent-logger.ts';

const GIB = 2 ** 30;
const crypto = createCrypto();

export const NAMESPACE = new Uint8Array(32).fill(7);
export const NEVER = new AbortController().signal;

/** The store in `data`, with room for everything unless said otherwise. */
export function openBlobs(
  data: string,
  { clock = { now: () => 1_000_000 }, ...init }: Partial<BlobStoreInit> & { readonly clock?: Clock } = {},
): BlobStore {
  return openBlobStore(
    {
      clock,
      crypto,
      logger: silentLogger(),
      metrics: createBlobStoreMetrics(),
      collections: new Collections(),
    },
    {
      // where a node has it
      directory: join(data, 'storage/blobs'),
      keyPath: join(data, 'storage.key'),
      capacityBytes: () => GIB,
      quotaOf: () => GIB,
      ...init,
    },
  );
}

/** A node's blobs, over a store in `data` that opens when it is needed; with unlimited capacity unless said otherwise. */
export function blobHome(
  data: string,
  { clock, quotaBytes = GIB }: { readonly clock: TimerClock; readonly quotaBytes?: number },
): LocalBlobs {
  return new LocalBlobs(
    { clock, crypto, logger: silentLogger() },
    {
      directory: join(data, 'storage/blobs'),
      keyPath: join(data, 'storage.key'),
      capacityBytes: () => GIB,
      quotaOf: () => quotaBytes,
    },
  );
}

export async function putBytes(
  store: BlobStore,
  bytes: Uint8Array,
  namespaceId = NAMESPACE,
): Promise<BlobLink> {
  return store.begin(namespaceId).finish(piecesOf(bytes, 65_536), NEVER);
}

export function readAll(store: BlobStore, link: BlobLink): Promise<Buffer> {
  return bytesOfAll(store.read(link, { start: 0, end: link.size }, NEVER));
}

export function recordReference(key: string, ms = 1, namespaceId = NAMESPACE): Reference {
  return { namespaceId, key, stamp: { ms, counter: 0, digest: new Uint8Array(32).fill(ms) } };
}
