import type { Limit } from '../../protocols/common/limits.ts';

const MIB = 2 ** 20;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Blocks that are written and synced together: what an upload that is killed does again is less than this many chunks. */
export const BATCH_BLOCKS = 8;
/** Files written at once: the system's threads, four of them, also verify signatures. */
export const WRITES_AT_ONCE = 2;
/** Blocks of a blob that are fetched at once: a round trip is hidden, and so many chunks are in memory. */
export const FETCHES_AT_ONCE = 4;
/** Left on the disk for what is not blobs: the record store goes on when blobs are refused. */
export const DISK_RESERVED_BYTES = 16 * MIB;

/** Uploads under way: each keeps its digests, some 64 KiB. */
export const UPLOADS_MAX = 1024;
export const UPLOADS_PER_NAMESPACE_MAX = 64;
/** An upload that nobody goes on with is given up after this. */
export const UPLOAD_LIFE_MS = 24 * HOUR_MS;
/** What nobody refers to is kept so long: whoever put it is about to write the record. */
export const UNREFERENCED_GRACE_MS = 60 * MINUTE_MS;

/** Between two collections: a little of what is not needed any more stands for a while. */
export const COLLECT_MS = 10 * MINUTE_MS;
/** Rows of the catalogue that one turn of collection touches. */
export const COLLECT_ROWS = 512;
/** Files that one turn of collection removes. */
export const COLLECT_FILES = 64;
/** Pages of the catalogue that one turn of compaction gives back. */
export const VACUUM_PAGES = 256;
/** Blocks of one page of a scrub. */
export const SCRUB_BLOCKS = 64;
/** Broken blocks that a scrub names; all are counted. */
export const SCRUB_NAMED_MAX = 1000;
/** Memory of the catalogue's pages. */
export const CACHE_KIB = 4 * 1024;
/** To which the catalogue's log is cut after it was moved into the file. */
export const LOG_KEPT_BYTES = 8 * MIB;
/** Bytes that a block takes of the capacity beside its own: sealing, its row, half a page of the file system. */
export const BLOCK_OVERHEAD_BYTES = 2048 + 256;

export const BLOB_STORE_LIMITS: readonly Limit[] = [
  limit('blobs.uploads', UPLOADS_MAX, 'count', 'uploads under way at a node'),
  limit('blobs.uploadsPerNamespace', UPLOADS_PER_NAMESPACE_MAX, 'count', 'of one namespace among them'),
  limit('blobs.uploadLife', UPLOAD_LIFE_MS, 'milliseconds', 'an upload that nobody goes on with'),
  limit('blobs.grace', UNREFERENCED_GRACE_MS, 'milliseconds', 'bytes that nothing refers to yet'),
  limit('blobs.fetches', FETCHES_AT_ONCE, 'count', 'blocks of a blob fetched at once'),
];

function limit(name: string, value: number, unit: Limit['unit'], reason: string): Limit {
  return { name, value, unit, reason };
}
