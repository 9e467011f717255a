import { equalBytes } from '../../../protocols/common/bytes.ts';
import { CLOCK_SKEW_MS, sleep, type TimerClock } from '../../../protocols/common/clock.ts';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { RateLimit } from '../../../protocols/common/rate-limit.ts';
import { Initiator, ReconciliationError, type Step } from '../../../protocols/reconciliation/index.ts';
import {
  type Answers,
  compareRecords,
  decodeRecord,
  ENTRY_IDS_MAX,
  FETCH_KEYS_MAX,
  itemIdOf,
  KIND_FLOOR,
  PARTITIONS,
  type PartitionId,
  type Partitions,
  partitionOf,
  RECONCILE_MESSAGE_MAX_BYTES,
  REQUESTS,
  type RecordAdmission,
  type RequestType,
  StorageError,
  type VersionItem,
} from '../../../protocols/storage/index.ts';
import type { StorageServiceMetrics } from '../api/counters.ts';
import type { BlobRetention } from '../blobs/blob-retention.ts';
import type { ReplicaConfirmation } from '../placement/replica-confirmation.ts';
import type { ReplicaPlacement } from '../placement/replica-placement.ts';
import type { RequestPeer } from '../rpc/request-peer.ts';
import type { HeldItems, PartitionPlace, RecordStore } from '../store/interface.ts';
import { itemOf } from '../store/item-sets.ts';
import type { FloorConfirmation } from './floor-confirmation.ts';

export interface CopierComponents {
  readonly store: RecordStore;
  readonly admission: RecordAdmission;
  readonly crypto: Crypto;
  readonly partitions: Partitions;
  readonly clock: TimerClock;
  readonly metrics: StorageServiceMetrics;
  readonly endings: FloorConfirmation;
  readonly witnesses: ReplicaConfirmation;
  readonly places: ReplicaPlacement;
  readonly blobs: BlobRetention;
  readonly ask: RequestPeer;
}

export interface CopierInit {
  /** Rate limit of copying. */
  readonly bytesPerSecond: number;
}

/** State found at a source. */
export interface Pulled {
  /** Replica-set id of the source at its first answer. */
  readonly setId: string;
  readonly isSynced: boolean;
}

/** Bytes that an entry stands for when copying is metered. */
const ENTRY_BYTES = 128;
/** Messages less than half full that bring nothing, one after another, before a source is taken for one that only holds this node up. */
const SHORT_ROUNDS_MAX = 64;
/** Messages of one reconciliation: a gigabyte of them. */
const ROUNDS_MAX = 65_536;
/**
 * Ids of which nothing came, beyond one for each item that is held: those that were written over meanwhile, and floors that too few
 * replicas can confirm now. An honest source may have as many of these as a partition has keys.
 */
const UNUSED_IDS_MAX = 1_000_000;
/** Differences of one message that are asked for one by one: those of a partition that was copied are few. */
const COVER_CHECKS_MAX = 1024;
/** Between two looks whether there is room again. */
const THROTTLE_MS = 25;
const ALL = '';

/** Whether other replicas confirm that a key has ended, or it is enough that the source says it: nobody signs that. */
export type EndingsRule = 'confirmed' | 'trusted';

/** One reconciliation with a source. */
interface Pull {
  readonly source: string;
  readonly partition: PartitionId;
  readonly items: HeldItems;
  readonly signal: AbortSignal;
  readonly endings: EndingsRule;
  /** Null while nobody had to name it. */
  place: PartitionPlace | null;
}

/** Takes over from another replica what this node has not: finds out what they differ in, and fetches what is newer there. */
export class Copier {
  readonly #components: CopierComponents;
  readonly #rate: RateLimit;

  constructor(components: CopierComponents, { bytesPerSecond }: CopierInit) {
    this.#components = components;
    const burst = bytesPerSecond;
    const init = { perSecond: bytesPerSecond, burst, debtMax: 2 * bytesPerSecond, maxKeys: 1 };
    this.#rate = new RateLimit(components, init);
  }

