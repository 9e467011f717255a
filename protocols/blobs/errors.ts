import { type Fault, refusalBy } from '../common/refusal.ts';

/** Why a blob or a block of it is not taken, and whose fault it is; of links: common/blob-link.ts. */
export const BLOB_ERRORS = {
  /** The bytes of a block do not hash to its CID. */
  block_hash: 'sender',
  /** A block is not what a blob of this size has in its place: made by another profile, or its size is not true. */
  block_shape: 'context',
  /** A range that begins behind the end, or is malformed. */
  blob_range: 'context',
  /** The saved state of an upload is not one a builder wrote. */
  blob_state: 'context',
} as const satisfies Record<string, Fault>;

export type BlobErrorCode = keyof typeof BLOB_ERRORS;

export class BlobError extends refusalBy(BLOB_ERRORS) {}
