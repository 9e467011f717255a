import { backOffMs } from '../../../protocols/common/back-off.ts';
import { sleep, type Timer, type TimerClock } from '../../../protocols/common/clock.ts';
import { ConcurrencyLimit, type Release } from '../../../protocols/common/concurrency-limit.ts';
import { errorMessage } from '../../../protocols/common/errors.ts';
import {
  type Answers,
  countsAsReplica,
  type Member,
  type PartitionId,
  type Partitions,
  partitionKey,
} from '../../../protocols/storage/index.ts';
import type { Logger } from '../../observability/logger.ts';
import type { StorageServiceMetrics } from '../api/counters.ts';
import {
  ATTEMPT_TIMEOUT_MS,
  PLACES_MAX,
  SETTLE_MAX_MS,
  SYNC_RETRY_MAX_MS,
  SYNC_RETRY_MS,
  SYNCS_AT_ONCE,
} from '../api/limits.ts';
import type { Members } from '../placement/members.ts';
import type { PartitionStates } from '../placement/partition-states.ts';
import { majorityOf, type ReplicaPlacement, type ReplicaSet } from '../placement/replica-placement.ts';
import type { RequestPeer } from '../rpc/request-peer.ts';
import type { PartitionPlace, RecordStore } from '../store/interface.ts';
import type { Copier, EndingsRule } from './copier.ts';

export interface SyncComponents {
  readonly store: RecordStore;
  readonly members: Members;
  readonly places: ReplicaPlacement;
  readonly states: PartitionStates;
  readonly copier: Copier;
  readonly partitions: Partitions;
  readonly clock: TimerClock;
  readonly metrics: StorageServiceMetrics;
  readonly logger: Logger;
  /** Told when others see other replicas than this node does. */
  readonly onDisagreement: () => void;
  readonly ask: RequestPeer;
}

interface Task {
  readonly partition: PartitionId;
  readonly since: number;
  tries: number;
}

/** Answers of others about a partition. */
interface Survey {
  /** They have all that its replicas had, now or when they ceased to be a replica, and see the same replicas as this node. */
  readonly synced: string[];
  /** They hold something of it. */
  readonly holding: string[];
  /** They see another replica set and are replicas, or were: what they take is not known here. */
  readonly disagreeing: string[];
  /** True when a synced replica became synced under the current replica set: that set has every write acknowledged since. */
  readonly isOriginal: boolean;
  /** Nodes close enough to be replicas that are down or silent. */
  readonly missing: number;
  /** Replicas among them. */
  readonly missingReplicas: number;
}

/** Nodes looked at besides the replicas: in most cases the replicas of before some others came. */
const CLOSE_FACTOR = 2;
/** Keys looked at in one go when this node becomes a sponsor of what it held for others. */
const KEEP_PAGE = 256;
/** How much longer members farther away may take to answer. */
const FAR_WAIT_MS = 250;

/**
 * Makes this node a synced replica of the partitions it is a replica of: at once where nobody holds anything of them, otherwise
 * by taking over from those that do. Each partition is tried until it is done.
 */
export class Sync {
  readonly #components: SyncComponents;
  readonly #tasks = new Map<string, Task>();
  readonly #limit = new ConcurrencyLimit({ max: SYNCS_AT_ONCE, queueMax: PLACES_MAX });
  readonly #timers = new Set<Timer>();
  #abort = new AbortController();

  constructor(components: SyncComponents) {
    this.#components = components;
  }

  start(): void {
    this.#abort = new AbortController();
  }

  stop(): void {
    this.#abort.abort(new Error('this node is stopping'));
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#tasks.clear();
  }

  /** Partitions that are not synced yet. */
  get pending(): number {
    return this.#tasks.size;
  }

