/**
 * Signed, versioned records and the protocol by which replicas hold them. SPEC.md has the bytes.
 *
 * Everything here is pure. Where records are kept and who asks whom is the node's matter.
 */
export * from './constants.ts';
export { STORAGE_ERRORS, StorageError, type StorageErrorCode } from './errors.ts';
export * from './record.ts';
export {
  compareBytes,
  compareRecords,
  compareVersions,
  formatEtag,
  HybridClock,
  parseEtag,
  recordCid,
} from './version.ts';
