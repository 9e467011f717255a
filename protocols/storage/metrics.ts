import { STORAGE_ERRORS, type StorageErrorCode } from './errors.ts';

/** Counters of the protocol. True counters: they only grow. */
export interface StorageMetrics {
  /** Records of peers that were taken. */
  recordsAccepted: number;
  /** Signatures verified: what is accepted without was verified a short while ago. */
  recordsVerified: number;
  bytesAccepted: number;
  /** Records and frames not taken, by reason. */
  readonly refused: Record<StorageErrorCode, number>;
}

export function createStorageMetrics(): StorageMetrics {
  const refused = Object.fromEntries(Object.keys(STORAGE_ERRORS).map((code) => [code, 0]));
  return {
    recordsAccepted: 0,
    recordsVerified: 0,
    bytesAccepted: 0,
    refused: refused as Record<StorageErrorCode, number>,
  };
}
