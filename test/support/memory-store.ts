/** A record store in memory that behaves as the one on disk does: test/unit/node/storage/memory-store.test.ts holds it against that one. */

import { SEAL_OVERHEAD_BYTES } from '../../node/disk/sealing.ts';
import { PAGE_ENTRIES_MAX, PAGE_ROWS_MAX, UNSPONSORED_LIFE_MS } from '../../node/storage/store/constants.ts';
import type {
  Held,
  HeldItems,
  NamespaceTotals,
  PartitionPlace,
  PartitionState,
  PartitionSummary,
  PutOutcome,
  PutRequest,
  Quota,
  RecordStore,
  StoredEntry,
  StoreUsage,
  VersionEntry,
} from '../../node/storage/store/interface.ts';
import { itemOf } from '../../node/storage/store/item-sets.ts';
import type { StoreMaintenance } from '../../node/storage/store/maintenance-interface.ts';
import { createStoreMetrics } from '../../node/storage/store/metrics.ts';
import { unsponsoredExpiry } from '../../node/storage/store/put-request.ts';
import { weightOf } from '../../node/storage/store/rows.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { OrderedSet } from '../../protocols/reconciliation/index.ts';
import {
  type Condition,
  compareKeys,
  compareRecords,
  isValueKind,
  itemIdOf,
  KIND_FLOOR,
  KIND_TOMBSTONE,
  type PartitionId,
  partitionKey,
  type Stamp,
  sizeOf,
} from '../../protocols/storage/index.ts';
import type { MemoryDisk, MemoryPartition, Row, RowChange } from './memory-disk.ts';
import { crypto } from './store-records.ts';

export interface MemoryStoreInit {
  readonly quotaOf: (place: PartitionPlace) => Quota;
  readonly capacityBytes?: () => number;
  /** Share for all namespaces without a sponsor; all of it when missing. */
  readonly unsponsoredBytes?: number;
  /** Resolves when a write is on disk. Until then nobody sees it. */
  readonly sync?: () => Promise<void>;
  /** Told of each row that changes, after it did. */
  readonly onChange?: (change: RowChange) => void;
}

export interface MemoryStoreComponents {
  readonly clock: Clock;
  /** Outlives this store. */
  readonly disk: MemoryDisk;
}

export class MemoryStore implements RecordStore {
  readonly metrics = createStoreMetrics();
  readonly waiting = 0;
  readonly #clock: Clock;
  readonly #disk: MemoryDisk;
  readonly #init: MemoryStoreInit;
  readonly #sets = new Map<string, OrderedSet>();
  #isClosed = false;

  constructor({ clock, disk }: MemoryStoreComponents, init: MemoryStoreInit) {
    this.#clock = clock;
    this.#disk = disk;
    this.#init = init;
  }

  get care(): StoreMaintenance {
    throw new Error('a store in memory has no files');
  }

  async put({ place, record, condition }: PutRequest): Promise<PutOutcome> {
    const quota = this.#init.quotaOf(place);
    const now = this.#clock.now();
    const expiry = quota.isSponsored ? record.expiry : unsponsoredExpiry(record);
    if (!quota.isSponsored && expiry !== null && expiry <= now) return { status: 'no_room', reason: 'quota' };
    await this.#sync();
    const partition = this.#disk.findOrAdd(place);
    const held = partition.rows.get(record.key) ?? null;
    const order = held === null ? 1 : compareRecords(record, held);
    const isSame = held !== null && order === 0 && held.kind === record.kind;
    // what was kept for a day is kept for as long as its author said once this node sponsors it
    if (isSame && !isLonger(expiry, held.expiry)) return { status: 'held' };
    if (!holds(condition, held, now))
      return { status: 'condition', current: held === null ? null : stampOf(held) };
    if (held !== null && order <= 0 && !isSame) return { status: 'stale', current: stampOf(held) };
    this.#disk.sponsor(place, quota.isSponsored);
    const { key, ms, counter, digest, kind, contentType } = record;
    const bytes = weightOf(
      Buffer.byteLength(key),
      contentType,
      SEAL_OVERHEAD_BYTES + record.bytes.byteLength,
    );
    const refusal = this.#refusal(partition, held, { kind, bytes }, quota);
    if (refusal !== null) return { status: 'no_room', reason: refusal };
    const stamp = { key, ms, counter, digest };
    const shown = { kind, expiry, size: sizeOf(record), contentType };
    this.#write(partition, { ...stamp, ...shown, bytes, record }, held, 'put');
    return { status: 'stored' };
  }