  /**
   * Throws when not all was taken over; the next time only the rest is. `place` may lack its names: then the source is asked for them.
   */
  async pull(
    source: string,
    partition: PartitionId,
    place: PartitionPlace | null,
    signal: AbortSignal,
    { endings = 'confirmed' }: { readonly endings?: EndingsRule } = {},
  ): Promise<Pulled> {
    const items = await this.#components.store.openItems(partition);
    try {
      const pulled = await this.#reconcile({ source, partition, items, signal, endings, place });
      if (!items.isUpToDate) throw new Error('the store changed in ways that nobody knows of');
      return pulled;
    } finally {
      items.release();
    }
  }

  /**
   * Whether `source` holds every value that this node holds of a partition, or something newer in its stead, on disk: each
   * difference is asked for by its key.
   */
  async covers(source: string, place: PartitionPlace, signal: AbortSignal): Promise<boolean> {
    const items = await this.#components.store.openItems(place);
    try {
      const { reconciliation: metrics } = this.#components.metrics;
      const initiator = new Initiator({ set: items.set, metrics }, { maxBytes: RECONCILE_MESSAGE_MAX_BYTES });
      const pull: Pull = { source, partition: place, items, signal, endings: 'confirmed', place };
      let message: Uint8Array | null = initiator.start();
      for (let round = 0; message !== null; round++) {
        if (round >= ROUNDS_MAX) return false;
        const answer = await this.#exchange(pull, message);
        const step = this.#understand(initiator, answer.message);
        if (!(await this.#areCovered(pull, place, step.have))) return false;
        ({ message } = step);
      }
      return items.isUpToDate;
    } finally {
      items.release();
    }
  }

  /** Whether `source` has something at least as new under the keys of these items, as far as they are values that live. */
  async #areCovered(
    { source, items, signal }: Pull,
    place: PartitionPlace,
    ids: readonly Uint8Array[],
  ): Promise<boolean> {
    if (ids.length > COVER_CHECKS_MAX) return false;
    const { store, clock } = this.#components;
    for (const id of ids) {
      const entry = items.entryOf(id);
      const held = entry === null ? null : store.get(place, entry.key, clock.now());
      // what has ended is nobody's loss, and what does not open is not had
      if (entry === null || held === null || 'floor' in held) continue;
      const { owner, namespace } = place;
      const request = { type: 'get', owner, namespace, key: entry.key } as const;
      const answer = await this.#components.ask<'get'>(source, request, this.#limited(signal, 'get'));
      if (answer.held === null) return false;
      const stamp =
        answer.held.kind === 'floor'
          ? answer.held.stamp
          : decodeRecord(answer.held.record, this.#components.crypto);
      if (compareRecords(stamp, entry) < 0) return false;
    }
    return true;
  }

  async #reconcile(pull: Pull): Promise<Pulled> {
    const { set } = pull.items;
    const { reconciliation: metrics } = this.#components.metrics;
    const initiator = new Initiator({ set, metrics }, { maxBytes: RECONCILE_MESSAGE_MAX_BYTES });
    let pulled: Pulled | null = null;
    let shortRounds = 0;
    let unused = 0;
    let message: Uint8Array | null = initiator.start();
    for (let round = 0; message !== null; round++) {
      const answer = await this.#exchange(pull, message);
      pulled ??= { setId: answer.setId, isSynced: answer.isSynced };
      const step = this.#understand(initiator, answer.message);
      const taken = await this.#takeIds(pull, step.need);
      unused += step.need.length - taken;
      const isShort = taken === 0 && answer.message.byteLength < RECONCILE_MESSAGE_MAX_BYTES / 2;
      shortRounds = isShort ? shortRounds + 1 : 0;
      if (shortRounds > SHORT_ROUNDS_MAX || round >= ROUNDS_MAX || unused > set.size + UNUSED_IDS_MAX) {
        this.#components.metrics.liesFound += 1;
        throw new Error('the source goes on without end and tells little');
      }
      ({ message } = step);
    }
    return pulled ?? { setId: '', isSynced: false };
  }

  async #exchange(pull: Pull, message: Uint8Array): Promise<Answers['reconcile']> {
    const { source, partition, signal } = pull;
    const request = { type: 'reconcile', ...idOf(partition), message } as const;
    const until = this.#limited(signal, 'reconcile');
    const answer = await this.#components.ask<'reconcile'>(source, request, until);
    await this.#meter(message.byteLength + answer.message.byteLength, signal);
    return answer;
  }

