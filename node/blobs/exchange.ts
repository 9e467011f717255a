import { type BlockRef, cidText, digestOf, type GetBlock } from '../../protocols/blobs/index.ts';
import { equalBytes } from '../../protocols/common/bytes.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import {
  type Answers,
  REQUESTS,
  ReplicaError,
  type RequestOf,
  type RequestType,
} from '../../protocols/storage/index.ts';

export interface BlobExchangeComponents {
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly ask: <T extends RequestType>(
    id: string,
    request: RequestOf<T>,
    signal: AbortSignal,
  ) => Promise<Answers[T]>;
  /** A peer gave what is not what was asked for. */
  readonly onLie: (id: string) => void;
}

/** A peer that did not answer so often in a row is not asked again for this blob. */
const FAILURES_MAX = 3;

interface Source {
  readonly id: string;
  failures: number;
  /** Blocks that it had not. */
  absences: number;
  /** It lied: it is not asked again for this blob. */
  isOut: boolean;
}

/** Gets blocks of peers: each from the first that has it, verified. */
export class BlobExchange {
  readonly #components: BlobExchangeComponents;

  constructor(components: BlobExchangeComponents) {
    this.#components = components;
  }

  /**
   * Asks these peers for the blocks of one blob, the likeliest first. There is no total deadline: it fails with
   * `no_source` when no peer sends a block in time (detail.isGone: all have said that they have it not). Peers added to
   * `ids` later are asked as well.
   */
  from(ids: readonly string[]): GetBlock {
    const sources: Source[] = [];
    return (ref, signal) => {
      for (const id of ids.slice(sources.length))
        sources.push({ id, failures: 0, absences: 0, isOut: false });
      return this.#get(ref, sources, signal);
    };
  }

  async #get(ref: BlockRef, sources: readonly Source[], signal: AbortSignal): Promise<Uint8Array> {
    const reasons: string[] = [];
    let isGone = true;
    // who failed least comes first; of those the likeliest: sorting keeps the order
    const misses = ({ failures, absences }: Source): number => failures + absences;
    for (const source of sources.toSorted((a, b) => misses(a) - misses(b))) {
      signal.throwIfAborted();
      if (source.failures >= FAILURES_MAX) isGone &&= source.isOut;
      if (source.isOut || source.failures >= FAILURES_MAX) continue;
      try {
        const bytes = await this.#ask(ref, source, signal);
        source.failures = 0;
        if (bytes !== null) return bytes;
        source.absences += 1;
        reasons.push(`${source.id}: it has it not`);
      } catch (error) {
        signal.throwIfAborted();
        source.failures += 1;
        isGone &&= source.isOut || (error instanceof ReplicaError && error.code === 'corrupt');
        reasons.push(`${source.id}: ${errorMessage(error)}`);
      }
    }
    const why = reasons.length === 0 ? 'nobody is left to ask' : reasons.join('; ');
    throw new CodedError('no_source', `block ${cidText(ref.cid)} is with nobody that was asked (${why})`, {
      isGone,
    });
  }

  async #ask(ref: BlockRef, source: Source, signal: AbortSignal): Promise<Uint8Array | null> {
    const { ask, crypto, onLie } = this.#components;
    const limited = AbortSignal.any([signal, AbortSignal.timeout(REQUESTS.block.timeoutMs)]);
    const { bytes } = await ask<'block'>(
      source.id,
      { type: 'block', cid: ref.cid, isPublic: false },
      limited,
    );
    if (bytes === null || equalBytes(crypto.sha256(bytes), digestOf(ref.cid))) return bytes;
    source.isOut = true;
    onLie(source.id);
    throw new Error('it gave something else');
  }
}
