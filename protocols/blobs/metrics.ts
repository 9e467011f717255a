import { BLOB_ERRORS, type BlobErrorCode } from './errors.ts';

/** Counters of the protocol. True counters: they only grow. */
export interface BlobMetrics {
  /** Blocks whose bytes and place were found good. */
  blocksVerified: number;
  bytesVerified: number;
  /** Blocks and links not taken, by reason. */
  readonly refused: Record<BlobErrorCode, number>;
}

export function createBlobMetrics(): BlobMetrics {
  const refused = Object.fromEntries(Object.keys(BLOB_ERRORS).map((code) => [code, 0]));
  return { blocksVerified: 0, bytesVerified: 0, refused: refused as Record<BlobErrorCode, number> };
}
