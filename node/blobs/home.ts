import { existsSync } from 'node:fs';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import type { Logger } from '../observability/logger.ts';
import type { BlobStore, BlobUsage } from './interface.ts';
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
  #isCollecting = false;
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

  readonly usage = (): BlobUsage => this.#store?.usage() ?? NOTHING;

  /** Never rejects: what could not be collected is the next time. */
  async collect(): Promise<void> {
    if (this.#isCollecting || this.#store === null) return;
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
