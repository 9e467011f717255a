import { ConcurrencyLimit } from '../../../protocols/common/concurrency-limit.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import {
  type Answers,
  type BlobProgress,
  ReplicaError,
  type RequestOf,
  type StorageRequest,
} from '../../../protocols/storage/index.ts';
import type { BlobStore } from '../../blobs/interface.ts';
import type { LocalBlobs } from '../../blobs/local-blobs.ts';
import { ANSWERING_MAX, BLOCKS_GIVEN_AT_ONCE } from '../api/limits.ts';

/** Requests to any node that has blobs: a replica, or a node that holds them until their replicas have them. */
export type BlobQuestion = RequestOf<'has'> | RequestOf<'block'> | RequestOf<'blob'>;

export function isBlobQuestion(request: StorageRequest): request is BlobQuestion {
  return request.type === 'has' || request.type === 'block' || request.type === 'blob';
}

export interface BlobRequestHandlerComponents {
  readonly blobs: Pick<LocalBlobs, 'opened'>;
  /** Whether anyone may have a block. */
  readonly isPublic: (cid: Uint8Array) => boolean;
}

/** Sends peers the blocks of this node, a bounded number at a time: a request is small, but its answer takes memory. */
export class BlobRequestHandler {
  readonly #components: BlobRequestHandlerComponents;
  readonly #reads = new ConcurrencyLimit({ max: BLOCKS_GIVEN_AT_ONCE, queueMax: ANSWERING_MAX });

  constructor(components: BlobRequestHandlerComponents) {
    this.#components = components;
  }

  /** Throws `ReplicaError` `corrupt`, or the store's errors. */
  async answer(request: BlobQuestion): Promise<Answers[BlobQuestion['type']]> {
    const { blobs, isPublic } = this.#components;
    const { opened } = blobs;
    switch (request.type) {
      case 'has':
        return { has: opened?.has(request.cids) ?? request.cids.map(() => false) };
      case 'blob':
        return progressOf(opened, request.cid);
      default:
        if (request.isPublic && !isPublic(request.cid)) return { bytes: null };
        return { bytes: opened === null ? null : await this.#read(opened, request.cid) };
    }
  }

  async #read(blobs: BlobStore, cid: Uint8Array): Promise<Uint8Array | null> {
    const release = this.#reads.tryAcquire() ?? (await this.#reads.acquire());
    try {
      return await blockOf(blobs, cid);
    } finally {
      release();
    }
  }
}

export function progressOf(blobs: Pick<BlobStore, 'stat'> | null, cid: Uint8Array): BlobProgress {
  const { blocks = 0, isComplete = false } = blobs?.stat(cid) ?? {};
  return { blocks, isWhole: isComplete };
}

async function blockOf(blobs: Pick<BlobStore, 'block'>, cid: Uint8Array): Promise<Uint8Array | null> {
  try {
    return await blobs.block(cid);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    if (error.code === 'not_found') return null;
    if (error.code === 'corrupt') throw new ReplicaError('corrupt', 'the block on this disk does not read');
    throw error;
  }
}
