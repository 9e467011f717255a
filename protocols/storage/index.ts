/**
 * Signed, versioned records and the protocol by which replicas hold them. SPEC.md has the bytes.
 *
 * Everything here is pure. Where records are kept and who asks whom is the node's matter.
 */
export { type RecordDraft, RecordSigner, type RecordSignerComponents } from './client.ts';
export { decodeRecord, encodeBody, encodeRecord, signingBytes } from './codec.ts';
export * from './constants.ts';
export { STORAGE_ERRORS, StorageError, type StorageErrorCode } from './errors.ts';
export { checkKey, checkPrefix, compareKeys } from './keys.ts';
export { Partitions, partitionKey, partitionOf, placeOf } from './partition.ts';
export {
  byDistance,
  type HomesInit,
  homesOf,
  type Member,
  type PlacementInit,
  standInsOf,
  viewOf,
} from './placement.ts';
export * from './record.ts';
export { checkContentType, checkRecord, checkTime, isExpired } from './validate.ts';
export {
  compareBytes,
  compareRecords,
  compareVersions,
  formatEtag,
  HybridClock,
  parseEtag,
  recordCid,
} from './version.ts';
