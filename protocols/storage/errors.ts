import { CodedError } from '../common/errors.ts';
import { type Fault, refusalBy } from '../common/refusal.ts';

/** Every reason for which a record or a frame is not taken, and whose fault it is. */
export const STORAGE_ERRORS = {
  record_too_large: 'sender',
  record_malformed: 'sender',
  record_not_canonical: 'sender',
  record_field: 'sender',
  record_signature: 'sender',
  record_misplaced: 'sender',
  record_chain: 'sender',
  record_version: 'context',
  record_clock: 'context',
  record_expired: 'context',
  record_unauthorised: 'context',
  overloaded: 'context',
  frame_too_large: 'sender',
  frame_malformed: 'sender',
  frame_version: 'context',
  frame_type: 'context',
} as const satisfies Record<string, Fault>;

export type StorageErrorCode = keyof typeof STORAGE_ERRORS;

export class StorageError extends refusalBy(STORAGE_ERRORS) {}

/** Why a replica does not do what a request asks, beside the codes above. Later versions may have more. */
export const ANSWER_ERRORS = [
  /** It asks too much. */
  'rate_limited',
  /** This node is neither a replica nor a fallback replica of the partition. */
  'not_responsible',
  /** The namespace has had its share. */
  'over_quota',
  /** This node has, or its disk does. */
  'no_room',
  /** The record's blob is not here yet: it is being fetched. */
  'blob_missing',
  /** The bytes on disk are not those that were written. */
  'corrupt',
  /** The store cannot be read or written now. */
  'unavailable',
  'stopping',
] as const;

export type AnswerErrorCode = (typeof ANSWER_ERRORS)[number] | StorageErrorCode;

/** A refusal that a replica answered with. Its code is the replica's word, one of `AnswerErrorCode` or of a later version. */
export class ReplicaError extends CodedError {}
