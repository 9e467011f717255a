import { existsSync } from 'node:fs';
import type { TimerClock } from '../../protocols/common/clock.ts';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import { RepeatingTask } from '../../protocols/common/repeating-task.ts';
import { putDatabaseAside } from '../disk/database.ts';
import type { Logger } from '../observability/logger.ts';
import { Collections } from './collections.ts';
import { NOTHING_COLLECTED } from './garbage.ts';
import type { BlobStore, BlobUsage, CollectReach, CollectReport } from './interface.ts';
import { COLLECT_FILES_MS, COLLECT_MS } from './limits.ts';
import { type BlobGauges, createBlobStoreMetrics } from './metrics.ts';
import { type BlobStoreComponents, type BlobStoreInit, openBlobStore } from './store.ts';

const NO_UPLOADS = { count: 0, bytes: 0 };

/**
 * A node's blob store, opened at the first use or when it has content: a node without blobs does not pay for it. It
 * also schedules garbage collection.
 */
export class LocalBlobs implements BlobGauges {
  readonly metrics = createBlobStoreMetrics();
  readonly #components: BlobStoreComponents;
  readonly #clock: TimerClock;
  readonly #init: BlobStoreInit;
  readonly #logger: Logger;
  #store: BlobStore | null = null;
  readonly #collections = new Collections();
  readonly #collecting: readonly RepeatingTask[];
  #isClosed = false;

  /** Throws `bad_storage_key`, `storage_version`. */
  constructor(
    components: Omit<BlobStoreComponents, 'metrics' | 'collections'> & { readonly clock: TimerClock },
    init: BlobStoreInit,
  ) {
    this.#components = { ...components, metrics: this.metrics, collections: this.#collections };
    this.#clock = components.clock;
    this.#init = init;
    this.#logger = components.logger;
    this.#collecting = [
      this.#collectEvery('ended', COLLECT_MS),
      this.#collectEvery('files', COLLECT_FILES_MS),
    ];
    if (existsSync(init.directory)) this.store();
  }

  /** Null while there are no blobs. */
  get opened(): BlobStore | null {
    return this.#store;
  }

  /** Opened now if it was not. */
  store(): BlobStore {
    if (this.#isClosed) throw new CodedError('closed', 'the blob store is closed');
    this.#store ??= openBlobStore(this.#components, this.#init);
    return this.#store;
  }

  /** Moves a damaged catalogue out of the way and begins an empty one, in which needed blobs are noted again. */
  async reset(reason: string): Promise<void> {
    const store = this.#store;
    if (store === null) return;
    this.#store = null;
    await store.close();
    putDatabaseAside(store.cataloguePath);
    this.metrics.resets += 1;
    this.#logger.error({ reason }, 'the catalogue of blobs was damaged and set aside');
    if (!this.#isClosed) this.store();
  }

  start(): void {
    // of a process that was killed something may be left
    void this.collect('ended');
    for (const task of this.#collecting) task.start();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const task of this.#collecting) void task.stop();
    await this.#store?.close();
  }

  /** Used capacity. */
  get usedBytes(): number {
    return this.#store?.usedBytes ?? 0;
  }

  namespaceBytes(namespaceId: Uint8Array): number {
    return this.#store?.namespaceBytes(namespaceId) ?? 0;
  }

  /** Nothing is removed from when this resolves until what it gives is called. */
  async pauseCollection(): Promise<() => void> {
    const goOn = await this.#collections.pause();
    return () => {
      goOn();
      void this.collect('ended');
    };
  }

  readonly usage = (): BlobUsage => {
    if (this.#store !== null) return this.#store.usage();
    const availableBytes = Math.max(0, this.#init.capacityBytes());
    return { bytes: 0, blocks: 0, blobs: 0, freeBytes: 0, availableBytes, uploads: NO_UPLOADS };
  };

  /** Collects on an operator's request. Throws `busy` while a backup is made, which has every block that it saw. */
  async collectNow(): Promise<CollectReport> {
    if (this.#collections.isPaused) {
      throw new CodedError('busy', 'a backup is under way: try again when it has ended');
    }
    return (await this.#store?.collect('files')) ?? NOTHING_COLLECTED;
  }

  /** Never rejects: what could not be collected is the next time. */
  async collect(reach: CollectReach = 'files'): Promise<CollectReport> {
    try {
      return (await this.#store?.collect(reach)) ?? NOTHING_COLLECTED;
    } catch (error) {
      if (!this.#isClosed) this.#uncollected(error);
      return NOTHING_COLLECTED;
    }
  }

  #collectEvery(reach: CollectReach, intervalMs: number): RepeatingTask {
    const clock = this.#clock;
    const run = async (): Promise<void> => void (await this.collect(reach));
    return new RepeatingTask({ clock, run, onError: (error) => this.#uncollected(error) }, { intervalMs });
  }

  #uncollected(error: unknown): void {
    this.#logger.warn({ reason: errorMessage(error) }, 'blobs that nobody needs could not be removed');
  }
}
