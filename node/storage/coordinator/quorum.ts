import type { TimerClock } from '../../../protocols/common/clock.ts';
import type { PartitionId, Standing } from '../../../protocols/storage/index.ts';
import type { StorageServiceMetrics } from '../api/counters.ts';
import { ATTEMPT_TIMEOUT_MS, BACKOFF_MAX_MS, BACKOFF_MS } from '../api/limits.ts';
import { majorityOf, type ReplicaPlacement, type ReplicaSet } from '../placement/replica-placement.ts';
import type { Deadline } from '../rpc/deadline.ts';
import type { RequestPeer } from '../rpc/request-peer.ts';

export interface QuorumComponents {
  readonly clock: TimerClock;
  readonly places: ReplicaPlacement;
  readonly metrics: StorageServiceMetrics;
  /** The answer of a node, this one included. */
  readonly ask: RequestPeer;
  /** Whether a node could be asked now without a dial; this node always. */
  readonly isConnected: (id: string) => boolean;
  /** Connects to a node. Throws when it is not there. */
  readonly connect: (id: string) => Promise<void>;
  /** Reports that `id` sees another replica set than this node: one of the two does not know all members. */
  readonly onOtherView: (id: string) => void;
}

export interface QuorumInit {
  /** Replicas a partition has where there are enough members. */
  readonly replicas: number;
}

/** Reply of one replica. */
export type Reply<T> =
  | { readonly id: string; readonly answer: T & Standing }
  | { readonly id: string; readonly error: unknown };

/** How many replicas must agree, of how many there are. */
export type Needed = (replicas: number) => number;

/** Asks one replica. Throws when it does not answer, or lies. */
export type AskReplica<T> = (id: string, signal: AbortSignal) => Promise<T & Standing>;

/**
 * Asks the replicas of one partition, again and again if need be. Only synced replicas count, and only together with
 * others that name the same replica set: any such set will do, since a majority of it is enough.
 */
export class Quorum<T> {
  readonly #components: QuorumComponents;
  readonly #init: QuorumInit;
  readonly #partition: PartitionId;
  readonly #deadline: Deadline;
  readonly #needed: Needed;
  /** The latest of each replica. */
  readonly replies = new Map<string, Reply<T>>();
  readonly #running = new Set<Promise<void>>();
  #rounds = 0;

  constructor(
    components: QuorumComponents,
    init: QuorumInit & { partition: PartitionId; deadline: Deadline; needed: Needed },
  ) {
    this.#components = components;
    this.#init = init;
    this.#partition = init.partition;
    this.#deadline = init.deadline;
    this.#needed = init.needed;
  }

  get place(): ReplicaSet {
    return this.#components.places.of(this.#partition);
  }

  get rounds(): number {
    return this.#rounds;
  }

  /** How many replicas must agree as this node sees them. */
  get needed(): number {
    return this.#needed(Math.max(1, this.place.replicas.length));
  }

  /** Replicas that can be asked now; the others are dialled meanwhile. */
  reachable(): string[] {
    const { isConnected, connect } = this.#components;
    return this.place.replicas.flatMap(({ id, isLive }) => {
      if (isLive || isConnected(id)) return [id];
      connect(id).catch(() => undefined);
      return [];
    });
  }

  /** Connects to replicas until enough of them can be asked. False when they are not there. */
  async gather(): Promise<boolean> {
    const { isConnected, connect } = this.#components;
    const ids = this.reachable();
    const open = ids.filter((id) => isConnected(id));
    const { needed } = this;
    if (open.length >= needed) return true;
    if (ids.length < needed) return false;
    let count = open.length;
    const closed = ids.filter((id) => !isConnected(id));
    await this.#first(closed, async (id) => {
      await connect(id);
      count += 1;
      return count >= needed;
    });
    return count >= needed;
  }

  /** The replicas that agree, once they are a majority; null before. */
  agreement(): (Reply<T> & { readonly answer: T & Standing })[] | null {
    const { setId: own, replicas } = this.place;
    for (const [setId, group] of this.#groups()) {
      const size = setId === own ? replicas.length : this.#init.replicas;
      if (group.length >= this.#needed(size)) return group;
    }
    return null;
  }

  /**
   * Synced replicas that are too few to agree and yet so many that every write of a majority is with one of them: one of two, whose
   * other is gone. Null where they are fewer.
   */
  surest(): (Reply<T> & { readonly answer: T & Standing })[] | null {
    const { setId, replicas } = this.place;
    const group = this.#groups().get(setId) ?? [];
    return group.length > replicas.length - majorityOf(replicas.length) ? group : null;
  }

  /** The size of the largest group of synced replicas that name the same replica set. */
  get agreeing(): number {
    return Math.max(0, ...[...this.#groups().values()].map(({ length }) => length));
  }

  /** Asks the replicas whose answers do not count yet. Resolves once enough agree, all have answered, or time is up. */
  async round(ask: AskReplica<T>): Promise<void> {
    this.#rounds += 1;
    const targets = this.reachable().filter((id) => !this.#counts(id));
    await this.#first(targets, async (id) => {
      try {
        const answer = await ask(id, this.#deadline.signal);
        this.replies.set(id, { id, answer });
        if (answer.setId !== this.place.setId) this.#components.onOtherView(id);
      } catch (error) {
        this.replies.set(id, { id, error });
      }
      return this.agreement() !== null;
    });
  }

  /** Resolves when no request is under way. */
  async allSettled(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Waits before the next round: longer each time. */
  async backOff(): Promise<void> {
    this.#components.metrics.replicaSetRetries += 1;
    await this.#deadline.pause(Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** Math.min(10, this.#rounds - 1)));
  }

  /** Whether a replica answered and does not count: it may soon. */
  get isUnsettled(): boolean {
    const { setId } = this.place;
    return [...this.replies.values()].some(
      (reply) => 'answer' in reply && (!reply.answer.isSynced || reply.answer.setId !== setId),
    );
  }

  /** Answers of synced replicas, grouped by the replica set that they name. */
  #groups(): Map<string, (Reply<T> & { readonly answer: T & Standing })[]> {
    const groups = new Map<string, (Reply<T> & { readonly answer: T & Standing })[]>();
    for (const reply of this.replies.values()) {
      if (!('answer' in reply) || !reply.answer.isSynced) continue;
      const { setId } = reply.answer;
      groups.set(setId, [...(groups.get(setId) ?? []), reply]);
    }
    return groups;
  }

  #counts(id: string): boolean {
    const reply = this.replies.get(id);
    return (
      reply !== undefined &&
      'answer' in reply &&
      reply.answer.isSynced &&
      reply.answer.setId === this.place.setId
    );
  }

  /** Does `work` for all at once. Resolves when one says that it is enough, all have ended, or the attempt is over. */
  async #first(ids: readonly string[], work: (id: string) => Promise<boolean>): Promise<void> {
    if (ids.length === 0) return;
    const { clock } = this.#components;
    let left = ids.length;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimeout(resolve, Math.min(ATTEMPT_TIMEOUT_MS, this.#deadline.leftMs));
      const done = (): void => {
        timer.cancel();
        resolve();
      };
      for (const id of ids) {
        const running = this.#deadline
          .run(async () => {
            const isEnough = await work(id).catch(() => false);
            left -= 1;
            if (isEnough || left === 0) done();
          })
          .finally(() => this.#running.delete(running));
        this.#running.add(running);
      }
    });
  }
}

/** More than half. */
export const majority: Needed = majorityOf;
