import { type Limit, limitsIn } from '../../protocols/common/limits.ts';

const published: Limit[] = [];
const limit = limitsIn(published);

const MIB = 2 ** 20;
const MINUTE_MS = 60_000;

/** Blocks that are written and synced together: what an upload that is killed does again is less than this many chunks. */
export const BATCH_BLOCKS = 8;
/** Files written at once: the system's threads, four of them, also verify signatures. */
export const WRITES_AT_ONCE = 2;
/** Blocks of a blob that are fetched at once: a round trip is hidden, and so many chunks are in memory. */
export const FETCHES_AT_ONCE = 4;
/** Left on the disk for what is not blobs: the record store goes on when blobs are refused. */
export const DISK_RESERVED_BYTES = 16 * MIB;

export const UPLOADS_MAX = limit(
  'blobs.uploads',
  1024,
  'count',
  'uploads under way at a node: each keeps its digests, some 64 KiB; then overloaded',
);
export const UPLOADS_PER_NAMESPACE_MAX = limit(
  'blobs.uploadsPerNamespace',
  64,
  'count',
  'of one namespace among them',
);
/** How long an upload waits for a client that went away: a setting may say otherwise. */
export const UPLOAD_LIFE_MS = 10 * MINUTE_MS;
export const EMPTY_UPLOAD_LIFE_MS = limit(
  'blobs.emptyUploadLife',
  2 * MINUTE_MS,
  'milliseconds',
  'an upload that nothing has come of is ended after this: a client that means it sends within seconds',
);
export const UNREFERENCED_GRACE_MS = limit(
  'blobs.grace',
  60 * MINUTE_MS,
  'milliseconds',
  'a whole blob that nothing refers to is kept so long: the slowest replica of a write may still be fetching it',
);
/** A part of a blob that nothing refers to and nothing came of: longer than a fetch takes for the blocks that it notes together. */
export const UNREFERENCED_PART_GRACE_MS = 10 * MINUTE_MS;

/** Between two collections of what the catalogue knows: the delay with which abandoned uploads end. */
export const COLLECT_MS = 30_000;
/** Between two that also look at every file: only a process that was killed leaves files that the catalogue does not know. */
export const COLLECT_FILES_MS = 10 * MINUTE_MS;
/** Rows of the catalogue that one turn of collection touches. */
export const COLLECT_ROWS = 512;
/** Files that one turn of collection removes: it runs while clients wait, and a busy disk takes milliseconds for each. */
export const COLLECT_FILES = 16;
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

/** For the info document. */
export const BLOB_STORE_LIMITS: readonly Limit[] = published;
