import { equalBytes } from '../../../protocols/common/bytes.ts';
import type { Clock } from '../../../protocols/common/clock.ts';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { OrderedSet, ReconciliationError, respond } from '../../../protocols/reconciliation/index.ts';
import {
  type Answers,
  FETCH_MAX_BYTES,
  FINGERPRINT_BYTES,
  fitsEntries,
  fitsFetch,
  fitsList,
  fitsPartitions,
  type GoneMember,
  type Held,
  isNew,
  type PartitionId,
  type PartitionName,
  type Partitions,
  RECONCILE_MESSAGE_MAX_BYTES,
  type RecordAdmission,
  ReplicaError,
  type RequestOf,
  type RequestType,
  type SignedRecord,
  type Standing,
  StorageError,
  type StorageRequest,
} from '../../../protocols/storage/index.ts';
import type { StorageServiceMetrics } from '../api/counters.ts';
import { noRoom, notResponsible } from '../api/refusals.ts';
import type { BlobRetention } from '../blobs/blob-retention.ts';
import type { BlobRequestHandler } from '../blobs/request-handler.ts';
import type { PartitionStates } from '../placement/partition-states.ts';
import type { ReplicaConfirmation } from '../placement/replica-confirmation.ts';
import { placeOfRecord, type ReplicaPlacement } from '../placement/replica-placement.ts';
import type { HeldItems, PartitionPlace, RecordStore } from '../store/interface.ts';

export interface ReplicaComponents {
  readonly store: RecordStore;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly partitions: Partitions;
  readonly admission: RecordAdmission;
  readonly places: ReplicaPlacement;
  readonly states: PartitionStates;
  /** Whether a node may be a replica. */
  readonly isMember: (peer: string) => boolean;
  /** Members that are gone. */
  readonly gone: () => readonly GoneMember[];
  readonly witnesses: ReplicaConfirmation;
  readonly metrics: StorageServiceMetrics;
  /** Takes over from `peer` what it has of a partition and this node has not. */
  readonly copyFrom: (peer: string, place: PartitionPlace) => Promise<void>;
  readonly blobRequests: BlobRequestHandler;
  readonly blobs: BlobRetention;
  /** A copy on this node's disk does not open. */
  readonly onCorrupt: (place: PartitionId, key: string) => void;
}

/** How far from a partition's replicas a node may be as a fallback replica: others may see a replica as gone that this node sees. */
const FALLBACK_RANKS = 2;
const NO_FINGERPRINT = new Uint8Array(FINGERPRINT_BYTES);

/** Answers requests as a replica, for peers and for this node itself. */
export class Replica {
  readonly #components: ReplicaComponents;

  constructor(components: ReplicaComponents) {
    this.#components = components;
  }

  /** Throws `StorageError` for what the peer did wrong, `ReplicaError` for what this node does not do, or the store's errors. */
  async answer<T extends RequestType>(request: RequestOf<T>, peer: string): Promise<Answers[T]> {
    return (await this.#dispatch(request as StorageRequest, peer)) as Answers[T];
  }

  #dispatch(request: StorageRequest, peer: string): Answers[RequestType] | Promise<Answers[RequestType]> {
    switch (request.type) {
      case 'get':
        return this.#get(request);
      case 'put':
        return this.#put(request, peer);
      case 'list':
        return this.#list(request);
      case 'fetch':
        return this.#fetch(request);
      case 'partitions':
        return this.#partitions(request);
      case 'state':
        return this.#state(request);
      case 'reconcile':
        return this.#reconcile(request, peer);
      case 'entries':
        return this.#entries(request, peer);
      case 'prefetch':
        return this.#prefetch(request, peer);
      case 'handover':
        return this.#handover(request, peer);
      case 'gone':
        return { gone: this.#components.gone() };
      default:
        return this.#components.blobRequests.answer(request);
    }
  }

  #get(request: RequestOf<'get'>): Answers['get'] {
    const { key } = request;
    const partition = this.#components.partitions.of(request);
    const standing = this.#standing(partition);
    // a reader gets nothing of what was restored before it is reconciled; other replicas do, to reconcile
    const isWithheld = this.#components.states.isWithheld(partition);
    return { ...standing, held: isWithheld ? null : this.#held(partition, key) };
  }

  async #put(
    { record: bytes, condition, asFallback }: RequestOf<'put'>,
    peer: string,
  ): Promise<Answers['put']> {
    const { admission, blobs, partitions, states } = this.#components;
    const record = await admission.admit(bytes, peer, 'pushed');
    const partition = partitions.of(record);
    this.#checkPlace(partition, asFallback);
    if (!(await this.#mayBeOld(record, partition, peer))) {
      throw new StorageError('record_unauthorised', 'an old record that no replica holds is not taken', true);
    }
    const place = placeOfRecord(partition, record);
    blobs.hold(record, partition, peer);
    states.of(partition);
    const wasDurable = this.#isDurable(partition);
    const write = this.#write({ place, record, condition });
    const [outcome] = await Promise.all([write, this.#keep(place)]);
    if (outcome.status === 'no_room') throw noRoom(outcome.reason);
    if (outcome.status === 'stored') blobs.replaced(record, partition);
    // who is a replica is said as of now: whoever reconciled meanwhile may not have got this
    const standing = this.#standing(partition);
    const isDurable = this.#isDurable(partition);
    const isHeld = outcome.status === 'stored' || outcome.status === 'held';
    // chosen as a sponsor meanwhile: what was written for a day is kept for as long as its author says
    const kept =
      isHeld && isDurable && !wasDurable ? await this.#write({ place, record, condition: null }) : null;
    if (kept?.status === 'no_room') throw noRoom(kept.reason);
    await this.#keep(place);
    return { ...standing, outcome, isDurable };
  }

  /** Whether this node keeps what is written there until it expires: as a replica that both the holder and its operator chose. */
  #isDurable(partition: PartitionId): boolean {
    const { isReplica, isSponsored } = this.#components.places.of(partition);
    return isReplica && isSponsored;
  }

  /** Blobs whose records were deleted stay a little for their readers: their room is for records that find none. */
  async #write(write: Parameters<RecordStore['put']>[0]): ReturnType<RecordStore['put']> {
    const { store, blobs } = this.#components;
    const outcome = await store.put(write);
    const isFull = outcome.status === 'no_room' && outcome.reason === 'capacity';
    return isFull && (await blobs.freeRoom()) ? store.put(write) : outcome;
  }

  /** Only who may write the record may have its blob fetched, and only to where it will be. */
  async #prefetch({ record: bytes }: RequestOf<'prefetch'>, peer: string): Promise<Answers['prefetch']> {
    const { admission, blobs, clock, partitions } = this.#components;
    const record = await admission.admit(bytes, peer, 'pushed');
    if (!isNew(record, clock.now())) {
      throw new StorageError('record_unauthorised', 'what is prepared must be signed now', true);
    }
    const partition = partitions.of(record);
    this.#checkPlace(partition, false);
    return blobs.prefetch(record, partition, peer);
  }

