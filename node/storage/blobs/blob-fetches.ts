import { type BlobLink, cidText } from '../../../protocols/blobs/index.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import type { BlobExchange } from '../../blobs/exchange.ts';
import type { BlobHome } from '../../blobs/local-blobs.ts';
import {
  BLOB_FETCH_TURN_MS,
  BLOB_FETCHES,
  BLOB_FETCHES_PER_PEER,
  BLOB_FETCHES_WAITING_MAX,
  BLOB_FETCHES_WAITING_PER_PEER,
  BLOB_SOURCES_MAX,
  BLOB_STALL_MS,
} from '../api/limits.ts';

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
  /** Those of all who asked for it. */
  readonly sources: string[];
  readonly done: PromiseWithResolvers<void>;
}

/** A fetch goes on later. */
const TURN_OVER = new CodedError('overloaded', 'others wait to be fetched');

/**
 * Fetches blobs into this node's store, some at a time, in turns while there are more; who asks for one that is on its way waits for
 * the same.
 */
export class BlobFetches {
  readonly #components: { readonly blobs: BlobHome; readonly exchange: BlobExchange };
  readonly #turnMs: number;
  readonly #known = new Map<string, Fetch>();
  readonly #running = new Map<string, number>();
  #waiting: Fetch[] = [];
  #count = 0;
  #abort = new AbortController();

  constructor(
    components: { readonly blobs: BlobHome; readonly exchange: BlobExchange },
    init: { readonly turnMs?: number } = {},
  ) {
    this.#components = components;
    this.#turnMs = init.turnMs ?? BLOB_FETCH_TURN_MS;
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
    if (known !== undefined) {
      // who asked first may have it no more, or never had it
      const others = request.sources.filter((id) => !known.sources.includes(id));
      known.sources.push(...others.slice(0, BLOB_SOURCES_MAX - known.sources.length));
      return known.done.promise;
    }
    const ofPeer = this.#waiting.filter(({ peer }) => peer === request.peer).length;
    if (this.#known.size >= BLOB_FETCHES_WAITING_MAX || ofPeer >= BLOB_FETCHES_WAITING_PER_PEER) {
      throw new CodedError('overloaded', 'too many blobs wait to be fetched');
    }
    const sources = request.sources.slice(0, BLOB_SOURCES_MAX);
    const fetch: Fetch = { ...request, sources, key, done: Promise.withResolvers<void>() };
    this.#known.set(key, fetch);
    this.#waiting.push(fetch);
    this.#runNext();
    return fetch.done.promise;
  }

  #runNext(): void {
    while (this.#count < BLOB_FETCHES) {
      const next = this.#next();
      if (next === null) return;
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      void this.#run(next);
    }
  }

  /** Of those that wait, the first of a peer that has the fewest running; null where none may run beside what does. */
  #next(): Fetch | null {
    let least = BLOB_FETCHES_PER_PEER;
    let found: Fetch | null = null;
    for (const fetch of this.#waiting) {
      const running = this.#running.get(fetch.peer) ?? 0;
      if (running >= least) continue;
      least = running;
      found = fetch;
    }
    return found;
  }

  async #run(fetch: Fetch): Promise<void> {
    const { key, peer, done } = fetch;
    const turn = new AbortController();
    this.#count += 1;
    this.#running.set(peer, (this.#running.get(peer) ?? 0) + 1);
    // whatever waits could run in its place
    const timer = setInterval(() => {
      if (this.#waiting.some((one) => one.peer === peer) || this.#next() !== null) turn.abort(TURN_OVER);
    }, this.#turnMs);
    try {
      await this.#fetch(fetch, turn.signal);
      this.#known.delete(key);
      done.resolve();
    } catch (error) {
      if (turn.signal.aborted && !this.#abort.signal.aborted) this.#waiting.push(fetch);
      else {
        this.#known.delete(key);
        done.reject(error);
      }
    } finally {
      clearInterval(timer);
      this.#count -= 1;
      const left = (this.#running.get(peer) ?? 1) - 1;
      if (left === 0) this.#running.delete(peer);
      else this.#running.set(peer, left);
      this.#runNext();
    }
  }

  async #fetch({ link, namespaceId, sources }: Fetch, turn: AbortSignal): Promise<void> {
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
        signal: AbortSignal.any([this.#abort.signal, stall.signal, turn]),
        onProgress: () => timer.refresh(),
      });
    } finally {
      clearTimeout(timer);
    }
  }
}