  get(partition: PartitionId, key: string, now: number): Held | null {
    const row = this.#find(partition)?.rows.get(key);
    if (row === undefined) return null;
    const { record, expiry, kind } = row;
    const isExpired = isValueKind(kind) && expiry !== null && expiry <= now;
    return record === null || isExpired ? { floor: stampOf(row) } : { record, expiry };
  }

  head(partition: PartitionId, key: string): VersionEntry | null {
    const row = this.#find(partition)?.rows.get(key);
    return row === undefined ? null : entryOf(row);
  }

  list(
    partition: PartitionId,
    query: { prefix: string; after: string | null; limit: number; now: number },
  ): { entries: readonly StoredEntry[]; next: string | null } {
    const { prefix, after, limit, now } = query;
    const most = Math.min(limit, PAGE_ENTRIES_MAX);
    const entries: StoredEntry[] = [];
    let [rows, last] = [0, ''];
    for (const row of this.#find(partition)?.sorted() ?? []) {
      if (!row.key.startsWith(prefix) || (after !== null && compareKeys(row.key, after) <= 0)) continue;
      if (entries.length === most || rows === PAGE_ROWS_MAX) return { entries, next: last };
      const { key, ms, counter, digest, expiry, size, contentType, kind } = row;
      const isShown = isValueKind(kind) && (expiry === null || expiry > now);
      if (isShown) entries.push({ key, ms, counter, digest, expiry, size, contentType });
      last = key;
      rows += 1;
    }
    return { entries, next: null };
  }

  openItems(partition: PartitionId): Promise<HeldItems> {
    this.#checkOpen();
    const key = partitionKey(partition);
    const set = this.#sets.get(key) ?? this.#readSet(partition);
    this.#sets.set(key, set);
    return Promise.resolve({
      set,
      isUpToDate: true,
      entryOf: (id) => {
        const row = this.#find(partition)?.byItem(id);
        return row === undefined ? null : entryOf(row);
      },
      release: () => undefined,
    });
  }

  async raiseFloors(place: PartitionPlace, floors: readonly (Stamp & { key: string })[]): Promise<number> {
    const { isSponsored } = this.#init.quotaOf(place);
    const oldest = isSponsored ? -Infinity : this.#clock.now() - UNSPONSORED_LIFE_MS;
    const kept = floors.filter(({ ms }) => ms >= oldest);
    if (kept.length === 0) return 0;
    await this.#sync();
    const partition = this.#disk.findOrAdd(place);
    const raised = kept.filter((floor) => {
      const held = partition.rows.get(floor.key) ?? null;
      if (held !== null && compareRecords(floor, held) <= 0) return false;
      this.#write(partition, floorOf(floor), held, 'floor');
      return true;
    });
    return raised.length;
  }

  discard(): Promise<boolean> {
    return Promise.resolve(false);
  }

  partitions({ after, limit }: { after: PartitionId | null; limit: number }): {
    partitions: readonly PartitionSummary[];
    isEnd: boolean;
  } {
    this.#checkOpen();
    const all = this.#disk.partitionsAfter(after);
    return { partitions: all.slice(0, limit).map((one) => one.summary), isEnd: all.length <= limit };
  }

  summary(partition: PartitionId): PartitionSummary | null {
    return this.#find(partition)?.summary ?? null;
  }

  totals(namespaceId: Uint8Array): NamespaceTotals | null {
    this.#checkOpen();
    return this.#disk.totals(namespaceId);
  }

  namespaces(): { namespaces: []; isEnd: boolean } {
    throw new Error('a store in memory does not list namespaces');
  }

  async dropPartition(partition: PartitionId): Promise<void> {
    await this.#sync();
    const kept = this.#find(partition);
    if (kept === null) return;
    for (const row of kept.rows.values()) this.#remove(kept, row, 'drop');
    this.#disk.drop(kept);
  }

  expire(now: number, max: number): Promise<number> {
    return this.#sweep(max, 'expire', ({ expiry }) => expiry !== null && expiry <= now);
  }

  collectTombstones(before: number, max: number): Promise<number> {
    return this.#sweep(max, 'collect', ({ kind, ms }) => kind === KIND_TOMBSTONE && ms < before);
  }