  #checkPlace(partition: PartitionId, asFallback: boolean): void {
    const { isReplica } = this.#components.places.of(partition);
    if (!isReplica && !(asFallback && this.#mayBeFallback(partition))) throw notResponsible();
  }

  /** Writes the partition's state to disk before a write is acknowledged under it. */
  async #keep(place: PartitionPlace): Promise<void> {
    try {
      await this.#components.states.keep(place);
    } catch (error) {
      if (error instanceof CodedError && error.code === 'no_room') throw noRoom('disk');
      throw error;
    }
  }

  /**
   * Whether a record that was not signed just now is a copy of what the replicas took then, and not made now with a key that has
   * expired or was revoked since.
   */
  async #mayBeOld(record: SignedRecord, partition: PartitionId, peer: string): Promise<boolean> {
    const { clock, places, witnesses } = this.#components;
    if (isNew(record, clock.now())) return true;
    const own = this.#held(partition, record.key);
    if (own?.kind === 'record' && equalBytes(own.record, record.bytes)) return true;
    const replicaSet = places.of(partition).replicas.map(({ id }) => id);
    return witnesses.vouch(peer, replicaSet, record);
  }

  #list(request: RequestOf<'list'>): Answers['list'] {
    const { store, clock } = this.#components;
    const { prefix, after, limit } = request;
    const partition = this.#partitionOf(request);
    const standing = this.#standing(partition);
    if (this.#components.states.isWithheld(partition)) return { ...standing, entries: [], next: null };
    const { entries, next } = store.list(partition, { prefix, after, limit, now: clock.now() });
    return { ...standing, ...cutPage(entries, next, fitsList(entries, limit)) };
  }

  async #reconcile(request: RequestOf<'reconcile'>, peer: string): Promise<Answers['reconcile']> {
    // the state first: what is read then was there when this node said so
    const standing = this.#standing(request);
    const message = await this.#withItems(request, peer, (items) => this.#respond(request, items, peer));
    return { ...standing, message };
  }

  #respond({ message }: RequestOf<'reconcile'>, items: HeldItems | null, peer: string): Uint8Array {
    const { admission, crypto } = this.#components;
    const { reconciliation: metrics } = this.#components.metrics;
    const set = items?.set ?? new OrderedSet({ crypto });
    try {
      return respond({ set, metrics }, message, { maxBytes: RECONCILE_MESSAGE_MAX_BYTES });
    } catch (error) {
      if (!(error instanceof ReconciliationError)) throw error;
      const refusal = new StorageError('frame_malformed', error.message);
      admission.refuse(peer, refusal);
      throw refusal;
    }
  }

  #entries(request: RequestOf<'entries'>, peer: string): Promise<Answers['entries']> {
    return this.#withItems(request, peer, (items) => {
      const entries = request.ids.map((id) => items?.entryOf(id) ?? null);
      return { entries: entries.slice(0, fitsEntries(entries)) };
    });
  }

  /** Null after an absence longer than tombstones live. Only members compare what they hold: it takes reading all of it. */
  async #withItems<T>(
    partition: PartitionId,
    peer: string,
    read: (items: HeldItems | null) => T,
  ): Promise<T> {
    const { store, states, isMember } = this.#components;
    if (!isMember(peer)) throw notResponsible();
    if (states.isStale(partition)) return read(null);
    const items = await store.openItems(partition);
    try {
      return read(items);
    } finally {
      items.release();
    }
  }

  #fetch({ namespaceId, partition, keys }: RequestOf<'fetch'>): Answers['fetch'] {
    const records: (Uint8Array | null)[] = [];
    let bytes = 0;
    for (const key of keys) {
      if (bytes > FETCH_MAX_BYTES) break;
      const record = this.#recordOf({ namespaceId, partition }, key);
      bytes += record?.byteLength ?? 0;
      records.push(record);
    }
    return { records: records.slice(0, fitsFetch(records.map((one) => one?.byteLength ?? 0))) };
  }

  #partitions({ after, limit }: RequestOf<'partitions'>): Answers['partitions'] {
    const page = this.#components.store.partitions({ after, limit });
    const count = fitsPartitions(page.partitions, limit);
    const entries = page.partitions.slice(0, count);
    const last = entries.at(-1);
    const isEnd = page.isEnd && count === page.partitions.length;
    const next = isEnd || last === undefined ? null : idOf(last);
    return {
      entries: entries.map(({ owner, namespace, partition, count: records, bytes }) => {
        return { owner, namespace, partition, count: records, bytes };
      }),
      next,
    };
  }

  #partitionOf({ owner, namespace, partition }: PartitionName): PartitionId {
    return { namespaceId: this.#components.partitions.namespaceId({ owner, namespace }), partition };
  }

  #state(request: RequestOf<'state'>): Answers['state'] {
    const { store, states } = this.#components;
    const partition = this.#partitionOf(request);
    const standing = states.of(partition);
    const held = states.isStale(partition) ? null : store.summary(partition);
    const { count = 0, bytes = 0, fingerprint = NO_FINGERPRINT } = held ?? {};
    return { ...standing, count, bytes, fingerprint };
  }

  /** Answered when all was taken over: then the peer may drop it. */
  async #handover({ owner, namespace, partition }: RequestOf<'handover'>, peer: string): Promise<Standing> {
    const { blobs, partitions, places, isMember, copyFrom } = this.#components;
    // whoever keeps records is a member; anybody else would only make this node work
    if (!isMember(peer)) throw notResponsible();
    const namespaceId = partitions.namespaceId({ owner, namespace });
    const place: PartitionPlace = { owner, namespace, namespaceId, partition };
    if (!places.of(place).isReplica && !this.#mayBeFallback(place)) throw notResponsible();
    await copyFrom(peer, place);
    await blobs.refill(place, peer);
    return this.#standing(place);
  }

  /** Only of a replica: what a former one says of itself is for whoever takes over. */
  #standing(partition: PartitionId): Standing {
    const { setId, isReplica, isSynced } = this.#components.states.of(partition);
    return { setId, isSynced: isReplica && isSynced };
  }

  /** After an absence longer than tombstones live nothing is shown before it was reconciled: it may have been deleted. */
  #held(partition: PartitionId, key: string): Held {
    const { store, clock, states } = this.#components;
    if (states.isStale(partition)) return null;
    try {
      const held = store.get(partition, key, clock.now());
      if (held === null) return null;
      if ('floor' in held) return { kind: 'floor', stamp: held.floor };
      return { kind: 'record', record: held.record.bytes, expiry: held.expiry };
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'corrupt') throw error;
      this.#components.onCorrupt(partition, key);
      throw new ReplicaError('corrupt', 'the copy on this disk does not open');
    }
  }

  /** One that does not open is not had. Others are copied all the same. */
  #recordOf(partition: PartitionId, key: string): Uint8Array | null {
    try {
      const held = this.#held(partition, key);
      return held?.kind === 'record' ? held.record : null;
    } catch (error) {
      if (error instanceof ReplicaError) return null;
      throw error;
    }
  }

  #mayBeFallback(partition: PartitionId): boolean {
    const { places } = this.#components;
    const place = places.of(partition);
    return places.isAmong(place, place.replicas.length * (1 + FALLBACK_RANKS));
  }
}

function cutPage<T extends { readonly key: string }>(
  entries: readonly T[],
  next: string | null,
  count: number,
): { entries: readonly T[]; next: string | null } {
  if (count >= entries.length) return { entries, next };
  const fitting = entries.slice(0, count);
  return { entries: fitting, next: fitting.at(-1)?.key ?? next };
}

function idOf({ namespaceId, partition }: PartitionId): PartitionId {
  return { namespaceId, partition };
}
