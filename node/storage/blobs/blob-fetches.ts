import { type BlobLink, cidText } from '../../../protocols/blobs/index.ts';
import type { TimerClock } from '../../../protocols/common/clock.ts';
import { ConcurrencyLimit } from '../../../protocols/common/concurrency-limit.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import type { BlobExchange } from '../../blobs/exchange.ts';
import type { LocalBlobs } from '../../blobs/local-blobs.ts';
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
  /** Peers that may have it, the likeliest first. */
  readonly sources: readonly string[];
  /** The peer on whose behalf it is fetched: concurrent fetches are limited for each. */
  readonly peer: string;
}

interface Fetch {
  /** Those of all who asked for it. */
  readonly sources: string[];
  readonly done: Promise<void>;
}

/** A fetch goes on later. */
const TURN_OVER = new CodedError('overloaded', 'others wait to be fetched');

export interface BlobFetchesComponents {
  readonly blobs: LocalBlobs;
  readonly exchange: BlobExchange;
  readonly clock: TimerClock;
}

/**
 * Fetches blobs into this node's store, a bounded number at a time, in turns; callers who ask for the same blob share
 * one fetch.
 */
export class BlobFetches {
  readonly #components: BlobFetchesComponents;
  readonly #known = new Map<string, Fetch>();
  readonly #limit = new ConcurrencyLimit({
    max: BLOB_FETCHES,
    maxPerKey: BLOB_FETCHES_PER_PEER,
    queueMax: BLOB_FETCHES_WAITING_MAX,
    queueMaxPerKey: BLOB_FETCHES_WAITING_PER_PEER,
  });
  #abort = new AbortController();

  constructor(components: BlobFetchesComponents) {
    this.#components = components;
  }

  start(): void {
    this.#abort = new AbortController();
  }

  stop(): void {
    this.#abort.abort(new CodedError('not_running', 'this node is stopping'));
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
      return known.done;
    }
    const sources = request.sources.slice(0, BLOB_SOURCES_MAX);
    const done = this.#run(request, sources).finally(() => this.#known.delete(key));
    this.#known.set(key, { sources, done });
    return done;
  }

  /** Fetches the blob in as many turns as needed. */
  async #run(request: FetchRequest, sources: readonly string[]): Promise<void> {
    const { peer } = request;
    const { signal } = this.#abort;
    let gaveWay = false;
    for (let isDone = false; !isDone; gaveWay = true) {
      const release = await this.#limit.acquire(peer, { signal, gaveWay });
      const turn = new AbortController();
      const timer = this.#components.clock.setInterval(() => {
        if (this.#limit.isContended(peer)) turn.abort(TURN_OVER);
      }, BLOB_FETCH_TURN_MS);
      try {
        await this.#fetch(request, sources, AbortSignal.any([signal, turn.signal]));
        isDone = true;
      } catch (error) {
        if (!turn.signal.aborted || signal.aborted) throw error;
      } finally {
        timer.cancel();
        release();
      }
    }
  }

  async #fetch(
    { link, namespaceId }: FetchRequest,
    sources: readonly string[],
    ending: AbortSignal,
  ): Promise<void> {
    const { blobs, clock, exchange } = this.#components;
    const stall = new AbortController();
    const giveUp = (): void => {
      stall.abort(new CodedError('no_source', `nothing came of blob ${cidText(link.cid)} for too long`));
    };
    let timer = clock.setTimeout(giveUp, BLOB_STALL_MS);
    try {
      await blobs.store().fetch(link, {
        namespaceId,
        getBlock: exchange.from(sources),
        isHashed: true,
        signal: AbortSignal.any([ending, stall.signal]),
        onProgress: () => {
          timer.cancel();
          timer = clock.setTimeout(giveUp, BLOB_STALL_MS);
        },
      });
    } finally {
      timer.cancel();
    }
  }
}