  /** Retries waiting tasks soon, after members or their liveness changed. */
  scheduleNow(): void {
    for (const task of this.#tasks.values()) task.tries = 0;
  }

  request(partition: PartitionId): void {
    const key = partitionKey(partition);
    // more than these are asked for again when somebody asks for them
    if (this.#tasks.has(key) || this.#tasks.size >= PLACES_MAX || this.#abort.signal.aborted) return;
    const { namespaceId } = partition;
    const own = { namespaceId: Uint8Array.from(namespaceId), partition: partition.partition };
    const task: Task = { partition: own, since: this.#components.clock.monotonicNow(), tries: 0 };
    this.#tasks.set(key, task);
    void this.#run(task);
  }

  /** Takes over from `source`, beside what is under way. */
  async copyFrom(source: string, place: PartitionPlace): Promise<void> {
    await this.#components.copier.pull(source, place, place, this.#abort.signal);
  }

  /**
   * After an absence longer than tombstones live: ends what has ended meanwhile, as `replicas` say, which are synced. Entries
   * they never had stay, since each may be the last copy.
   */
  async refresh(replicas: readonly string[], place: PartitionPlace): Promise<void> {
    const { copier, states } = this.#components;
    for (const id of replicas) {
      const { isSynced } = await copier.pull(id, place, place, this.#abort.signal, { endings: 'trusted' });
      if (!isSynced) throw new Error('a replica is not synced yet');
    }
    states.refreshed(place);
  }

  /** Never rejects. */
  async #run(task: Task): Promise<void> {
    const { signal } = this.#abort;
    let isDone = false;
    let release: Release | null = null;
    try {
      release = await this.#limit.acquire('', { signal });
      isDone = await this.#attempt(task);
    } catch (error) {
      if (signal.aborted) return;
      this.#components.logger.debug({ reason: errorMessage(error) }, 'a partition was not reconciled');
    } finally {
      release?.();
    }
    if (isDone) this.#tasks.delete(partitionKey(task.partition));
    else this.#retry(task);
  }

  #retry(task: Task): void {
    if (this.#abort.signal.aborted) return;
    const delay = backOffMs(task.tries, { firstMs: SYNC_RETRY_MS, maxMs: SYNC_RETRY_MAX_MS });
    task.tries += 1;
    const timer = this.#components.clock.setTimeout(() => {
      this.#timers.delete(timer);
      void this.#run(task);
    }, delay);
    this.#timers.add(timer);
  }

  /** Whether it is done, or not this node's any more. */
  async #attempt(task: Task): Promise<boolean> {
    const { partition, since } = task;
    const { clock, members, places, states, metrics } = this.#components;
    const place = places.of(partition);
    if (!place.isReplica) return true;
    const isUnkept = place.isSponsored && !states.isPromised(partition);
    if (states.of(partition).isSynced) {
      if (isUnkept) await this.#keepWhole(partition);
      if (isUnkept && places.of(partition).isSponsored) states.promised(partition);
      return true;
    }
    if (!members.isSettled) {
      task.tries = 0;
      return false;
    }
    const survey = await this.#survey(partition, place);
    if (survey.disagreeing.length > 0) this.#components.onDisagreement();
    const waitedMs = clock.monotonicNow() - since;
    // a majority of those that there were without this node has all that was acknowledged before it came
    const needed = majorityOf(places.othersOf(place));
    if (!mayFinish(survey, needed, waitedMs)) return false;
    const isStale = states.isStale(partition);
    // what ended of a namespace that nobody sponsors is forgotten after a day: what is left here may be such
    if (isStale && !place.isSponsored && !states.isPromised(partition) && survey.synced.length > 0) {
      await this.#components.store.dropPartition(partition);
    }
    // what one sponsor says that the owner chose is enough; of others nobody knows who they are
    const endings = isStale && place.isSponsored ? 'trusted' : 'confirmed';
    await this.#takeOver(partition, place, survey, endings);
    if (isUnkept) await this.#keepWhole(partition);
    if (places.of(partition).setId !== place.setId) return false;
    states.synced(partition);
    metrics.partitionsSynced += 1;
    return true;
  }

