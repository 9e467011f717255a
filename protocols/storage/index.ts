/**
 * Signed, versioned records and the protocol by which replicas hold them. SPEC.md has the bytes.
 *
 * Everything here is pure. The node decides where records are kept and which peers it asks.
 */
export {
  type Answers,
  decodeAnswer,
  encodeAnswer,
  encodeError,
  type ListItem,
  type PartitionItem,
  type PutOutcome,
  type Standing,
  type VersionItem,
} from './answers.ts';
export { type RecordDraft, RecordSigner, type RecordSignerComponents } from './client.ts';
export { decodeRecord, encodeBody, encodeRecord, signingBytes } from './codec.ts';
export * from './constants.ts';
export { STORAGE_LIMITS } from './constants.ts';
export {
  ANSWER_ERRORS,
  type AnswerErrorCode,
  ReplicaError,
  STORAGE_ERRORS,
  StorageError,
  type StorageErrorCode,
} from './errors.ts';
export { type FrameHead, readFrameHead } from './frame.ts';
export type { GoneMember } from './gone.ts';
export type { Held } from './held.ts';
export { itemIdOf } from './item.ts';
export { checkKey, checkPrefix, compareKeys } from './keys.ts';
export { createStorageMetrics, type StorageMetrics } from './metrics.ts';
export { fitsEntries, fitsFetch, fitsList, fitsPartitions } from './pages.ts';
export { comparePartitions, Partitions, partitionKey, partitionOf, placeOf } from './partition.ts';
export {
  byDistance,
  countsAsReplica,
  fallbacksOf,
  type Member,
  type PlacementInit,
  type ReplicasInit,
  replicaSetIdOf,
  replicasOf,
  type SponsorSet,
} from './placement.ts';
export type { BlobProgress } from './progress.ts';
export * from './record.ts';
export {
  type PartitionName,
  REQUESTS,
  RETIRED_REQUESTS,
  type RequestDescriptor,
  type RequestOf,
  type Requests,
  type RequestType,
  requestType,
  type StorageRequest,
} from './request-types.ts';
export { decodeRequest, encodeRequest } from './requests.ts';
export {
  type AuthoriseRecord,
  type ExpectedPlace,
  isNew,
  RecordAdmission,
  type RecordAdmissionComponents,
  type RecordOrigin,
  RequestQuotas,
} from './server.ts';
export { checkContentType, checkRecord, checkTime, isExpired } from './validate.ts';
export {
  compareRecords,
  compareVersions,
  formatEtag,
  HybridClock,
  parseEtag,
  recordCid,
} from './version.ts';
