import { setTimeout as wait } from 'node:timers/promises';
import { equalBytes } from '../../protocols/common/bytes.ts';
import { CLOCK_SKEW_MS, type Clock } from '../../protocols/common/clock.ts';
import { RateLimiter } from '../../protocols/common/rate-limit.ts';
import {
  type Answers,
  compareRecords,
  FETCH_KEYS_MAX,
  KIND_FLOOR,
  PAGE_ITEMS_MAX,
  PARTITIONS,
  type PartitionId,
  type Partitions,
  REQUESTS,
  type RecordAdmission,
  type RequestOf,
  type RequestType,
  StorageError,
  type VersionItem,
} from '../../protocols/storage/index.ts';
import type { Endings } from './endings.ts';
import type { StorageServiceMetrics } from './metrics.ts';
import type { Places } from './places.ts';
import type { PartitionPlace, RecordStore } from './store/interface.ts';
import type { Witnesses } from './witnesses.ts';

export interface CopierComponents {
  readonly store: RecordStore;
  readonly admission: RecordAdmission;
  readonly partitions: Partitions;
  readonly clock: Clock;
  readonly metrics: StorageServiceMetrics;
  readonly endings: Endings;
  readonly witnesses: Witnesses;
  readonly places: Places;
  readonly ask: <T extends RequestType>(
    id: string,
    request: RequestOf<T>,
    signal: AbortSignal,
  ) => Promise<Answers[T]>;
}

export interface CopierInit {
  /** What copying may take. */
  readonly bytesPerSecond: number;
}

/** What was found at a source. */
export interface Pulled {
  /** Who the source took for the homes, at its first page. */
  readonly view: string;
  readonly isSynced: boolean;
}

/** Bytes that an entry of a page stands for when copying is metered. */
const ENTRY_BYTES = 64;
/** Pages less than half full, one after another, before a source is taken for one that only holds this node up. */
const SHORT_PAGES_MAX = 64;
/** Between two looks whether there is room again. */
const THROTTLE_MS = 25;
const ALL = '';

/** Takes over from another replica what this node has not: compares versions page by page, and fetches what is newer there. */
export class Copier {
  readonly #components: CopierComponents;
  readonly #rate: RateLimiter;

  constructor(components: CopierComponents, { bytesPerSecond }: CopierInit) {
    this.#components = components;
    const burst = bytesPerSecond;
    const init = { perSecond: bytesPerSecond, burst, debtMax: 2 * bytesPerSecond, maxKeys: 1 };
    this.#rate = new RateLimiter(components, init);
  }

  /** Throws when not all was taken over. `place` may lack its names: then the source is asked for them. */
  async pull(
    source: string,
    partition: PartitionId,
    names: PartitionPlace | null,
    signal: AbortSignal,
  ): Promise<Pulled> {
    let place = names;
    let pulled: Pulled | null = null;
    let after: string | null = null;
    let shortPages = 0;
    do {
      const page: Answers['versions'] = await this.#page(source, partition, after, signal);
      pulled ??= { view: page.view, isSynced: page.isSynced };
      // a short page should have been the last
      shortPages = page.entries.length < PAGE_ITEMS_MAX / 2 ? shortPages + 1 : 0;
      if (shortPages > SHORT_PAGES_MAX)
        throw new Error('the source gives pages without end that hold little');
      await this.#meter(page.entries.length * ENTRY_BYTES, signal);
      const news = page.entries.filter((entry) => this.#isNews(partition, entry));
      if (news.length > 0) {
        place ??= await this.#names(source, partition, signal);
        await this.#take(source, place, news, signal);
      }
      after = page.next;
    } while (after !== null);
    return pulled;
  }

  #page(
    source: string,
    { namespaceId, partition }: PartitionId,
    after: string | null,
    signal: AbortSignal,
  ): Promise<Answers['versions']> {
    const request = { type: 'versions', namespaceId, partition, after, limit: PAGE_ITEMS_MAX } as const;
    return this.#components.ask<'versions'>(source, request, limited(signal, 'versions'));
  }

  #isNews(partition: PartitionId, entry: VersionItem): boolean {
    const { store, clock } = this.#components;
    if (entry.ms > clock.now() + CLOCK_SKEW_MS) return false;
    const own = store.head(partition, entry.key);
    if (own === null) return true;
    const order = compareRecords(entry, own);
    return order > 0 || (order === 0 && entry.kind === KIND_FLOOR && own.kind !== KIND_FLOOR);
  }

  async #take(
    source: string,
    place: PartitionPlace,
    news: readonly VersionItem[],
    signal: AbortSignal,
  ): Promise<void> {
    await this.#end(
      source,
      place,
      news.filter(({ kind }) => kind === KIND_FLOOR),
      signal,
    );
    let rest = news.filter(({ kind }) => kind !== KIND_FLOOR);
    while (rest.length > 0) {
      const some = rest.slice(0, FETCH_KEYS_MAX);
      const { namespaceId, partition } = place;
      const request = { type: 'fetch', namespaceId, partition, keys: some.map(({ key }) => key) } as const;
      const { records } = await this.#components.ask<'fetch'>(source, request, limited(signal, 'fetch'));
      await this.#store(source, place, some.slice(0, records.length), records, signal);
      await this.#meter(
        records.reduce((sum, one) => sum + (one?.byteLength ?? ENTRY_BYTES), 0),
        signal,
      );
      rest = rest.slice(records.length);
    }
  }

  async #store(
    source: string,
    place: PartitionPlace,
    entries: readonly VersionItem[],
    records: readonly (Uint8Array | null)[],
    signal: AbortSignal,
  ): Promise<void> {
    const expired: VersionItem[] = [];
    await Promise.all(
      entries.map(async (entry, index) => {
        const bytes = records[index] ?? null;
        // removed there meanwhile, or expired: its floor comes the next time
        if (bytes !== null && !(await this.#put(source, place, entry, bytes))) expired.push(entry);
      }),
    );
    await this.#end(source, place, expired, signal);
  }

  /** Takes over that keys have ended: nobody signs that, so it is not enough that the source says it. */
  async #end(
    source: string,
    place: PartitionPlace,
    endings: readonly VersionItem[],
    signal: AbortSignal,
  ): Promise<void> {
    if (endings.length === 0) return;
    const confirmed = await this.#components.endings.confirmed(source, place, endings, signal);
    if (confirmed.length > 0) await this.#components.store.raiseFloors(place, confirmed);
  }

  /** False when it has expired. */
  async #put(source: string, place: PartitionPlace, entry: VersionItem, bytes: Uint8Array): Promise<boolean> {
    const { admission, store, metrics, places, witnesses } = this.#components;
    try {
      const record = await admission.admit(bytes, source, 'asked', { partition: place, key: entry.key });
      const homes = places.of(place).homes.map(({ id }) => id);
      if (!(await witnesses.vouch(source, homes, place, record))) return true;
      const outcome = await store.put({ place, record, condition: null, isRepair: true });
      if (outcome.status === 'no_room') throw new Error(`there is no room: ${outcome.reason}`);
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
    const until = limited(signal, 'partitions');
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

  async #meter(bytes: number, signal: AbortSignal): Promise<void> {
    this.#rate.charge(ALL, bytes);
    while (this.#rate.isExceeded(ALL)) await wait(THROTTLE_MS, undefined, { signal });
  }
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

function limited(signal: AbortSignal, type: RequestType): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(REQUESTS[type].timeoutMs)]);
}
