import type { Limit } from '../common/limits.ts';
import { BLOB_MAX_BYTES, PROFILE, READ_AHEAD_MAX } from './constants.ts';

/** The limits of blobs: the same at every node of a swarm. */
export const BLOB_LIMITS: readonly Limit[] = [
  limit('blobs.bytes', BLOB_MAX_BYTES, 'bytes', 'two levels of nodes hold it'),
  limit('blobs.chunkBytes', PROFILE.chunkBytes, 'bytes', 'one block is verified as a whole, in memory'),
  limit('blobs.links', PROFILE.linksMax, 'count', 'children of a node: it stays a small block'),
  limit('blobs.readAhead', READ_AHEAD_MAX, 'count', 'blocks that a reader holds in memory'),
];

function limit(name: string, value: number, unit: Limit['unit'], reason: string): Limit {
  return { name, value, unit, reason };
}
