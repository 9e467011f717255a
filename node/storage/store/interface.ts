/** The record store of one node, as the storage service uses it. */
import type { ReconcileSet } from '../../../protocols/reconciliation/index.ts';
import type {
  Condition,
  HeldKind,
  PartitionId,
  SignedRecord,
  Stamp,
} from '../../../protocols/storage/index.ts';
import type { StoreMaintenance } from './maintenance-interface.ts';

/** A partition with what names its namespace. */
export interface PartitionPlace extends PartitionId {
  readonly owner: string;
  readonly namespace: string;
}

/** An entry of a key at a replica, without the value. */
export interface VersionEntry extends Stamp {
  readonly key: string;
  readonly kind: HeldKind;
}

/** A live value as lists show it. */
export interface StoredEntry extends Stamp {
  readonly key: string;
  readonly expiry: number | null;
  /** Bytes of the value. */
  readonly size: number;
  readonly contentType: string;
}

export interface PutRequest {
  readonly place: PartitionPlace;
  /** Verified, and of this place: the store checks neither. */
  readonly record: SignedRecord;
  readonly condition: Condition | null;
  /**
   * Whether a copy of the same key that does not open (`corrupt`) is replaced whatever it claims to be. Without it a put on
   * such a key is refused with `corrupt`, since what it would replace may be newer.
   */
  readonly isRepair?: boolean;
}

export type PutOutcome =
  /** On disk; `held`: exactly this record was there already. */
  | { readonly status: 'stored' | 'held' }
  /** The held entry is not below the new one: a record, tombstone or floor. */
  | { readonly status: 'stale'; readonly current: Stamp }
  /** `current`: what is held, whatever its kind. */
  | { readonly status: 'condition'; readonly current: Stamp | null }
  /** `capacity`: of the node; `quota`: of the namespace; `disk`: it is full or fails; nothing was stored. */
  | { readonly status: 'no_room'; readonly reason: 'capacity' | 'quota' | 'disk' };

/** `expiry`: when this replica drops the record, which may be before its author's. */
export type Held =
  | { readonly record: SignedRecord; readonly expiry: number | null }
  | { readonly floor: Stamp };

/** Placement's state of a partition: small, DAG-CBOR. The service checks its form when it reads it. */
export type PartitionState = Readonly<Record<string, unknown>>;

export interface PartitionSummary extends PartitionPlace {
  /** Values, tombstones and floors. */
  readonly count: number;
  readonly bytes: number;
  /** XOR of the first `FINGERPRINT_BYTES` bytes of the digests of all of them. */
  readonly fingerprint: Uint8Array;
}

export interface NamespaceTotals {
  readonly owner: string;
  readonly namespace: string;
  /** Values that are not yet removed. */
  readonly keys: number;
  /** Bytes of the capacity in use: values, tombstones and floors with their overhead. */
  readonly bytes: number;
}

/** Quota of a namespace at this node. */
export interface Quota {
  readonly bytes: number;
  readonly keys: number;
  /** False: it shares `unsponsoredBytes` with all others of its kind. */
  readonly isSponsored: boolean;
}

export interface StoreUsage {
  /** Used part of the capacity. */
  readonly bytes: number;
  readonly keys: number;
  /** Free on the file system, for this process. */
  readonly freeBytes: number;
}

export interface StoreMetrics {
  /** Records, tombstones and states that were synced to disk. */
  writes: number;
  /** Transactions they shared. */
  batches: number;
  /** Puts refused because the disk is full or fails. */
  diskRefusals: number;
  /** Copies that did not open. */
  corruptions: number;
  /** Database files set aside because they were damaged. */
  resets: number;
  /** Writers that ended by themselves. */
  writerFailures: number;
}

