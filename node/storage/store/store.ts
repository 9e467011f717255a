import { statfsSync } from 'node:fs';
import { equalBytes } from '../../../protocols/common/bytes.ts';
import type { Clock } from '../../../protocols/common/clock.ts';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import { CodedError, errorMessage } from '../../../protocols/common/errors.ts';
import { itemIdOf, type PartitionId, type Stamp, sizeOf } from '../../../protocols/storage/index.ts';
import { faultOf } from '../../disk/database-faults.ts';
import { makeDirectory } from '../../disk/make-directory.ts';
import { Sealer } from '../../disk/sealing.ts';
import type { Logger } from '../../observability/logger.ts';
import { STATE_MAX_BYTES, UNSPONSORED_LIFE_MS, UPKEEP_ROWS_MAX } from './constants.ts';
import { corruptError, noRoomError } from './faults.ts';
import { openFiles, type StoreFiles } from './files.ts';
import type {
  Held,
  HeldItems,
  NamespaceTotals,
  OnReset,
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
} from './interface.ts';
import { ItemSets, itemOf } from './item-sets.ts';
import type { StoreMaintenance } from './maintenance-interface.ts';
import { createStoreMetrics } from './metrics.ts';
import type { Answer, SweepOperation } from './operations.ts';
import { ownStamp, unsponsoredExpiry } from './put-request.ts';
import { encodeState, StoreReader } from './reader.ts';
import { FilesMaintenance } from './store-maintenance.ts';
import { type Pack, WriteQueue } from './write-queue.ts';

export interface RecordStoreComponents {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly logger: Logger;
}

export interface RecordStoreInit {
  /** Used by the store alone. */
  readonly directory: string;
  /** Outside of it, so that the records can be backed up without it. */
  readonly keyPath: string;
  /** Most that records may take now. */
  readonly capacityBytes: () => number;
  /** Share for all namespaces without a sponsor; all of it when missing. */
  readonly unsponsoredBytes?: number;
  readonly quotaOf: (place: PartitionPlace) => Quota;
  readonly onReset?: OnReset;
}

/**
 * Opens the store; files are made with the first write. A damaged database is set aside and reported with `onReset`. Throws
 * `bad_storage_key`, `storage_version`.
 */
export function openRecordStore(components: RecordStoreComponents, init: RecordStoreInit): RecordStore {
  return new Store(components, init);
}

/** Bytes of a put beside its record and key: digest and namespace id. */
const PUT_OVERHEAD_BYTES = 64;
/** A floor with a long key. */
const FLOOR_BYTES = 256;

class Store implements RecordStore {
  readonly metrics = createStoreMetrics();
  readonly care: StoreMaintenance;
  readonly #components: RecordStoreComponents;
  readonly #init: RecordStoreInit;
  readonly #files: StoreFiles;
  readonly #items: ItemSets;
  #reader: StoreReader | null = null;
  #queue: WriteQueue | null = null;
  #resetting: Promise<void> | null = null;
  #closing: Promise<void> | null = null;

