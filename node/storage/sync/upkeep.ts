import { bytesKey, equalBytes } from '../../../protocols/common/bytes.ts';
import { CLOCK_SKEW_MS, type TimerClock } from '../../../protocols/common/clock.ts';
import { errorMessage } from '../../../protocols/common/errors.ts';
import { RepeatingTask } from '../../../protocols/common/repeating-task.ts';
import {
  type Answers,
  type PartitionId,
  REQUESTS,
  TOMBSTONE_LIFE_MS,
} from '../../../protocols/storage/index.ts';
import type { Logger } from '../../observability/logger.ts';
import type { StorageServiceMetrics } from '../api/counters.ts';
import type { NamespaceRef } from '../api/interface.ts';
import { ATTEMPT_TIMEOUT_MS, REVIEW_MS, SWEEP_MS, SWEEP_ROWS, UPKEEP_TICK_MS } from '../api/limits.ts';
import { NO_SHARES } from '../api/nothing-kept.ts';
import type { PartitionStates } from '../placement/partition-states.ts';
import { majorityOf, type ReplicaPlacement, type ReplicaSet } from '../placement/replica-placement.ts';
import type { RequestPeer } from '../rpc/request-peer.ts';
import { UNSPONSORED_LIFE_MS } from '../store/constants.ts';
import type { PartitionSummary, RecordStore } from '../store/interface.ts';
import type { Copier } from './copier.ts';
import type { Joiner } from './joiner.ts';
import type { Sync } from './sync.ts';

export interface UpkeepComponents {
  readonly store: RecordStore;
  readonly places: ReplicaPlacement;
  readonly states: PartitionStates;
  readonly sync: Sync;
  readonly copier: Pick<Copier, 'covers'>;
  readonly joiner: Pick<Joiner, 'isShare'>;
  /** Whether this node keeps what it is no replica of any more: its own operator's data, while it has room. */
  readonly mayKeep: (namespace: NamespaceRef) => boolean;
  readonly clock: TimerClock;
  readonly metrics: StorageServiceMetrics;
  readonly logger: Logger;
  readonly ask: RequestPeer;
}

export interface UpkeepInit {
  /** Peer id of this node. */
  readonly self: string;
  /** How many replicas are wanted. */
  readonly replicas: number;
}

/** Roles of this node for the partitions it keeps. */
export interface Shares {
  readonly replica: number;
  readonly fallback: number;
  readonly unsynced: number;
  /** Partitions with fewer live replicas than wanted, where this node is a sponsoring replica. */
  readonly underReplicated: number;
  /** Promised to be durable while it was a replica, and kept since no successor has all of it yet. */
  readonly leaving: number;
}

/** Partitions looked at in one tick, and of those at a time. */
const REVIEWED_A_TICK = 64;
const REVIEWED_AT_ONCE = 4;
/** Rows of one sweep in all: the rest is for the next one. */
const SWEEP_ROWS_MAX = 16 * SWEEP_ROWS;

/**
 * Looks after what this node keeps: replicas that lack something are told to take it over, fallback replicas are made for replicas
 * that are gone, what belongs elsewhere is handed over and dropped, what has expired is removed.
 */
export class Upkeep {
  readonly #components: UpkeepComponents;
  readonly #init: UpkeepInit;
  readonly #looking: RepeatingTask;
  #after: PartitionId | null = null;
  #reviewAt = 0;
  #sweepAt = 0;
  #counted: { -readonly [Count in keyof Shares]: number } = { ...NO_SHARES };
  /** From the latest complete review. */
  shares: Shares = NO_SHARES;

