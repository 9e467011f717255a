import { LOOPBACK_PREFIX } from '../../protocols/common/address-prefix.ts';
import { type Entry, NO_ADDRESS } from './entry.ts';

export interface PoolInit {
  /** Entries in all. */
  readonly max: number;
  /** Entries of one prefix, loopback and nodes without an address apart. */
  readonly perPrefix: number;
  /** Compares two entries for eviction: negative when the first is to go. */
  readonly compareWorth: (a: Entry, b: Entry) => number;
  /** Whether an entry has so little worth that it goes before any other. */
  readonly isSpent: (entry: Entry) => boolean;
}

/**
 * A bounded set of entries that no prefix can fill. When there is no room those that are spent go first, then the
 * least worthy of the prefix that has most; a newcomer whose own prefix has most is the one that is not let in.
 */
export class Pool {
  readonly #init: PoolInit;
  readonly #byPrefix = new Map<string, Set<Entry>>();
  #size = 0;

  constructor(init: PoolInit) {
    this.#init = init;
  }

  get size(): number {
    return this.#size;
  }

  /** Entries of one prefix. */
  countOf(prefix: string): number {
    return this.#byPrefix.get(prefix)?.size ?? 0;
  }

  *[Symbol.iterator](): IterableIterator<Entry> {
    for (const group of this.#byPrefix.values()) yield* group;
  }

  /** Takes `entry`, which counts under its prefix. Returns the evicted entries, or null when it is not taken. */
  add(entry: Entry): Entry[] | null {
    const evicted: Entry[] = [];
    const group = this.#byPrefix.get(entry.prefix) ?? new Set<Entry>();
    if (isCounted(entry.prefix) && group.size >= this.#init.perPrefix) {
      const spent = this.#leastWorthy([...group].filter((one) => this.#init.isSpent(one)));
      if (spent === undefined) return null;
      evicted.push(spent);
    } else if (this.#size >= this.#init.max) {
      const victim = this.#victimFor(group.size);
      if (victim === undefined) return null;
      evicted.push(victim);
    }
    for (const one of evicted) this.delete(one);
    const place = this.#byPrefix.get(entry.prefix) ?? new Set<Entry>();
    place.add(entry);
    this.#byPrefix.set(entry.prefix, place);
    this.#size += 1;
    return evicted;
  }

  /** Takes `entry` out. It must still have the prefix it was added under. */
  delete(entry: Entry): void {
    const group = this.#byPrefix.get(entry.prefix);
    if (group?.delete(entry) !== true) return;
    this.#size -= 1;
    if (group.size === 0) this.#byPrefix.delete(entry.prefix);
  }

  #victimFor(newcomers: number): Entry | undefined {
    const spent = this.#leastWorthy([...this].filter((one) => this.#init.isSpent(one)));
    if (spent !== undefined) return spent;
    let fullest: ReadonlySet<Entry> = new Set();
    for (const group of this.#byPrefix.values()) if (group.size > fullest.size) fullest = group;
    // with the newcomer its own prefix would have as many: nothing would be won
    return fullest.size > newcomers + 1 ? this.#leastWorthy([...fullest]) : undefined;
  }

  #leastWorthy(entries: readonly Entry[]): Entry | undefined {
    return entries.toSorted(this.#init.compareWorth)[0];
  }
}

/** Loopback is this machine; nodes without an address share no prefix. Both still are the first to give way. */
function isCounted(prefix: string): boolean {
  return prefix !== LOOPBACK_PREFIX && prefix !== NO_ADDRESS;
}
