import { KIB, MIB } from '../../../protocols/storage/index.ts';

/** Version of the database's tables and of what is in them. */
export const FORMAT_VERSION = 2;
/** In the header of the file: it is one of ours. "MaiR". */
export const APPLICATION_ID = 0x4d616952;
/** Values of half a kilobyte share a page; an eighth of the pages that the default size would need. */
export const PAGE_BYTES = 8 * KIB;
/** Frames of the log before they are moved into the file: 8 MiB, read again at a start after a crash. */
export const CHECKPOINT_PAGES = 1000;
/** To which the log is cut after it was moved. */
export const LOG_KEPT_BYTES = 16 * MIB;
/** Pages that each of the two connections keeps: 4 MiB. */
export const CACHE_KIB = 4 * KIB;

/** Cost of a row besides its key, content type and sealed bytes: columns, index, page overhead. */
export const ROW_OVERHEAD_BYTES = 128;
/** Keys are UTF-8, where this byte never is: the end of every range. */
export const KEY_END = 0xff;

/** Writes of one transaction: enough to share the sync, few enough not to delay the first of them. */
export const BATCH_WRITES_MAX = 256;
/** Bytes of one transaction: eight of the largest records. */
export const BATCH_BYTES_MAX = 8 * MIB;
/** Writes that wait: a second's work of a disk. */
export const QUEUE_WRITES_MAX = 8192;
/** Bytes of them: what a burst may take of the memory. */
export const QUEUE_BYTES_MAX = 64 * MIB;

/** How long values of namespaces without a sponsor are kept: long enough to try the swarm out. */
export const UNSPONSORED_LIFE_MS = 24 * 3_600_000;

/** Rows that one upkeep write touches, so that clients' writes get in between. */
export const UPKEEP_ROWS_MAX = 256;
/** Entries of a page. */
export const PAGE_ENTRIES_MAX = 1000;
/** Rows looked at for a page: floors and expired values are passed over, but not without end on the event loop. */
export const PAGE_ROWS_MAX = 2000;
/** Items of partitions that are being reconciled, at some 80 bytes each; a partition that has more is kept alone. */
export const ITEMS_MAX = 1_000_000;
/** Partitions among them: a set takes 6 KiB at least. */
export const ITEM_SETS_MAX = 1024;
/** Rows read at a time to make a set: some milliseconds. */
export const ITEMS_SLICE = 256;
/** After so long without use a set is dropped: three reviews. */
export const ITEMS_IDLE_MS = 60_000;
export const ITEMS_SWEEP_MS = 15_000;
/** Bytes of a partition's state. */
export const STATE_MAX_BYTES = 4 * KIB;
/** Namespaces and partitions whose rows the writer remembers. */
export const REMEMBERED_MAX = 4096;

/** How long the writer may take to finish what waits at closing; then it is ended. */
export const CLOSE_TIMEOUT_MS = 20_000;
/** Pages given back to the file system after a batch that found many free. */
export const VACUUM_PAGES = 256;
/** Free pages kept for what comes: 32 MiB. */
export const VACUUM_KEPT_PAGES = 4096;
/** Rows moved together at a time. */
export const REPACK_ROWS = 64;
/** Pages in use beyond what their rows take, so many times, are worth moving the rows: a full page of small values is some twentieth above. */
export const SPARSE_RATIO = 1.1;
/** The same for what happens by itself: it costs writing everything anew. */
export const SPARSE_RATIO_UNASKED = 1.5;
/** A smaller file is not worth it. */
export const SPARSE_MIN_PAGES = 256;

function assertRelation(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`record store limits: ${relation}`);
}
assertRelation(QUEUE_BYTES_MAX >= 2 * BATCH_BYTES_MAX, 'a batch fills while another is written');
assertRelation(QUEUE_WRITES_MAX >= 2 * BATCH_WRITES_MAX, 'a batch fills while another is written');
assertRelation(PAGE_ROWS_MAX >= PAGE_ENTRIES_MAX, 'a full page can be read');
