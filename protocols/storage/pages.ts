import { utf8Length } from '../common/bytes.ts';
import type { ListItem, PartitionItem, VersionItem } from './answers.ts';
import { FETCH_MAX_BYTES, PAGE_ITEMS_MAX, PAGE_MAX_BYTES } from './constants.ts';

/** Bytes of a page besides its entries: heads, a replica-set id, the next key. */
const PAGE_OVERHEAD_BYTES = 2048;
/** Maximum bytes of an entry besides its texts: heads, a digest, five integers. */
const ENTRY_OVERHEAD_BYTES = 96;

/** How many of `entries`, from the first, fit into one answer to a `list`. */
export function fitsList(entries: readonly ListItem[], limit: number): number {
  return fitsPage(entries, limit, ({ key, contentType }) => utf8Length(key) + contentType.length);
}

/** The same for `entries`. */
export function fitsEntries(entries: readonly (VersionItem | null)[]): number {
  return fitsPage(entries, entries.length, (entry) => (entry === null ? 0 : utf8Length(entry.key)));
}

/** The same for `partitions`. */
export function fitsPartitions(entries: readonly PartitionItem[], limit: number): number {
  return fitsPage(entries, limit, ({ owner, namespace }) => utf8Length(owner) + namespace.length);
}

/** How many records, from the first, make one answer to a `fetch`, by the bytes of each: at least one. */
export function fitsFetch(sizes: readonly number[]): number {
  let bytes = 0;
  let count = 0;
  for (const size of sizes) {
    bytes += size;
    if (count > 0 && bytes > FETCH_MAX_BYTES) break;
    count += 1;
  }
  return count;
}

function fitsPage<T>(entries: readonly T[], limit: number, textBytes: (entry: T) => number): number {
  let bytes = PAGE_OVERHEAD_BYTES;
  let count = 0;
  for (const entry of entries) {
    bytes += textBytes(entry) + ENTRY_OVERHEAD_BYTES;
    if (bytes > PAGE_MAX_BYTES || count >= Math.min(limit, PAGE_ITEMS_MAX)) break;
    count += 1;
  }
  return count;
}