  constructor(components: RecordStoreComponents, init: RecordStoreInit) {
    this.#components = components;
    this.#init = init;
    makeDirectory(init.directory, { mode: 0o700 });
    this.#files = openFiles(init);
    const nothing = { rows: [], next: null };
    this.#items = new ItemSets({
      crypto: components.crypto,
      countOf: (partition) => this.summary(partition)?.count ?? 0,
      read: (partition, after, limit) =>
        this.#reading(null, nothing, (reader) => reader.items(partition, after, limit)),
      follow: () => this.#queue?.settled() ?? Promise.resolve(),
    });
    this.care = new FilesMaintenance({
      files: this.#files,
      run: (operation) => this.#count(() => operation, 0),
      refreshReader: () => this.#reader?.refresh(),
      onDamage: (reason) => this.#damaged(reason),
    });
    const damage = this.#files.damage();
    if (damage === null) this.#read();
    else this.#putAside(damage);
  }

  get waiting(): number {
    return this.#queue?.waiting ?? 0;
  }

  async put({ place, record, condition, isRepair = false }: PutRequest): Promise<PutOutcome> {
    const key = Buffer.from(record.key);
    const quota = this.#init.quotaOf(place);
    const now = this.#components.clock.now();
    const { ms, counter, kind, contentType } = record;
    const expiry = quota.isSponsored ? record.expiry : unsponsoredExpiry(record);
    // what had no sponsor and ended may have left no trace: it does not come back
    if (!quota.isSponsored && expiry !== null && expiry <= now) return { status: 'no_room', reason: 'quota' };
    const ownCondition = condition === null || condition.kind === 'absent' ? condition : ownStamp(condition);
    const pack: Pack = (packer) => {
      const packed = packer.place(place);
      const { at, length } = packer.add(record.digest);
      const lengths = [length, packer.add(key).length, packer.add(record.bytes).length] as const;
      const shown = [expiry, sizeOf(record), contentType] as const;
      return [packed, quota, at, ...lengths, ms, counter, kind, ...shown, ownCondition, isRepair, now];
    };
    try {
      const answer = await this.#submit(pack, record.bytes.byteLength + key.byteLength + PUT_OVERHEAD_BYTES);
      if (answer === 'stored' || answer === 'held') return { status: answer };
      if (typeof answer === 'object') return answer;
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'no_room') throw error;
      this.metrics.diskRefusals += 1;
      return { status: 'no_room', reason: 'disk' };
    }
    this.metrics.corruptions += 1;
    throw corruptError(record.key);
  }

  get(partition: PartitionId, key: string, now: number): Held | null {
    return this.#reading(key, null, (reader) => reader.get(partition, key, now));
  }

  head(partition: PartitionId, key: string): VersionEntry | null {
    return this.#reading(key, null, (reader) => reader.head(partition, key));
  }

  list(
    partition: PartitionId,
    query: { prefix: string; after: string | null; limit: number; now: number },
  ): { entries: readonly StoredEntry[]; next: string | null } {
    return this.#reading(null, { entries: [], next: null }, (reader) => reader.list(partition, query));
  }

  async openItems(partition: PartitionId): Promise<HeldItems> {
    const lease = await this.#items.open(partition);
    return {
      set: lease.set,
      get isUpToDate() {
        return lease.isCurrent;
      },
      entryOf: (id) => this.#entryOf(partition, lease.set.tagOf(itemOf(id)), id),
      release: () => lease.release(),
    };
  }

  partitions(query: { after: PartitionId | null; limit: number }): {
    partitions: readonly PartitionSummary[];
    isEnd: boolean;
  } {
    return this.#reading(null, { partitions: [], isEnd: true }, (reader) => reader.partitions(query));
  }

  summary(partition: PartitionId): PartitionSummary | null {
    return this.#reading(null, null, (reader) => reader.summary(partition));
  }

  totals(namespaceId: Uint8Array): NamespaceTotals | null {
    return this.#reading(null, null, (reader) => reader.totals(namespaceId));
  }

  namespaces(query: { after: Uint8Array | null; limit: number }): {
    namespaces: readonly (NamespaceTotals & { namespaceId: Uint8Array })[];
    isEnd: boolean;
  } {
    return this.#reading(null, { namespaces: [], isEnd: true }, (reader) => reader.namespaces(query));
  }

  getState(partition: PartitionId): PartitionState | null {
    return this.#reading(null, null, (reader) => reader.state(partition));
  }

  async setState(place: PartitionPlace, state: PartitionState): Promise<void> {
    const bytes = encodeState(place, state);
    if (bytes.byteLength > STATE_MAX_BYTES) {
      throw new CodedError('state_too_large', `a partition's state has at most ${STATE_MAX_BYTES} bytes`);
    }
    await this.#count(
      (packer) => ({ type: 'state', place: packer.place(place), state: packer.add(bytes) }),
      bytes.byteLength,
    );
  }

  async raiseFloors(place: PartitionPlace, floors: readonly (Stamp & { key: string })[]): Promise<number> {
    const { isSponsored } = this.#init.quotaOf(place);
    const oldest = isSponsored ? -Infinity : this.#components.clock.now() - UNSPONSORED_LIFE_MS;
    const kept = floors.filter(({ ms }) => ms >= oldest);
    let raised = 0;
    for (let at = 0; at < kept.length; at += UPKEEP_ROWS_MAX) {
      const some = kept.slice(at, at + UPKEEP_ROWS_MAX);
      const pack: Pack = (packer) => ({
        type: 'floors',
        place: packer.place(place),
        floors: some.map((floor) => ({
          stamp: packer.stamp(floor),
          key: packer.add(Buffer.from(floor.key)),
        })),
      });
      raised += await this.#count(pack, some.length * FLOOR_BYTES);
    }
    return raised;
  }

  async discard({ namespaceId, partition }: PartitionId, key: string): Promise<boolean> {
    const pack: Pack = (packer) => ({
      type: 'discard',
      namespaceId: packer.add(namespaceId),
      partition,
      key: packer.add(Buffer.from(key)),
    });
    return (await this.#count(pack, PUT_OVERHEAD_BYTES)) > 0;
  }

  async dropPartition({ namespaceId, partition }: PartitionId): Promise<void> {
    const pack: Pack = (packer) => ({ type: 'drop', namespaceId: packer.add(namespaceId), partition });
    while ((await this.#count(pack, PUT_OVERHEAD_BYTES)) === UPKEEP_ROWS_MAX);
  }

  expire(now: number, max: number): Promise<number> {
    return this.#sweep('expire', now, max);
  }

  collectTombstones(before: number, max: number): Promise<number> {
    return this.#sweep('collect', before, max);
  }

  collectFloors(before: number, max: number): Promise<number> {
    return this.#sweep('forget', before, max);
  }

  usage(): StoreUsage {
    const { bytes, keys } = this.#reading(null, { bytes: 0, keys: 0 }, (reader) => reader.usage());
    const { bavail, bsize } = statfsSync(this.#init.directory);
    return { bytes, keys, freeBytes: bavail * bsize };
  }

  /** The row may hold something else by now. */
  #entryOf(partition: PartitionId, row: number | null, id: Uint8Array): VersionEntry | null {
    if (row === null) return null;
    const entry = this.#reading(null, null, (reader) => reader.entryAt(partition, row));
    if (entry === null) return null;
    const { crypto } = this.#components;
    return equalBytes(itemIdOf(crypto, Buffer.from(entry.key), entry.digest), id) ? entry : null;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Nothing to read is what the store holds before the first write. */
  #reading<T>(key: string | null, nothing: T, read: (reader: StoreReader) => T): T {
    if (this.#closing !== null) throw new CodedError('closed', 'the record store is closed');
    if (this.#resetting !== null) throw corruptError(key);
    if (this.#reader === null) return nothing;
    try {
      return read(this.#reader);
    } catch (error) {
      this.metrics.corruptions += 1;
      if (error instanceof CodedError) throw error;
      // one row that does not read may be repaired; a table that does not may not
      if (key === null && faultOf(error) === 'corrupt') this.#damaged(errorMessage(error));
      throw corruptError(key, error);
    }
  }

  async #sweep(type: SweepOperation['type'], time: number, max: number): Promise<number> {
    let swept = 0;
    while (swept < max) {
      const most = Math.min(UPKEEP_ROWS_MAX, max - swept);
      const count = await this.#count(() => ({ type, time, max: most }), 0);
      swept += count;
      if (count < most) break;
    }
    return swept;
  }

  async #count(pack: Pack, size: number): Promise<number> {
    const answer = await this.#submit(pack, size);
    if (typeof answer !== 'number') throw corruptError(null);
    return answer;
  }

  async #submit(pack: Pack, size: number): Promise<Answer> {
    if (this.#resetting !== null) await this.#resetting;
    if (this.#closing !== null) throw new CodedError('closed', 'the record store is closed');
    const answer = await (this.#queue ??= this.#begin()).submit(pack, size);
    this.metrics.writes += 1;
    return answer;
  }

  #begin(): WriteQueue {
    const { capacityBytes, unsponsoredBytes = Infinity } = this.#init;
    try {
      return new WriteQueue(
        {
          metrics: this.metrics,
          onWritten: (changes) => this.#written(changes),
          capacityBytes,
          isFollowed: () => this.#items.isFollowing,
          onLost: () => this.#items.clear(),
          onDamage: (reason) => this.#damaged(reason),
        },
        { path: this.#files.path, key: this.#files.key(), unsponsoredBytes },
      );
    } catch (error) {
      if (faultOf(error) === 'disk') throw noRoomError();
      throw error;
    }
  }

  #written(changes: Uint8Array | null): void {
    this.#read();
    if (changes !== null) this.#items.changed(changes);
  }

  /** Opens the connection that reads, once there is something. */
  #read(): void {
    if (this.#reader !== null || this.#resetting !== null || this.#closing !== null) return;
    try {
      const database = this.#files.read();
      if (database === null) return;
      const sealer = new Sealer(this.#files.key());
      this.#reader = new StoreReader({ database, sealer, crypto: this.#components.crypto });
    } catch (error) {
      this.#components.logger.error({ err: error }, 'records cannot be read');
    }
  }

  #damaged(reason: string): void {
    if (this.#resetting !== null || this.#closing !== null) return;
    this.#resetting = this.#reset(reason).finally(() => (this.#resetting = null));
  }

  /** Moves the damaged database out of the way and begins an empty one. Never rejects. */
  async #reset(reason: string): Promise<void> {
    const queue = this.#queue;
    this.#queue = null;
    // whoever found the damage is still reading
    await Promise.resolve();
    await queue?.abort(corruptError(null));
    this.#items.clear();
    this.#reader?.close();
    this.#reader = null;
    this.#putAside(reason);
  }

  #putAside(reason: string): void {
    const { logger } = this.#components;
    this.metrics.resets += 1;
    try {
      const aside = this.#files.putAside();
      const message =
        'the records on disk are damaged and were set aside; they are fetched from other replicas';
      logger.error({ reason, aside }, message);
    } catch (error) {
      logger.error({ err: error, reason }, 'the records on disk are damaged and cannot be set aside');
    }
    this.#init.onReset?.(reason);
  }

  async #close(): Promise<void> {
    await this.#resetting;
    this.#items.close();
    // the writer's is the last connection, then: as such it moves the log into the file
    this.#reader?.close();
    this.#reader = null;
    await this.#queue?.close();
  }
}
