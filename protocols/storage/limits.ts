import type { Limit } from '../common/limits.ts';
import {
  CHAIN_MAX_BYTES,
  CHAIN_MAX_LINKS,
  CLOCK_SKEW_MS,
  CONTENT_TYPE_MAX_LENGTH,
  EXT_MAX_BYTES,
  FRAME_MAX_BYTES,
  KEY_MAX_BYTES,
  PAGE_ITEMS_MAX,
  PAGE_MAX_BYTES,
  PARTITIONS,
  PLACEMENT_GRACE_MS,
  RECONCILE_MESSAGE_MAX_BYTES,
  RECORD_MAX_BYTES,
  REQUESTS_MAX,
  TOMBSTONE_LIFE_MS,
  VALUE_MAX_BYTES,
} from './constants.ts';

/** The limits of the storage protocol: the same at every node of a swarm. */
export const STORAGE_LIMITS: readonly Limit[] = [
  limit('storage.valueBytes', VALUE_MAX_BYTES, 'bytes', 'a value travels and is verified as a whole'),
  limit('storage.recordBytes', RECORD_MAX_BYTES, 'bytes', 'a value and every other field at its largest'),
  limit('storage.keyBytes', KEY_MAX_BYTES, 'bytes', 'keys are compared, listed and indexed'),
  limit('storage.contentTypeBytes', CONTENT_TYPE_MAX_LENGTH, 'bytes', 'a media type with its parameters'),
  limit('storage.partitions', PARTITIONS, 'count', 'parts of a namespace that are placed apart'),
  limit('storage.clockSkew', CLOCK_SKEW_MS, 'milliseconds', 'how far a fast clock can take a version ahead'),
  limit('storage.placementGrace', PLACEMENT_GRACE_MS, 'milliseconds', 'a restart moves no data'),
  limit('storage.tombstoneLife', TOMBSTONE_LIFE_MS, 'milliseconds', 'a replica may be away so long'),
  limit('storage.frameBytes', FRAME_MAX_BYTES, 'bytes', 'a record at its largest, and its frame'),
  limit('storage.pageBytes', PAGE_MAX_BYTES, 'bytes', 'one answer with a page of entries'),
  limit('storage.pageItems', PAGE_ITEMS_MAX, 'count', 'entries of one page'),
  limit('storage.reconcileBytes', RECONCILE_MESSAGE_MAX_BYTES, 'bytes', 'one message of a reconciliation'),
  limit('storage.requests', REQUESTS_MAX, 'count', 'requests of one peer that wait for their answers'),
  limit('storage.chainLinks', CHAIN_MAX_LINKS, 'count', 'every link is a signature to verify'),
  limit('storage.chainBytes', CHAIN_MAX_BYTES, 'bytes', 'leaves the other fields their room'),
  limit('storage.extBytes', EXT_MAX_BYTES, 'bytes', 'room for fields to come'),
];

function limit(name: string, value: number, unit: Limit['unit'], reason: string): Limit {
  return { name, value, unit, reason };
}
