import { type BlobLink, blockCountOf, PROFILE, rootOf } from '../../../protocols/blobs/index.ts';
import { sleep, type TimerClock } from '../../../protocols/common/clock.ts';
import { CodedError, errorMessage } from '../../../protocols/common/errors.ts';
import {
  type Answers,
  type PartitionId,
  REQUESTS,
  ReplicaError,
  type SignedRecord,
} from '../../../protocols/storage/index.ts';
import type { Durability } from '../api/interface.ts';
import { BLOB_STALL_MS, PREFETCH_GRACE_MS, PREFETCH_RETRY_MS } from '../api/limits.ts';
import type { ReplicaPlacement } from '../placement/replica-placement.ts';
import type { RequestPeer } from '../rpc/request-peer.ts';
import { NEEDED, refusedForGood } from './writer.ts';

export interface BlobReplicatorComponents {
  readonly places: ReplicaPlacement;
  readonly clock: TimerClock;
  readonly ask: RequestPeer;
}

export interface SpreadRequest {
  /** The blob to replicate. */
  readonly link: BlobLink;
  readonly partition: PartitionId;
  readonly durability: Durability;
  /** A record that links the blob, of now: replicas take it for the right to have them fetch it. */
  readonly sign: () => Promise<SignedRecord>;
  readonly signal: AbortSignal;
}

/** Brings blobs to the replicas of the record that is to refer to them. */
export class BlobReplicator {
  readonly #components: BlobReplicatorComponents;

  constructor(components: BlobReplicatorComponents) {
    this.#components = components;
  }

  /**
   * Resolves when as many replicas have the blob as the write needs, and the others have had a moment. There is no
   * total deadline, only an idle timeout. Throws `insufficient_replicas`, `over_quota`, `no_room`, `forbidden`.
   */
  async spread(request: SpreadRequest): Promise<void> {
    const spread = new Spread(this.#components, request);
    await spread.run();
  }
}

/** One blob on its way to the replicas. */
class Spread {
  readonly #components: BlobReplicatorComponents;
  readonly #request: SpreadRequest;
  readonly #ended = new AbortController();
  readonly #whole = new Set<string>();
  /** Why a replica did not take it, as it said last. */
  readonly #errors = new Map<string, unknown>();
  readonly #followed = new Set<string>();
  /** Nobody can have more of it. */
  readonly #blocksMax: number;
  #progressAt: number;
  #wake = Promise.withResolvers<void>();

  constructor(components: BlobReplicatorComponents, request: SpreadRequest) {
    this.#components = components;
    this.#request = request;
    this.#progressAt = this.#now;
    this.#blocksMax = blockCountOf(rootOf(request.link), PROFILE);
  }

  async run(): Promise<void> {
    const began = this.#now;
    try {
      while (!this.#isEnough) {
        this.#request.signal.throwIfAborted();
        this.#throwRefused();
        if (this.#now - this.#progressAt > BLOB_STALL_MS) throw this.#tooFew();
        this.#followAll();
        await this.#change(PREFETCH_RETRY_MS);
      }
      await this.#others(Math.min(PREFETCH_GRACE_MS, this.#now - began));
    } finally {
      this.#ended.abort(new Error('the blob is where it is to be, or will not be'));
    }
  }

  get #now(): number {
    return this.#components.clock.monotonicNow();
  }

  get #replicaSet(): string[] {
    return this.#components.places.of(this.#request.partition).replicas.map(({ id }) => id);
  }

  get #needed(): number {
    return NEEDED[this.#request.durability](Math.max(1, this.#replicaSet.length));
  }

  get #isEnough(): boolean {
    return this.#replicaSet.filter((id) => this.#whole.has(id)).length >= this.#needed;
  }

  /** Replicas that are about as fast as the others need not make up for it later. */
  async #others(ms: number): Promise<void> {
    const until = this.#now + ms;
    while (this.#now < until && !this.#replicaSet.every((id) => this.#isSettled(id))) {
      await this.#change(Math.max(1, until - this.#now));
    }
  }

  #isSettled(id: string): boolean {
    return this.#whole.has(id) || this.#errors.has(id);
  }

  #followAll(): void {
    for (const id of this.#replicaSet) {
      if (this.#followed.has(id)) continue;
      this.#followed.add(id);
      void this.#follow(id);
    }
  }

  /** Asks one replica again and again how far it is. Never throws. */
  async #follow(id: string): Promise<void> {
    const { signal } = this.#ended;
    let blocks = 0;
    while (!signal.aborted && !this.#whole.has(id)) {
      const askedAt = this.#now;
      try {
        const progress = await this.#ask(id);
        this.#errors.delete(id);
        if (progress.isWhole) this.#whole.add(id);
        const more = Math.min(progress.blocks, this.#blocksMax);
        if (progress.isWhole || more > blocks) this.#progressAt = this.#now;
        blocks = Math.max(blocks, more);
      } catch (error) {
        this.#errors.set(id, error);
      }
      this.#wake.resolve();
      const early = askedAt + PREFETCH_RETRY_MS - this.#now;
      // one that says at once that it is not done is asked no more often than one that refuses
      if (early > 0 && !this.#whole.has(id)) await this.#pause(early, signal);
    }
  }

  async #ask(id: string): Promise<Answers['prefetch']> {
    const { bytes: record } = await this.#request.sign();
    const limit = this.#components.clock.timeoutSignal(REQUESTS.prefetch.timeoutMs);
    const signal = AbortSignal.any([limit, this.#ended.signal]);
    return this.#components.ask<'prefetch'>(id, { type: 'prefetch', record }, signal);
  }

  /** Resolves when a replica has said something, or after `ms`. */
  async #change(ms: number): Promise<void> {
    const left = new AbortController();
    await Promise.race([this.#wake.promise, this.#pause(ms, left.signal)]);
    left.abort();
    this.#wake = Promise.withResolvers<void>();
  }

  /** Resolves after `ms`, or when `signal` aborts. */
  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return sleep(this.#components.clock, ms, signal).catch(() => undefined);
  }

  /** Throws when too many replicas refuse for good to leave enough. */
  #throwRefused(): void {
    const codes = this.#replicaSet.flatMap((id) => {
      const error = this.#errors.get(id);
      return error instanceof ReplicaError ? [error.code] : [];
    });
    const refusal = refusedForGood(codes, this.#replicaSet.length, this.#needed);
    if (refusal !== null) throw refusal;
  }

  #tooFew(): CodedError {
    const replicaSet = this.#replicaSet;
    const count = replicaSet.filter((id) => this.#whole.has(id)).length;
    const reasons = [...this.#errors.values()].map(errorMessage).slice(0, 3).join('; ');
    const message = `${count} of ${replicaSet.length} replicas have the bytes, ${this.#needed} are needed: nothing is stored; try again`;
    const detail = { acknowledged: count, needed: this.#needed, replicas: replicaSet.length };
    return new CodedError(
      'insufficient_replicas',
      reasons === '' ? message : `${message} (${reasons})`,
      detail,
    );
  }
}
