import { digestOf } from '../../protocols/blobs/index.ts';
import { equalBytes } from '../../protocols/common/bytes.ts';
import { ConcurrencyLimit } from '../../protocols/common/concurrency-limit.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import type { PublicBlocks } from '../storage/blobs/public-blocks.ts';
import type { StoragePeers } from '../storage/placement/storage-peers.ts';
import type { PublicBlobs, PublicDag } from './interface.ts';
import { ASKED_AT_ONCE, ASKED_MAX, BLOCK_TIMEOUT_MS, FIND_TIMEOUT_MS, FINDS_AT_ONCE } from './limits.ts';
import type { IpfsMetrics } from './metrics.ts';

export interface FinderComponents {
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly metrics: IpfsMetrics;
  /** Blocks kept here; null at a node that keeps none. */
  readonly own: () => Pick<PublicBlocks, 'block'> | null;
  readonly others: Pick<StoragePeers, 'ids' | 'isConnected' | 'ask'>;
  /** Nodes that announced that they have it. */
  readonly announcersOf: (cid: Uint8Array, signal: AbortSignal) => AsyncIterable<string>;
}

export interface FinderInit {
  /** Up to so many other nodes all are asked; where there are more, those that announced it are. */
  readonly askAllMax: number;
}

/**
 * Finds blocks of public blobs: here, or at nodes that are asked for them with "only if it is public". The finder checks each
 * block against its CID. Only members are asked, whoever else is announced.
 */
export class Finder implements PublicBlobs {
  readonly #components: FinderComponents;
  readonly #init: FinderInit;
  readonly #finding = new ConcurrencyLimit({ max: FINDS_AT_ONCE });

  constructor(components: FinderComponents, init: FinderInit) {
    this.#components = components;
    this.#init = init;
  }

  async find(cid: Uint8Array, signal: AbortSignal): Promise<PublicDag | null> {
    const own = await this.#components.own()?.block(cid);
    if (own instanceof Uint8Array) return this.#dag(cid, own, []);
    const release = this.#finding.tryAcquire();
    if (release === null) throw new CodedError('overloaded', 'too many searches for blobs are under way');
    try {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(FIND_TIMEOUT_MS)]);
      const found = await this.#ask(cid, limited);
      if (found === null) this.#components.metrics.notFound += 1;
      return found;
    } finally {
      release();
    }
  }

  /** Several are asked side by side; the first good answer counts. */
  async #ask(cid: Uint8Array, signal: AbortSignal): Promise<PublicDag | null> {
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    const sources = this.#sources(cid, either);
    let found: PublicDag | null = null;
    const askOn = async (): Promise<void> => {
      while (found === null) {
        const next = await sources.next();
        if (next.done === true) return;
        const bytes = await this.#get(next.value, cid, either);
        if (bytes !== null) found ??= this.#dag(cid, bytes, [next.value]);
      }
      ended.abort(new Error('it was found'));
    };
    try {
      await Promise.all(Array.from({ length: ASKED_AT_ONCE }, askOn));
    } catch (error) {
      // a search that ends too early has found nothing
      if (!either.aborted) throw error;
    } finally {
      ended.abort(new Error('the search ended'));
    }
    return found;
  }

  /** Peers to ask, the likeliest first. */
  async *#sources(cid: Uint8Array, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    const { others, announcersOf } = this.#components;
    const { ids } = others;
    if (ids.length <= this.#init.askAllMax) {
      yield* ids.filter((id) => others.isConnected(id));
      yield* ids.filter((id) => !others.isConnected(id));
      return;
    }
    const members = new Set(ids);
    let count = 0;
    for await (const id of announcersOf(cid, signal)) {
      if (count >= ASKED_MAX) return;
      if (!members.delete(id)) continue;
      count += 1;
      yield id;
    }
  }

  /** Null where it does not give it. */
  async #get(id: string, cid: Uint8Array, signal: AbortSignal): Promise<Uint8Array | null> {
    const { others, crypto, metrics } = this.#components;
    try {
      const { bytes } = await others.ask<'block'>(id, { type: 'block', cid, isPublic: true }, signal);
      if (bytes === null) return null;
      if (!equalBytes(crypto.sha256(bytes), digestOf(cid))) {
        metrics.lies += 1;
        return null;
      }
      metrics.blocksFetched += 1;
      return bytes;
    } catch {
      // it is not there, is slow or refuses: the next one may have it
      return null;
    }
  }

  #dag(cid: Uint8Array, bytes: Uint8Array, sources: readonly string[]): PublicDag {
    let from = sources;
    const block = async (one: Uint8Array, signal: AbortSignal): Promise<Uint8Array> => {
      const own = await this.#components.own()?.block(one);
      if (own instanceof Uint8Array) return own;
      for (const id of from) {
        const limited = AbortSignal.any([signal, AbortSignal.timeout(BLOCK_TIMEOUT_MS)]);
        const got = await this.#get(id, one, limited);
        if (got !== null) return got;
        signal.throwIfAborted();
      }
      // whoever had the first one may be gone: somebody else has the rest
      const limited = AbortSignal.any([signal, AbortSignal.timeout(FIND_TIMEOUT_MS)]);
      for await (const id of this.#sources(cid, limited)) {
        if (from.includes(id)) continue;
        const got = await this.#get(id, one, limited);
        if (got === null) continue;
        from = [id];
        return got;
      }
      signal.throwIfAborted();
      throw new CodedError('blob_unavailable', 'a block of the blob is with nobody that was asked');
    };
    return { cid, bytes, block };
  }
}