  async collectFloors(before: number, max: number): Promise<number> {
    return this.#sweep(max, 'forget', ({ kind, ms }, partition) => {
      return kind === KIND_FLOOR && ms < before && !this.#disk.isSponsored(partition.place);
    });
  }

  getState(partition: PartitionId): PartitionState | null {
    return this.#find(partition)?.state ?? null;
  }

  async setState(place: PartitionPlace, state: PartitionState): Promise<void> {
    const kept = structuredClone(state);
    await this.#sync();
    this.#disk.findOrAdd(place).state = kept;
  }

  usage(): StoreUsage {
    this.#checkOpen();
    return { ...this.#disk.usage, freeBytes: Number.MAX_SAFE_INTEGER };
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }

  async #sweep(
    max: number,
    cause: 'expire' | 'collect' | 'forget',
    isDue: (row: Row, partition: MemoryPartition) => boolean,
  ): Promise<number> {
    this.#checkOpen();
    const isAny = [...this.#disk.partitions].some((kept) => kept.hasRow((row) => isDue(row, kept)));
    // an empty sweep is a write, too, but it does not have to be waited for
    if (!isAny) return 0;
    await this.#sync();
    let swept = 0;
    for (const kept of this.#disk.partitions) {
      for (const row of [...kept.rows.values()].filter((one) => isDue(one, kept))) {
        if (swept >= max) return swept;
        swept += 1;
        if (cause === 'forget') this.#remove(kept, row, cause);
        else this.#write(kept, floorOf(row), row, cause);
      }
    }
    return swept;
  }

  /** Why there is no room. Deletions and entries smaller than before are always accepted. */
  #refusal(
    { place }: MemoryPartition,
    held: Row | null,
    { kind, bytes }: Pick<Row, 'kind' | 'bytes'>,
    quota: Quota,
  ): 'capacity' | 'quota' | null {
    const { capacityBytes, unsponsoredBytes = Infinity } = this.#init;
    const hadValue = held !== null && isValueKind(held.kind);
    const growth = bytes - (held?.bytes ?? 0);
    if (growth <= 0 || (kind === KIND_TOMBSTONE && hadValue)) return null;
    const totals = this.#disk.totals(place.namespaceId) ?? { bytes: 0, keys: 0 };
    const isNewKey = isValueKind(kind) && !hadValue;
    if (totals.bytes + growth > quota.bytes || (isNewKey && totals.keys >= quota.keys)) return 'quota';
    if (!quota.isSponsored && this.#disk.unsponsoredBytes + growth > unsponsoredBytes) return 'quota';
    return this.#disk.usage.bytes + growth > (capacityBytes?.() ?? Infinity) ? 'capacity' : null;
  }

  #write(partition: MemoryPartition, after: Row, before: Row | null, cause: RowChange['cause']): void {
    const set = this.#sets.get(partition.key);
    if (before !== null) set?.delete(itemOf(itemIdOf(crypto, Buffer.from(before.key), before.digest)));
    set?.insert(itemOf(itemIdOf(crypto, Buffer.from(after.key), after.digest)), partition.nextNumber());
    partition.set(after, before);
    this.#init.onChange?.({ place: partition.place, before, after, cause });
  }

  #remove(partition: MemoryPartition, before: Row, cause: RowChange['cause']): void {
    this.#sets.get(partition.key)?.delete(itemOf(itemIdOf(crypto, Buffer.from(before.key), before.digest)));
    partition.delete(before);
    this.#init.onChange?.({ place: partition.place, before, after: null, cause });
  }

  #readSet(partition: PartitionId): OrderedSet {
    const set = new OrderedSet({ crypto });
    const kept = this.#find(partition);
    for (const { key, digest } of kept?.rows.values() ?? []) {
      set.insert(itemOf(itemIdOf(crypto, Buffer.from(key), digest)), kept?.nextNumber() ?? 0);
    }
    return set;
  }

  #find(partition: PartitionId): MemoryPartition | null {
    this.#checkOpen();
    return this.#disk.find(partition);
  }

  async #sync(): Promise<void> {
    this.#checkOpen();
    await this.#init.sync?.();
    this.#checkOpen();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new CodedError('closed', 'the record store is closed');
  }
}

function stampOf({ ms, counter, digest }: Stamp): Stamp {
  return { ms, counter, digest };
}

function entryOf({ key, ms, counter, digest, kind }: Row): VersionEntry {
  return { key, ms, counter, digest, kind };
}

function floorOf({ key, ms, counter, digest }: Stamp & { readonly key: string }): Row {
  const bytes = weightOf(Buffer.byteLength(key), '', SEAL_OVERHEAD_BYTES);
  const shown = { kind: KIND_FLOOR, expiry: null, size: 0, contentType: '' } as const;
  return { key, ms, counter, digest, ...shown, bytes, record: null };
}

function isLonger(expiry: number | null, than: number | null): boolean {
  return than !== null && (expiry === null || expiry > than);
}

function holds(condition: Condition | null, held: Row | null, now: number): boolean {
  if (condition === null) return true;
  if (condition.kind === 'notAbove') return held === null || compareRecords(held, condition.stamp) <= 0;
  const isLive = held !== null && isValueKind(held.kind) && (held.expiry === null || held.expiry > now);
  if (condition.kind === 'absent') return !isLive;
  return isLive && compareRecords(held, condition.stamp) === 0;
}
