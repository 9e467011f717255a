import { type BlobLink, cidText } from '../../protocols/blobs/index.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import type { BlobExchange } from '../blobs/exchange.ts';
import type { BlobHome } from '../blobs/home.ts';
import { BLOB_FETCHES, BLOB_FETCHES_PER_PEER, BLOB_FETCHES_WAITING_MAX, BLOB_STALL_MS } from './limits.ts';

export interface FetchRequest {
  readonly link: BlobLink;
  /** 32 bytes. */
  readonly namespaceId: Uint8Array;
  /** Who may have it, the likeliest first. */
  readonly sources: readonly string[];
  /** On whose behalf: it has so many at a time. */
  readonly peer: string;
}

interface Fetch extends FetchRequest {
  readonly key: string;
  readonly done: PromiseWithResolvers<void>;
}

/** Fetches blobs into this node's store, some at a time; who asks for one that is on its way waits for the same. */
export class BlobFetches {
  readonly #components: { readonly blobs: BlobHome; readonly exchange: BlobExchange };
  readonly #known = new Map<string, Fetch>();
  readonly #running = new Map<string, number>();
  #waiting: Fetch[] = [];
  #count = 0;
  #abort = new AbortController();

  constructor(components: { readonly blobs: BlobHome; readonly exchange: BlobExchange }) {
    this.#components = components;
  }

  start(): void {
    this.#abort = new AbortController();
  }

  stop(): void {
    const stopped = new CodedError('not_running', 'this node is stopping');
    this.#abort.abort(stopped);
    for (const { key, done } of this.#waiting) {
      this.#known.delete(key);
      done.reject(stopped);
    }
    this.#waiting = [];
  }

  /** Resolves when all of it is here. Throws `overloaded`, `no_source`, and what the store does. */
  async fetch(request: FetchRequest): Promise<void> {
    const { link } = request;
    const there = this.#components.blobs.opened?.stat(link.cid) ?? null;
    if (there?.isComplete === true && there.size === link.size) return;
    // a link may lie about the size: two that differ are not the same
    const key = `${cidText(link.cid)} ${link.size}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known.done.promise;
    if (this.#known.size >= BLOB_FETCHES_WAITING_MAX) {
      throw new CodedError('overloaded', 'too many blobs wait to be fetched');
    }
    const fetch: Fetch = { ...request, key, done: Promise.withResolvers<void>() };
    this.#known.set(key, fetch);
    this.#waiting.push(fetch);
    this.#runNext();
    return fetch.done.promise;
  }

  #runNext(): void {
    while (this.#count < BLOB_FETCHES) {
      const index = this.#waiting.findIndex(({ peer }) => {
        return (this.#running.get(peer) ?? 0) < BLOB_FETCHES_PER_PEER;
      });
      const [next] = index < 0 ? [] : this.#waiting.splice(index, 1);
      if (next === undefined) return;
      void this.#run(next);
    }
  }

  async #run(fetch: Fetch): Promise<void> {
    const { key, peer, done } = fetch;
    this.#count += 1;
    this.#running.set(peer, (this.#running.get(peer) ?? 0) + 1);
    try {
      await this.#fetch(fetch);
      done.resolve();
    } catch (error) {
      done.reject(error);
    } finally {
      this.#known.delete(key);
      this.#count -= 1;
      const left = (this.#running.get(peer) ?? 1) - 1;
      if (left === 0) this.#running.delete(peer);
      else this.#running.set(peer, left);
      this.#runNext();
    }
  }

  async #fetch({ link, namespaceId, sources }: FetchRequest): Promise<void> {
    const { blobs, exchange } = this.#components;
    const stall = new AbortController();
    const timer = setTimeout(() => {
      stall.abort(new CodedError('no_source', `nothing came of blob ${cidText(link.cid)} for too long`));
    }, BLOB_STALL_MS);
    try {
      await blobs.store().fetch(link, {
        namespaceId,
        getBlock: exchange.from(sources),
        isHashed: true,
        signal: AbortSignal.any([this.#abort.signal, stall.signal]),
        onProgress: () => timer.refresh(),
      });
    } finally {
      clearTimeout(timer);
    }
  }
}
