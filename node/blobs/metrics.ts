import type { Meter } from '../observability/meter.ts';
import type { BlobStore, BlobStoreMetrics } from './interface.ts';

export function createBlobStoreMetrics(): BlobStoreMetrics {
  return {
    blocksWritten: 0,
    bytesWritten: 0,
    blocksRead: 0,
    corruptions: 0,
    blocksFetched: 0,
    blocksCollected: 0,
    refusals: 0,
    blocksScrubbed: 0,
    resets: 0,
  };
}

/** Metrics and usage of the store. */
export type BlobGauges = Pick<BlobStore, 'metrics' | 'usage'>;

/** Registers what the blob store counts, and what it holds. */
export function registerBlobMetrics(meter: Meter, { metrics, usage }: BlobGauges): void {
  const count = (what: string, help: string, read: () => number): void =>
    meter.counter(`maillon_blobs_${what}_total`, help, read);
  count('blocks_written', 'Blocks written to disk.', () => metrics.blocksWritten);
  count('written_bytes', 'Bytes of blocks written to disk.', () => metrics.bytesWritten);
  count('blocks_read', 'Blocks read from disk and verified.', () => metrics.blocksRead);
  count('corruptions', 'Blocks on disk that were not what was written.', () => metrics.corruptions);
  count('blocks_fetched', 'Blocks fetched from peers.', () => metrics.blocksFetched);
  count('blocks_collected', 'Blocks removed since nothing needed them.', () => metrics.blocksCollected);
  count('refusals', 'Blobs refused for want of room.', () => metrics.refusals);
  count('blocks_scrubbed', 'Blocks that scrubs read.', () => metrics.blocksScrubbed);
  count('resets', 'Damaged catalogues of blobs that were set aside.', () => metrics.resets);
  meter.gauge('maillon_blobs_used_bytes', 'Bytes of blocks on disk.', () => usage().bytes);
  meter.gauge('maillon_blobs_stored_blocks', 'Blocks on disk.', () => usage().blocks);
  meter.gauge('maillon_blobs_stored_blobs', 'Blobs, complete or not.', () => usage().blobs);
  meter.gauge('maillon_blobs_open_uploads', 'Uploads under way.', () => usage().uploads.count);
  meter.gauge('maillon_blobs_upload_bytes', 'Bytes of uploads under way.', () => usage().uploads.bytes);
}
