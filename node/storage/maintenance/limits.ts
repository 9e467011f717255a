import { type Limit, limitsIn } from '../../../protocols/common/limits.ts';

const published: Limit[] = [];
const limit = limitsIn(published);

const MIB = 2 ** 20;

/** Rows of one page of a scrub. */
export const INSPECTED_ROWS = 256;
/** Bytes of one page: between two looks at the clock. */
export const INSPECTED_BYTES = MIB;
/** Minimum cost of a record against the scrub rate: verifying a signature takes as long as some kilobytes. */
export const RECORD_MIN_BYTES = 4096;
export const BROKEN_MAX = limit(
  'storage.scrubRepairs',
  10_000,
  'count',
  'broken records that one scrub repairs one by one: where there are more it sets the database aside',
);
/** Repairs of a scrub at a time. */
export const MENDS_AT_ONCE = 4;
/** Attempts at a record that others cannot give now. */
export const MEND_ATTEMPTS = 3;
/** Between two of them. */
export const MEND_RETRY_MS = 1_000;
/** How long a scrub waits for broken blocks to be there again. */
export const BLOCKS_PATIENCE_MS = 30_000;
/** How often it looks. */
export const BLOCKS_POLL_MS = 200;
/** Broken things that a report names; all are counted. */
export const NAMED_MAX = 100;
/** Between two looks whether a scrub is due, or something can be given back. */
export const TICK_MS = 60_000;
/** After a start nothing is scrubbed or compacted for so long: there is enough to do. */
export const FIRST_TICK_MS = 5 * 60_000;

/** Records of one page of an archive's list: some 40 KiB of links. */
export const PAGE_RECORDS = 1024;
/** Keys read at a time for an archive. */
export const EXPORT_PAGE_KEYS = 256;
/** Blobs of which an archive remembers that they are in it, at some 100 bytes each. */
export const REMEMBERED_BLOBS = 100_000;
/** A block of an archive: a record, a chunk, a node, a page; a root of sixteen million records. */
export const ARCHIVE_BLOCK_MAX_BYTES = 2 * MIB;

/** For the info document. */
export const MAINTENANCE_LIMITS: readonly Limit[] = published;
