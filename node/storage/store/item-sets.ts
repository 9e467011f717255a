import { setImmediate as turn } from 'node:timers/promises';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { type Item, OrderedSet } from '../../../protocols/reconciliation/index.ts';
import { itemIdOf, type PartitionId, partitionKey } from '../../../protocols/storage/index.ts';
import { changesIn } from './changes.ts';
import { ITEM_SETS_MAX, ITEMS_IDLE_MS, ITEMS_MAX, ITEMS_SLICE, ITEMS_SWEEP_MS } from './constants.ts';

/** A row as sets are made of it. */
export interface ItemRow {
  readonly row: number;
  readonly key: Uint8Array;
  readonly digest: Uint8Array;
}

export interface ItemSetsComponents {
  readonly crypto: Crypto;
  /** How much is held of a partition. */
  readonly countOf: (partition: PartitionId) => number;
  /** Rows in the order of keys, those behind `after`. */
  readonly read: (
    partition: PartitionId,
    after: Uint8Array | null,
    limit: number,
  ) => { readonly rows: readonly ItemRow[]; readonly next: Uint8Array | null };
  /** Resolves when what is changed from now on is told to `changed`. */
  readonly follow: () => Promise<void>;
}

/** The items of one partition. */
class Kept {
  readonly set: OrderedSet;
  /** How many it is expected to hold. */
  readonly expected: number;
  users = 0;
  usedAt = 0;
  isCurrent = true;
  ready: Promise<void> = Promise.resolve();

  constructor(set: OrderedSet, expected: number) {
    this.set = set;
    this.expected = expected;
  }

  get weight(): number {
    return Math.max(this.set.size, this.expected);
  }
}

/** A partition's items for as long as somebody needs them. */
export interface Lease {
  readonly set: OrderedSet;
  /** False once the set does not follow the disk any more. */
  readonly isCurrent: boolean;
  release(): void;
}

/** Items are ordered by their ids alone. */
export function itemOf(id: Uint8Array): Item {
  return { timestamp: 0, id };
}

/**
 * Keeps the items of the partitions that are being reconciled, and follows what is written. A set is read from disk
 * when it is first needed, some rows at a time; items written meanwhile are added too, in any order. A set is dropped
 * when unused for a while, or when others need the room.
 */
export class ItemSets {
  readonly #components: ItemSetsComponents;
  readonly #kept = new Map<string, Kept>();
  #building: Promise<void> = Promise.resolve();
  /** Since there are sets. */
  #followed: Promise<void> | null = null;
  #sweeper: NodeJS.Timeout | null = null;

  constructor(components: ItemSetsComponents) {
    this.#components = components;
  }

  /** Whether changes are to be told. */
  get isFollowing(): boolean {
    return this.#kept.size > 0;
  }

  /** Throws `overloaded` where there is no room for so many, and what reading throws. */
  async open(partition: PartitionId): Promise<Lease> {
    const key = partitionKey(partition);
    const kept = this.#kept.get(key) ?? this.#begin(key, partition);
    kept.users += 1;
    const release = (): void => {
      kept.users -= 1;
      kept.usedAt = performance.now();
    };
    try {
      await kept.ready;
    } catch (error) {
      release();
      throw error;
    }
    return {
      set: kept.set,
      get isCurrent() {
        return kept.isCurrent;
      },
      release,
    };
  }

  /** Applies a batch's changes before the batch is acknowledged. */
  changed(changes: Uint8Array): void {
    for (const { namespaceId, partition, gone, come, row } of changesIn(changes)) {
      const key = partitionKey({ namespaceId, partition });
      const kept = this.#kept.get(key);
      if (kept === undefined) continue;
      if (gone === null && come === null) this.#drop(key, kept);
      if (gone !== null) kept.set.delete(itemOf(gone));
      if (come !== null) kept.set.insert(itemOf(come), row);
    }
  }

  /** Drops every set: the changes are unknown. */
  clear(): void {
    for (const [key, kept] of this.#kept) this.#drop(key, kept);
  }

  close(): void {
    this.clear();
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    this.#sweeper = null;
  }

  #begin(key: string, { namespaceId, partition }: PartitionId): Kept {
    const { crypto, countOf } = this.#components;
    const own = { namespaceId: Uint8Array.from(namespaceId), partition };
    const expected = countOf(own);
    this.#makeRoom(expected);
    const kept = new Kept(new OrderedSet({ crypto }), expected);
    this.#kept.set(key, kept);
    this.#sweeper ??= setInterval(() => this.#sweep(), ITEMS_SWEEP_MS).unref();
    // one after another: what waits is not there sooner when the disk is read for all of them
    kept.ready = this.#building.then(() => this.#fill(kept, own));
    this.#building = kept.ready.catch(() => this.#drop(key, kept));
    return kept;
  }

  async #fill(kept: Kept, partition: PartitionId): Promise<void> {
    const { crypto, read, follow } = this.#components;
    // what is under way now may not be told: once is enough while there are sets
    await (this.#followed ??= follow());
    let after: Uint8Array | null = null;
    do {
      if (!kept.isCurrent) throw new CodedError('unavailable', 'the store was begun anew meanwhile');
      const page: ReturnType<typeof read> = read(partition, after, ITEMS_SLICE);
      for (const { row, key, digest } of page.rows) {
        kept.set.insert(itemOf(itemIdOf(crypto, key, digest)), row);
      }
      after = page.next;
      if (after !== null) await turn();
    } while (after !== null);
  }

  /** A set that is larger than all may be together is kept alone. */
  #makeRoom(count: number): void {
    const idle = [...this.#kept].filter(([, { users }]) => users === 0);
    idle.sort(([, a], [, b]) => a.usedAt - b.usedAt);
    let total = count;
    for (const { weight } of this.#kept.values()) total += weight;
    while (total > ITEMS_MAX || this.#kept.size >= ITEM_SETS_MAX) {
      const oldest = idle.shift();
      if (oldest === undefined) break;
      total -= oldest[1].weight;
      this.#drop(...oldest);
    }
    if (this.#kept.size > 0 && (total > ITEMS_MAX || this.#kept.size >= ITEM_SETS_MAX)) {
      throw new CodedError('overloaded', 'too much is being reconciled: try again later');
    }
  }

  #drop(key: string, kept: Kept): void {
    kept.isCurrent = false;
    if (this.#kept.get(key) === kept) this.#kept.delete(key);
    if (this.#kept.size === 0) this.#followed = null;
  }

  #sweep(): void {
    const before = performance.now() - ITEMS_IDLE_MS;
    for (const [key, kept] of this.#kept) {
      if (kept.users === 0 && kept.usedAt < before) this.#drop(key, kept);
    }
    if (this.#kept.size > 0 || this.#sweeper === null) return;
    clearInterval(this.#sweeper);
    this.#sweeper = null;
  }
}