/**
 * Records on this node's disk, encrypted. Writes are acknowledged once they are synced; they are batched. Reads are
 * synchronous, and see every acknowledged write.
 *
 * Errors are `CodedError`s: `corrupt` (detail.key where it is one key: repair it from other replicas), `overloaded` (too many
 * writes wait), `no_room` (of anything but a put: the disk is full or fails), `outcome_unknown` (the writer ended meanwhile: it may
 * be stored or not), `closed`.
 */
export interface RecordStore {
  put(request: PutRequest): Promise<PutOutcome>;
  /** Decrypted, and checked to be what the place names. A value that has expired at `now` is a floor. */
  get(partition: PartitionId, key: string, now: number): Held | null;
  /** Stamp and kind of what is held, cheaply: nothing is decrypted. */
  head(partition: PartitionId, key: string): VersionEntry | null;
  /**
   * Live values only, in bytewise order of their keys, those after `after`. A page may hold fewer than `limit`, even none: the end
   * is where `next` is null, and otherwise the `after` of the next page.
   */
  list(
    partition: PartitionId,
    query: {
      readonly prefix: string;
      readonly after: string | null;
      readonly limit: number;
      readonly now: number;
    },
  ): { readonly entries: readonly StoredEntry[]; readonly next: string | null };
  /** All that is held: values (expired ones too), tombstones and floors. Throws `overloaded` when others need the room. */
  openItems(partition: PartitionId): Promise<HeldItems>;
  /**
   * Takes over floors of another replica that were verified as far as floors can be: raises what is below them. A value
   * or tombstone below becomes a floor.
   */
  raiseFloors(place: PartitionPlace, floors: readonly (Stamp & { readonly key: string })[]): Promise<number>;
  /** Removes a copy that does not open; others stay. Whether there was one. */
  discard(partition: PartitionId, key: string): Promise<boolean>;

  /** Partitions of which there are records or a state, in a stable order, those after `after`. */
  partitions(query: { readonly after: PartitionId | null; readonly limit: number }): {
    readonly partitions: readonly PartitionSummary[];
    readonly isEnd: boolean;
  };
  summary(partition: PartitionId): PartitionSummary | null;
  totals(namespaceId: Uint8Array): NamespaceTotals | null;
  namespaces(query: { readonly after: Uint8Array | null; readonly limit: number }): {
    readonly namespaces: readonly (NamespaceTotals & { readonly namespaceId: Uint8Array })[];
    readonly isEnd: boolean;
  };
  /** Removes all that is held of it, floors and state too, some hundreds of records at a time. */
  dropPartition(partition: PartitionId): Promise<void>;
  /** Values that have expired by `now` become floors, at most `max`. How many did. */
  expire(now: number, max: number): Promise<number>;
  /** Tombstones whose version is from before `before` become floors, at most `max`. How many did. */
  collectTombstones(before: number, max: number): Promise<number>;
  /** Floors of namespaces without a sponsor whose version is from before `before` are removed, at most `max`. How many were. */
  collectFloors(before: number, max: number): Promise<number>;

  /** Null when there is none or it is damaged. */
  getState(partition: PartitionId): PartitionState | null;
  setState(place: PartitionPlace, state: PartitionState): Promise<void>;

  usage(): StoreUsage;
  /** Upkeep of its files. */
  readonly care: StoreMaintenance;
  readonly metrics: StoreMetrics;
  /** Writes that wait. */
  readonly waiting: number;
  /** Writes everything queued; refuses later requests with `closed`. Idempotent. */
  close(): Promise<void>;
}

/** All that is held of a partition, by `itemIdOf`, as it changes: until it is released. */
export interface HeldItems {
  readonly set: ReconcileSet;
  /** False once it does not follow the disk any more. */
  readonly isUpToDate: boolean;
  /** Entry of an item. Null where it is not held, or cannot be read. */
  entryOf(id: Uint8Array): VersionEntry | null;
  release(): void;
}

/** Called when a damaged database was set aside: everything this node held is gone from the store. */
export type OnReset = (reason: string) => void;
