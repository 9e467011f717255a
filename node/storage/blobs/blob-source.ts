import {
  type BlobLink,
  BlobReader,
  type ByteRange,
  createBlobMetrics,
  type GetBlock,
} from '../../../protocols/blobs/index.ts';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import type { PartitionId } from '../../../protocols/storage/index.ts';
import type { BlobExchange } from '../../blobs/exchange.ts';
import type { LocalBlobs } from '../../blobs/local-blobs.ts';
import type { ReplicaPlacement } from '../placement/replica-placement.ts';

export interface BlobSourceComponents {
  readonly blobs: Pick<LocalBlobs, 'opened'>;
  readonly exchange: BlobExchange;
  readonly places: ReplicaPlacement;
  readonly crypto: Crypto;
}

/** Reads blobs: each block from this node's disk, or of a replica that has it. */
export class BlobSource {
  readonly #components: BlobSourceComponents;
  readonly #self: string;
  readonly #metrics = createBlobMetrics();

  constructor(components: BlobSourceComponents, init: { readonly self: string }) {
    this.#components = components;
    this.#self = init.self;
  }

  /** The bytes of a range, verified; a few blocks are in memory. Throws `blob_unavailable`, `blob_range`. */
  async *read(
    link: BlobLink,
    partition: PartitionId,
    range: ByteRange,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { crypto } = this.#components;
    const getBlock = this.#blocksOf(partition);
    const reader = new BlobReader({ crypto, metrics: this.#metrics, getBlock }, { isHashed: true });
    try {
      yield* reader.read(link, range, signal);
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'no_source') throw error;
      const message = `a part of the value is with no node that can be asked now: try again (${error.message})`;
      throw new CodedError('blob_unavailable', message, undefined, { cause: error });
    }
  }

  #blocksOf(partition: PartitionId): GetBlock {
    const { exchange, places } = this.#components;
    const place = places.of(partition);
    const holders = [...place.replicas, ...places.fallbacks(place)].filter(({ id }) => id !== this.#self);
    // sorting keeps the order: the closest of those that are there comes first
    const likely = holders.toSorted((a, b) => Number(b.isLive) - Number(a.isLive));
    const remote = exchange.from(likely.map(({ id }) => id));
    return async (ref, signal) => (await this.#own(ref.cid)) ?? remote(ref, signal);
  }

  /**
   * A block on this disk; null when it is missing or unreadable. An unreadable block is noted, and replicas have it.
   */
  async #own(cid: Uint8Array): Promise<Uint8Array | null> {
    const { opened } = this.#components.blobs;
    if (opened === null || opened.has([cid])[0] !== true) return null;
    try {
      return await opened.block(cid);
    } catch (error) {
      if (error instanceof CodedError && (error.code === 'corrupt' || error.code === 'not_found'))
        return null;
      throw error;
    }
  }
}
