import { existsSync } from 'node:fs';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import { putDatabaseAside } from '../disk/database.ts';
import type { Logger } from '../observability/logger.ts';
import type { BlobStore, BlobUsage, CollectReport } from './interface.ts';
import { COLLECT_MS } from './limits.ts';
import { type BlobGauges, createBlobStoreMetrics } from './metrics.ts';
import { type BlobStoreComponents, type BlobStoreInit, openBlobStore } from './store.ts';

const NOTHING: BlobUsage = { bytes: 0, blocks: 0, blobs: 0, freeBytes: 0 };

/**
 * A node's blob store, opened when there is something in it or something comes: a node without blobs does not pay for it.
 * Sees to its collection.
 */
export class BlobHome implements BlobGauges {
  readonly metrics = createBlobStoreMetrics();
  readonly #components: BlobStoreComponents;
  readonly #init: BlobStoreInit;
  readonly #logger: Logger;
  #store: BlobStore | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** The collection that is under way, or the last one. */
  #collecting: Promise<void> = Promise.resolve();
  #isCollecting = false;
  #pauses = 0;
  #isClosed = false;

  /** Throws `bad_storage_key`, `storage_version`. */
  constructor(components: Omit<BlobStoreComponents, 'metrics'>, init: BlobStoreInit) {
    this.#components = { ...components, metrics: this.metrics };
    this.#init = init;
    this.#logger = components.logger;
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

  /** Puts a catalogue that is damaged aside and begins an empty one: what is needed is noted again. */
  async reset(reason: string): Promise<void> {
    const store = this.#store;
    if (store === null) return;
    this.#store = null;
    await store.close();
    putDatabaseAside(store.cataloguePath);
    this.metrics.resets += 1;
    this.#logger.error({ reason }, 'the catalogue of blobs was damaged and put aside');
    if (!this.#isClosed) this.store();
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.collect(), COLLECT_MS);
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#isClosed = true;
    await this.#store?.close();
  }

  /** Of the capacity. */
  get usedBytes(): number {
    return this.#store?.usedBytes ?? 0;
  }

  namespaceBytes(namespaceId: Uint8Array): number {
    return this.#store?.namespaceBytes(namespaceId) ?? 0;
  }

  /** Nothing is removed from when this resolves until what it gives is called. */
  async pauseCollection(): Promise<() => void> {
    this.#pauses += 1;
    await this.#collecting;
    return () => {
      this.#pauses -= 1;
    };
  }

  readonly usage = (): BlobUsage => this.#store?.usage() ?? NOTHING;

  /** Never rejects: what could not be collected is the next time. */
  async collect(): Promise<void> {
    if (this.#isCollecting || this.#pauses > 0) return;
    this.#collecting = this.#collect();
    await this.#collecting;
  }

  /** The same at once; null where there are no blobs. Throws `busy` while a backup is made, which has every block that it saw. */
  async collectNow(): Promise<CollectReport | null> {
    if (this.#pauses > 0) {
      throw new CodedError('busy', 'a backup is under way: try again when it has ended');
    }
    const collected = this.#store?.collect() ?? null;
    this.#collecting = Promise.allSettled([this.#collecting, collected]).then(() => undefined);
    return collected;
  }

  async #collect(): Promise<void> {
    if (this.#store === null) return;
    this.#isCollecting = true;
    try {
      await this.#store.collect();
    } catch (error) {
      if (!this.#isClosed) {
        this.#logger.warn({ reason: errorMessage(error) }, 'blobs that nobody needs could not be removed');
      }
    } finally {
      this.#isCollecting = false;
    }
  }
}