  /** Keeps records as long as their author set, where this node stored them for only a day before it was a sponsor. */
  async #keepWhole(partition: PartitionId): Promise<void> {
    const { clock, store } = this.#components;
    const summary = store.summary(partition);
    if (summary === null) return;
    for (let after: string | null = null, isEnd = false; !isEnd; ) {
      const now = clock.now();
      const page: ReturnType<RecordStore['list']> = store.list(partition, {
        prefix: '',
        after,
        limit: KEEP_PAGE,
        now,
      });
      for (const { key, expiry } of page.entries) {
        const held = expiry === null ? null : store.get(partition, key, now);
        if (held === null || 'floor' in held || held.record.expiry === expiry) continue;
        const put = { place: summary, record: held.record, condition: null, isRepair: true };
        const { status } = await store.put(put);
        if (status === 'no_room') throw new Error('there is no room to keep all that was kept for a day');
      }
      after = page.next;
      isEnd = after === null;
    }
  }

  async #survey(partition: PartitionId, place: ReplicaSet): Promise<Survey> {
    const { clock, places, partitions, store, ask } = this.#components;
    const candidates = places.candidates(place);
    // after a start nobody may have named what is held
    const names = store.totals(partition.namespaceId) ?? partitions.named(partition.namespaceId);
    const { owner, namespace } = names;
    const request = { type: 'state', owner, namespace, partition: partition.partition } as const;
    const signal = AbortSignal.any([this.#abort.signal, clock.timeoutSignal(ATTEMPT_TIMEOUT_MS)]);
    const answers: (Answers['state'] | null)[] = candidates.map(() => null);
    const asking = candidates.map(async ({ id, isLive }, index) => {
      if (isLive) answers[index] = await ask<'state'>(id, request, signal).catch(() => null);
    });
    const close = this.#close(place, candidates);
    await Promise.all(asking.slice(0, close));
    // those farther away hold something after a swarm has grown: they have a little longer
    await Promise.race([Promise.all(asking), sleep(clock, FAR_WAIT_MS)]);
    const synced: string[] = [];
    const holding: string[] = [];
    const disagreeing: string[] = [];
    const replicaSet = new Set(place.replicas.map((replica) => replica.id));
    let missing = 0;
    let missingReplicas = 0;
    for (const [index, { id }] of candidates.entries()) {
      const answer = answers[index] ?? null;
      if (answer === null) {
        missing += index < close ? 1 : 0;
        missingReplicas += replicaSet.has(id) ? 1 : 0;
      } else if (answer.setId !== place.setId && (answer.isReplica || answer.isSynced)) disagreeing.push(id);
      else if (answer.isSynced) synced.push(id);
      if (answer !== null && answer.count > 0) holding.push(id);
    }
    const isOriginal = answers.some((answer) => answer?.isSynced === true && answer.origin === place.setId);
    return { synced, holding, disagreeing, isOriginal, missing, missingReplicas };
  }

  /** How many of the candidates may have acknowledged something that counts: of sponsors those that are ready, otherwise the closest. */
  #close({ replicas, sponsors, isSponsored }: ReplicaSet, candidates: readonly Member[]): number {
    const close = CLOSE_FACTOR * replicas.length;
    if (!isSponsored) return close;
    return Math.min(close, candidates.filter((one) => countsAsReplica(one, sponsors)).length);
  }

  /** All that is held elsewhere. Synced replicas must deliver; from others it takes as much as they give. */
  async #takeOver(
    partition: PartitionId,
    place: ReplicaSet,
    { synced, holding }: Survey,
    endings: EndingsRule,
  ): Promise<void> {
    const { copier, store } = this.#components;
    const { signal } = this.#abort;
    for (const id of synced) {
      const { setId } = await copier.pull(id, partition, store.summary(partition), signal, { endings });
      // what it takes now may belong to a replica set without this node
      if (setId !== place.setId) throw new Error('a former replica sees other replicas now');
    }
    for (const id of holding.filter((one) => !synced.includes(one))) {
      await copier.pull(id, partition, store.summary(partition), signal).catch((error: unknown) => {
        this.#components.logger.debug({ peer: id, reason: errorMessage(error) }, 'a copy was not taken over');
      });
    }
  }
}

/**
 * Whether what others say is enough to go by: a majority that has all; or everybody that could have something was asked;
 * or those that are gone are too few to have acknowledged a write by themselves. Where one has all since the replicas are these,
 * only replicas can have; otherwise whoever is close.
 */
function mayFinish(survey: Survey, majority: number, waitedMs: number): boolean {
  const { synced, disagreeing, isOriginal, missing, missingReplicas } = survey;
  if (disagreeing.length > 0 && waitedMs < SETTLE_MAX_MS) return false;
  if (synced.length >= majority || missing === 0) return true;
  return (isOriginal ? missingReplicas : missing) < majority;
}