  constructor(components: UpkeepComponents, init: UpkeepInit) {
    this.#components = components;
    this.#init = init;
    const { clock, logger } = components;
    this.#looking = new RepeatingTask(
      {
        clock,
        run: () => this.#look(),
        onError: (error) => logger.warn({ reason: errorMessage(error) }, 'upkeep of storage did not work'),
      },
      { intervalMs: UPKEEP_TICK_MS },
    );
  }

  start(): void {
    this.#looking.start();
  }

  stop(): void {
    void this.#looking.stop();
  }

  /** Reviews everything soon, after members or their liveness changed. */
  scheduleNow(): void {
    this.#reviewAt = 0;
  }

  /** One look at what is due. Never rejects. */
  tick(): Promise<void> {
    return this.#looking.runNow();
  }

  async #look(): Promise<void> {
    const now = this.#components.clock.now();
    if (now >= this.#sweepAt) {
      this.#sweepAt = now + SWEEP_MS;
      await this.sweep(now);
    }
    if (this.#after !== null || now >= this.#reviewAt) await this.#review(now);
  }

  /** Removes what has expired by `now`, and tombstones at the end of their life. */
  async sweep(now: number): Promise<void> {
    const { store, metrics } = this.#components;
    metrics.recordsExpired += await inParts((max) => store.expire(now, max));
    const before = now - TOMBSTONE_LIFE_MS;
    metrics.tombstonesCollected += await inParts((max) => store.collectTombstones(before, max));
    // what is older is refused there by its time alone
    const forgotten = now - UNSPONSORED_LIFE_MS - 2 * CLOCK_SKEW_MS;
    await inParts((max) => store.collectFloors(forgotten, max));
  }

  async #review(now: number): Promise<void> {
    if (this.#after === null) {
      this.#reviewAt = now + REVIEW_MS;
      this.#counted = { ...NO_SHARES };
    }
    const { partitions, isEnd } = this.#components.store.partitions({
      after: this.#after,
      limit: REVIEWED_A_TICK,
    });
    this.#claim(partitions);
    for (let i = 0; i < partitions.length; i += REVIEWED_AT_ONCE) {
      const some = partitions.slice(i, i + REVIEWED_AT_ONCE);
      await Promise.all(some.map((one) => this.#reviewOne(one)));
    }
    const last = partitions.at(-1);
    const isDone = isEnd || last === undefined;
    this.#after = isDone ? null : { namespaceId: last.namespaceId, partition: last.partition };
    if (isDone) this.shares = this.#counted;
  }

  #claim(partitions: readonly PartitionSummary[]): void {
    const namespaces = new Map(partitions.map((one) => [bytesKey(one.namespaceId), one]));
    for (const one of namespaces.values()) this.#components.states.claim(one);
  }

  async #reviewOne(summary: PartitionSummary): Promise<void> {
    const { places, states, logger } = this.#components;
    const place = places.of(summary);
    const { isReplica, isSynced } = states.of(summary);
    try {
      if (!isReplica) await this.#reviewForeign(summary, place);
      else {
        this.#counted[isSynced ? 'replica' : 'unsynced'] += 1;
        const live = place.replicas.filter((replica) => replica.isLive).length;
        const isFew = place.isSponsored && live < this.#init.replicas;
        if (isFew && summary.count > 0) this.#counted.underReplicated += 1;
        if (isSynced && summary.count > 0) await this.#reviewOwn(summary, place);
      }
    } catch (error) {
      logger.debug({ reason: errorMessage(error) }, 'a partition could not be looked after');
    }
  }

  /** Replicas and fallbacks that hold anything else take over what they lack, and give what this node lacks. */
  async #reviewOwn(summary: PartitionSummary, place: ReplicaSet): Promise<void> {
    const { places, sync, logger } = this.#components;
    const live = place.replicas.filter(({ id, isLive }) => isLive && id !== this.#init.self);
    const lacking = new Set<string>();
    for (const { id } of live) {
      try {
        const state = await this.#state(id, summary);
        if (this.#isSame(state, summary)) continue;
        if (state.count > 0) await sync.copyFrom(id, summary);
        await this.#handOver(id, summary);
      } catch (error) {
        // one that has no room stays a replica: somebody else holds its share meanwhile
        lacking.add(id);
        logger.debug({ peer: id, reason: errorMessage(error) }, 'a replica did not take over what it lacks');
      }
    }
    // the closest of the live replicas does it
    if (place.replicas.find(({ isLive }) => isLive)?.id !== this.#init.self) return;
    for (const { id } of places.fallbacks(place, lacking)) {
      const state = await this.#state(id, summary);
      if (!this.#isSame(state, summary)) await this.#handOver(id, summary);
    }
  }

  /** Whether another holds what this node holds now, which may be more than when the review began. */
  #isSame({ count, fingerprint }: Answers['state'], partition: PartitionId): boolean {
    const own = this.#components.store.summary(partition);
    return own === null || (own.count === count && equalBytes(own.fingerprint, fingerprint));
  }

  /**
   * Keeps a partition of others while this node is a fallback replica, or until every replica has all of it under the same
   * promise. Without such replicas it keeps what was promised.
   */
  async #reviewForeign(summary: PartitionSummary, place: ReplicaSet): Promise<void> {
    const { places, states, store, metrics } = this.#components;
    if (this.#components.joiner.isShare(summary)) return;
    // an empty one is no copy of anything
    const held = summary.count > 0 ? 1 : 0;
    const isPromised = states.isPromised(summary);
    if (isPromised && states.isStale(summary)) await this.#refresh(summary, place);
    if (places.fallbacks(place).some(({ id }) => id === this.#init.self)) {
      this.#counted.fallback += held;
      // new replicas may not know of what the former ones promised
      if (isPromised) await this.#tell(summary, place);
      return;
    }
    // without replicas of the same promise what was promised stays here
    if (isPromised && !place.isSponsored) this.#counted.leaving += held;
    else if (place.replicas.length > 0 && place.replicas.every(({ isLive }) => isLive)) {
      const isTaken = await this.#isTaken(summary, place, isPromised);
      if (!isTaken) this.#counted.leaving += isPromised ? held : 0;
      else if (this.#components.mayKeep(summary)) await this.#follow(summary, place);
      else if (places.of(summary).setId === place.setId) {
        await store.dropPartition(summary);
        states.forget(summary);
        metrics.partitionsDropped += held;
      }
    } else if (isPromised) this.#counted.leaving += held;
  }

  /** After a long absence: what the replicas have ended since must not go to anybody. */
  async #refresh(summary: PartitionSummary, { replicas, isSponsored }: ReplicaSet): Promise<void> {
    const live = replicas.filter(({ isLive }) => isLive).map(({ id }) => id);
    const isEnough = live.length > 0 && live.length >= majorityOf(replicas.length);
    if (isSponsored && isEnough) await this.#components.sync.refresh(live, summary);
  }

  /** Has the replicas that are there take over what they lack. */
  async #tell(summary: PartitionSummary, { replicas }: ReplicaSet): Promise<void> {
    for (const { id, isLive } of replicas) {
      if (isLive && !this.#isSame(await this.#state(id, summary), summary)) await this.#handOver(id, summary);
    }
  }

  /** Whether every replica has taken over what this node holds. */
  async #isTaken(summary: PartitionSummary, place: ReplicaSet, isPromised: boolean): Promise<boolean> {
    for (const { id } of place.replicas) {
      const { setId, isSynced } = await this.#handOver(id, summary);
      if (setId !== place.setId || !isSynced) return false;
    }
    return !isPromised || this.#isConfirmed(summary, place);
  }

  /** Updates a copy of its operator's data from the closest replica. */
  async #follow(summary: PartitionSummary, { replicas }: ReplicaSet): Promise<void> {
    const [closest] = replicas;
    if (closest === undefined) return;
    const state = await this.#state(closest.id, summary);
    if (!this.#isSame(state, summary)) await this.#components.sync.copyFrom(closest.id, summary);
  }

  /** Whether each replica says that it has all of it, synced and under the same replica-set id. */
  async #isConfirmed(summary: PartitionSummary, place: ReplicaSet): Promise<boolean> {
    for (const { id } of place.replicas) {
      const signal = this.#limit(REQUESTS.handover.timeoutMs);
      if (!(await this.#components.copier.covers(id, summary, signal))) return false;
      const { setId, isReplica, isSynced } = await this.#state(id, summary);
      if (setId !== place.setId || !isReplica || !isSynced) return false;
    }
    return true;
  }

  #state(id: string, { owner, namespace, partition }: PartitionSummary): Promise<Answers['state']> {
    const request = { type: 'state', owner, namespace, partition } as const;
    return this.#components.ask<'state'>(id, request, this.#limit(ATTEMPT_TIMEOUT_MS));
  }

  /** Resolves when `id` has taken over what it lacks. */
  #handOver(id: string, { owner, namespace, partition }: PartitionSummary): Promise<Answers['handover']> {
    const request = { type: 'handover', owner, namespace, partition } as const;
    return this.#components.ask<'handover'>(id, request, this.#limit(REQUESTS.handover.timeoutMs));
  }

  #limit(ms: number): AbortSignal {
    return AbortSignal.any([this.#looking.signal, this.#components.clock.timeoutSignal(ms)]);
  }
}

/** Some rows at a time, so that writes of clients come in between. */
async function inParts(step: (max: number) => Promise<number>): Promise<number> {
  let total = 0;
  for (let count = SWEEP_ROWS; count >= SWEEP_ROWS && total < SWEEP_ROWS_MAX; total += count) {
    count = await step(SWEEP_ROWS);
  }
  return total;
}
