import { type BlobLink, type BlockRef, cidText, digestOf } from '../../protocols/blobs/index.ts';
import { equalBytes } from '../../protocols/common/bytes.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import { type Answers, REQUESTS, type RequestOf, type RequestType } from '../../protocols/storage/index.ts';
import type { BlobStore, FetchOptions } from './interface.ts';

export interface BlobExchangeComponents {
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly store: () => BlobStore;
  readonly ask: <T extends RequestType>(
    id: string,
    request: RequestOf<T>,
    signal: AbortSignal,
  ) => Promise<Answers[T]>;
  /** A peer gave what is not what was asked for. */
  readonly onLie: (id: string) => void;
}

export interface FetchFromOptions extends Pick<FetchOptions, 'namespaceId' | 'signal' | 'onProgress'> {
  /** Peers that may have it, the likeliest first. */
  readonly sources: readonly string[];
}

/** A peer that did not answer so often in a row is not asked again for this blob. */
const FAILURES_MAX = 3;

interface Source {
  readonly id: string;
  failures: number;
  /** It lied: it is not asked again for this blob. */
  isOut: boolean;
}

/**
 * Gets blobs from peers: each block from the first peer that has it, verified, a few under way at a time. There is no time for the whole: it
 * fails when there is a block that nobody gives in time.
 */
export class BlobExchange {
  readonly #components: BlobExchangeComponents;

  constructor(components: BlobExchangeComponents) {
    this.#components = components;
  }

  /** Throws `no_source` where a block is with nobody, and what the store does. What came stays for the next attempt. */
  fetch(link: BlobLink, { sources: ids, ...options }: FetchFromOptions): Promise<void> {
    const sources = ids.map((id): Source => ({ id, failures: 0, isOut: false }));
    return this.#components.store().fetch(link, {
      ...options,
      isHashed: true,
      getBlock: (ref, signal) => this.#get(ref, sources, signal),
    });
  }

  async #get(ref: BlockRef, sources: readonly Source[], signal: AbortSignal): Promise<Uint8Array> {
    const reasons: string[] = [];
    // who failed least comes first; of those the likeliest: sorting keeps the order
    for (const source of sources.toSorted((a, b) => a.failures - b.failures)) {
      signal.throwIfAborted();
      if (source.isOut || source.failures >= FAILURES_MAX) continue;
      try {
        const bytes = await this.#ask(ref, source, signal);
        source.failures = 0;
        return bytes;
      } catch (error) {
        signal.throwIfAborted();
        source.failures += 1;
        reasons.push(`${source.id}: ${errorMessage(error)}`);
      }
    }
    const why = reasons.length === 0 ? 'nobody is left to ask' : reasons.join('; ');
    throw new CodedError('no_source', `block ${cidText(ref.cid)} is with nobody that was asked (${why})`);
  }

  async #ask(ref: BlockRef, source: Source, signal: AbortSignal): Promise<Uint8Array> {
    const { ask, crypto, onLie } = this.#components;
    const limited = AbortSignal.any([signal, AbortSignal.timeout(REQUESTS.block.timeoutMs)]);
    const { bytes } = await ask<'block'>(source.id, { type: 'block', cid: ref.cid }, limited);
    if (bytes === null) throw new Error('it has it not');
    if (equalBytes(crypto.sha256(bytes), digestOf(ref.cid))) return bytes;
    source.isOut = true;
    onLie(source.id);
    throw new Error('it gave something else');
  }
}
