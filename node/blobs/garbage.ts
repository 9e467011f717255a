import { errorMessage } from '../../protocols/common/errors.ts';
import type { Logger } from '../observability/logger.ts';
import type { Collections } from './collections.ts';
import { type CollectorComponents, collectUnused } from './collector.ts';
import { isRefusedForGood } from './errors.ts';
import type { CollectReach, CollectReport } from './interface.ts';

export interface GarbageComponents extends Omit<CollectorComponents, 'isKept'> {
  readonly collections: Collections;
  readonly logger: Logger;
}

export interface GarbageInit {
  readonly graceMs: number;
  readonly uploadLifeMs: number;
  /** Files of before it may be unknown to the catalogue because that is new. */
  readonly openedAt: number;
}

export const NOTHING_COLLECTED: CollectReport = { blobs: 0, blocks: 0, bytes: 0, uploads: 0 };

/** Frees the room of what nothing needs: now and then, when an upload was refused or given up, and when room is short. */
export class Garbage {
  readonly #components: GarbageComponents;
  readonly #init: GarbageInit;
  /** Blobs on their way through this node, and how often. */
  readonly #retained = new Map<string, number>();
  /** The collection that has not begun yet. */
  #next: Promise<void> | null = null;

  constructor(components: GarbageComponents, init: GarbageInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Does nothing while a backup runs. */
  async collect(reach: CollectReach): Promise<CollectReport> {
    const work = (): Promise<CollectReport> => this.#collect(reach);
    return (await this.#components.collections.run(work)) ?? NOTHING_COLLECTED;
  }

  /** Keeps a blob until what it gives is called; then one that nothing refers to goes. */
  retain(cid: Uint8Array): () => Promise<void> {
    const key = keyOf(cid);
    this.#retained.set(key, (this.#retained.get(key) ?? 0) + 1);
    return async () => {
      const left = (this.#retained.get(key) ?? 1) - 1;
      if (left > 0) this.#retained.set(key, left);
      else this.#retained.delete(key);
      await this.dismiss(cid);
    };
  }

  /** A blob that nothing refers to, and that is on its way nowhere, goes now; `isRefused`: also one that is not whole. */
  async dismiss(cid: Uint8Array, how: { readonly isRefused?: boolean } = {}): Promise<void> {
    const { catalogue, signal } = this.#components;
    if (signal.aborted || this.#retained.has(keyOf(cid))) return;
    catalogue.dismiss(cid, how);
    await this.collectEnded();
  }

  /** Calls that come before it begins wait for the same one. Never rejects: what is not removed now is removed the next time. */
  collectEnded(): Promise<void> {
    this.#next ??= this.#collectNext();
    return this.#next;
  }

  /** Retries once when there is no space, after released blocks are removed. */
  readonly withRoom = async <T>(take: () => T): Promise<T> => {
    try {
      return take();
    } catch (error) {
      if (!isRefusedForGood(error)) throw error;
      await this.collect('released');
      return take();
    }
  };

  #collect(reach: CollectReach): Promise<CollectReport> {
    const isKept = (cid: Uint8Array): boolean => this.#retained.has(keyOf(cid));
    return collectUnused({ ...this.#components, isKept }, { ...this.#init, reach });
  }

  async #collectNext(): Promise<void> {
    const { collections, logger, signal } = this.#components;
    try {
      const report = await collections.run(async () => {
        this.#next = null;
        return this.#collect('ended');
      });
      // it did not begin
      if (report === null) this.#next = null;
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ reason: errorMessage(error) }, 'the room of an upload that ended was not freed');
    }
  }
}

function keyOf(cid: Uint8Array): string {
  return Buffer.from(cid).toString('latin1');
}