  #understand(initiator: Initiator, message: Uint8Array): Step {
    try {
      return initiator.receive(message);
    } catch (error) {
      if (error instanceof ReconciliationError) this.#components.metrics.liesFound += 1;
      throw error;
    }
  }

  /** Takes over what some ids stand for, as far as it is newer. How many of them are held then. */
  async #takeIds(pull: Pull, ids: readonly Uint8Array[]): Promise<number> {
    const { source, partition, items, signal } = pull;
    for (let rest = ids; rest.length > 0; ) {
      const asked = rest.slice(0, ENTRY_IDS_MAX);
      const request = { type: 'entries', ...idOf(partition), ids: asked } as const;
      const until = this.#limited(signal, 'entries');
      const { entries } = await this.#components.ask<'entries'>(source, request, until);
      await this.#meter(entries.length * ENTRY_BYTES, signal);
      const news = entries.flatMap((entry, index) => {
        return entry !== null && this.#isNews(partition, asked[index], entry) ? [entry] : [];
      });
      if (news.length > 0) {
        pull.place ??= await this.#names(source, partition, signal);
        await this.#take(pull, pull.place, news);
      }
      rest = rest.slice(entries.length);
    }
    return ids.filter((id) => items.set.tagOf(itemOf(id)) !== null).length;
  }

  /** Whether an entry is what was asked for, and newer than what is held. */
  #isNews(partition: PartitionId, id: Uint8Array | undefined, entry: VersionItem): boolean {
    const { crypto, clock, metrics } = this.#components;
    const isAsked =
      id !== undefined && equalBytes(itemIdOf(crypto, Buffer.from(entry.key), entry.digest), id);
    if (!isAsked || partitionOf(crypto, entry.key) !== partition.partition) {
      metrics.liesFound += 1;
      return false;
    }
    if (entry.ms > clock.now() + CLOCK_SKEW_MS) return false;
    const own = this.#head(partition, entry.key);
    return own === null || compareRecords(entry, own) > 0;
  }

  /** One that cannot be read is not had. */
  #head(partition: PartitionId, key: string): VersionItem | null {
    try {
      return this.#components.store.head(partition, key);
    } catch (error) {
      if (error instanceof CodedError && error.code === 'corrupt' && error.detail?.['key'] === key)
        return null;
      throw error;
    }
  }

  async #take(pull: Pull, place: PartitionPlace, news: readonly VersionItem[]): Promise<void> {
    const { source, signal } = pull;
    await this.#end(
      pull,
      place,
      news.filter(({ kind }) => kind === KIND_FLOOR),
    );
    let rest = news.filter(({ kind }) => kind !== KIND_FLOOR);
    while (rest.length > 0) {
      const some = rest.slice(0, FETCH_KEYS_MAX);
      const request = { type: 'fetch', ...idOf(place), keys: some.map(({ key }) => key) } as const;
      const { records } = await this.#components.ask<'fetch'>(
        source,
        request,
        this.#limited(signal, 'fetch'),
      );
      await this.#store(pull, place, some.slice(0, records.length), records);
      await this.#meter(
        records.reduce((sum, one) => sum + (one?.byteLength ?? ENTRY_BYTES), 0),
        signal,
      );
      rest = rest.slice(records.length);
    }
  }

  async #store(
    pull: Pull,
    place: PartitionPlace,
    entries: readonly VersionItem[],
    records: readonly (Uint8Array | null)[],
  ): Promise<void> {
    const expired: VersionItem[] = [];
    await Promise.all(
      entries.map(async (entry, index) => {
        const bytes = records[index] ?? null;
        // removed there meanwhile, or expired: its floor comes the next time
        if (bytes !== null && !(await this.#put(pull.source, place, entry, bytes))) expired.push(entry);
      }),
    );
    await this.#end(pull, place, expired);
  }

  /** Takes over that keys have ended: nobody signs that, so the word of a source is not enough, unless it is trusted. */
  async #end(
    { source, signal, endings: mode }: Pull,
    place: PartitionPlace,
    endings: readonly VersionItem[],
  ): Promise<void> {
    if (endings.length === 0) return;
    const sure =
      mode === 'trusted' ? endings : await this.#components.endings.confirmed(source, place, endings, signal);
    if (sure.length > 0) await this.#components.store.raiseFloors(place, sure);
  }

  /** False when it has expired. */
  async #put(source: string, place: PartitionPlace, entry: VersionItem, bytes: Uint8Array): Promise<boolean> {
    const { admission, blobs, store, metrics, places, witnesses } = this.#components;
    try {
      const record = await admission.admit(bytes, source, 'asked', { partition: place, key: entry.key });
      const replicaSet = places.of(place).replicas.map(({ id }) => id);
      if (!(await witnesses.vouch(source, replicaSet, record))) return true;
      await blobs.take(record, place, source);
      const outcome = await store.put({ place, record, condition: null, isRepair: true });
      if (outcome.status === 'no_room') throw new Error(`there is no room: ${outcome.reason}`);
      if (outcome.status === 'stored') blobs.replaced(record, place);
      metrics.recordsCopied += 1;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (error.code === 'record_expired') return false;
      if (error.code === 'overloaded') throw error;
      metrics.liesFound += 1;
    }
    return true;
  }

  /** The names of a partition that is known by its id only. */
  async #names(source: string, partition: PartitionId, signal: AbortSignal): Promise<PartitionPlace> {
    const own = this.#components.store.summary(partition);
    if (own !== null) return own;
    const request = { type: 'partitions', after: before(partition), limit: 1 } as const;
    const until = this.#limited(signal, 'partitions');
    const { entries } = await this.#components.ask<'partitions'>(source, request, until);
    const [entry] = entries;
    const isRight =
      entry?.partition === partition.partition &&
      equalBytes(this.#components.partitions.namespaceId(entry), partition.namespaceId);
    if (!isRight) {
      throw new Error('the source does not name what it holds');
    }
    const { owner, namespace } = entry;
    return { owner, namespace, namespaceId: partition.namespaceId, partition: partition.partition };
  }

  #limited(signal: AbortSignal, type: RequestType): AbortSignal {
    return AbortSignal.any([signal, this.#components.clock.timeoutSignal(REQUESTS[type].timeoutMs)]);
  }

  async #meter(bytes: number, signal: AbortSignal): Promise<void> {
    this.#rate.charge(ALL, bytes);
    while (this.#rate.isExceeded(ALL)) await sleep(this.#components.clock, THROTTLE_MS, signal);
  }
}

function idOf({ namespaceId, partition }: PartitionId): PartitionId {
  return { namespaceId, partition };
}

/** The partition that comes before another in their order. */
function before({ namespaceId, partition }: PartitionId): PartitionId {
  if (partition > 0) return { namespaceId, partition: partition - 1 };
  const id = Uint8Array.from(namespaceId);
  for (let i = id.byteLength - 1; i >= 0; i--) {
    const byte = id[i] ?? 0;
    id[i] = byte === 0 ? 0xff : byte - 1;
    if (byte > 0) break;
  }
  return { namespaceId: id, partition: PARTITIONS - 1 };
}
