import type { TimerClock } from '../../../protocols/common/clock.ts';
import { errorMessage } from '../../../protocols/common/errors.ts';
import { RepeatingTask } from '../../../protocols/common/repeating-task.ts';
import {
  type Answers,
  type Partitions,
  REQUESTS,
  type RequestOf,
  type RequestType,
} from '../../../protocols/storage/index.ts';
import type { Logger } from '../../observability/logger.ts';
import { JOIN_PAGE, JOIN_PASSES_MAX, JOIN_TICK_MS } from '../api/limits.ts';
import type { Members } from '../placement/members.ts';
import { majorityOf, type ReplicaPlacement } from '../placement/replica-placement.ts';
import type { RequestPeer } from '../rpc/request-peer.ts';
import type { PartitionPlace, RecordStore } from '../store/interface.ts';
import type { Copier } from './copier.ts';

/** Failed attempts, four a second, before the log warns about what keeps this node from counting as a replica. */
const FAILURES_SAID = 40;

export interface JoinerComponents {
  readonly members: Members;
  readonly places: ReplicaPlacement;
  readonly partitions: Partitions;
  readonly copier: Copier;
  readonly store: RecordStore;
  readonly clock: TimerClock;
  readonly logger: Logger;
  readonly ask: RequestPeer;
  /** This node counts as a replica from now on. */
  readonly onReady: () => void;
}

export interface JoinerInit {
  /** DID of this node's operator. */
  readonly operator: string;
  /** How long a sponsor may be gone before the others do without it. */
  readonly downTimeoutMs: number;
}

/**
 * Copies the share that this node will have of what its operator sponsors, before it counts as a replica: one that vanishes while
 * it copies holds nobody up. It takes over concurrent writes as a replica that is not synced yet (sync.ts).
 */
export class Joiner {
  readonly #components: JoinerComponents;
  readonly #init: JoinerInit;
  readonly #joining: RepeatingTask;
  #failures = 0;

  constructor(components: JoinerComponents, init: JoinerInit) {
    this.#components = components;
    this.#init = init;
    this.#joining = new RepeatingTask(
      {
        clock: components.clock,
        run: (signal) => this.#join(signal),
        onError: (error) => this.#failed(error),
      },
      { intervalMs: JOIN_TICK_MS },
    );
  }

  start(): void {
    if (this.#joining.isStarted || this.#components.members.isReady) return;
    this.#joining.start();
    void this.tick();
  }

  stop(): void {
    void this.#joining.stop();
  }

  /** Continues joining where it can now. Never rejects. */
  tick(): Promise<void> {
    return this.#joining.runNow();
  }

  async #join(signal: AbortSignal): Promise<void> {
    const { members, logger } = this.#components;
    if (members.isReady || !members.isSettled) return;
    const sources = this.#sources();
    if (sources === null) return;
    if (sources.live.length > 0) await this.#copyAll(sources, signal);
    if (signal.aborted) return;
    void this.#joining.stop();
    members.becomeReady();
    this.#components.onReady();
    logger.info({ operator: this.#init.operator }, 'this node has its share and counts as a replica');
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    const level = this.#failures === FAILURES_SAID ? 'warn' : 'debug';
    this.#components.logger[level](
      { reason: errorMessage(error) },
      'the share of this node is not copied yet',
    );
  }

  /**
   * Sponsors to copy from, of which a majority must give what they have; none where there is nobody whose data this node could
   * lack; null while too few can be asked. A node that had its share is one of those that have it, and does without others
   * that are gone for longer than the down timeout. One that never had it waits for them, however long they are gone:
   * otherwise what they hold would be said not to be there. Where they do not return, they are revoked.
   */
  #sources(): { readonly live: readonly string[]; readonly needed: number } | null {
    const { members } = this.#components;
    const { wasReady, fellows } = members;
    const there = fellows.filter(({ id }) => !members.isGoneFor(id, this.#init.downTimeoutMs));
    const awaited = wasReady || there.length > 0 ? there : fellows;
    const live = awaited.filter(({ isLive }) => isLive).map(({ id }) => id);
    const own = wasReady ? 1 : 0;
    const needed = awaited.length === 0 ? 0 : majorityOf(awaited.length + own) - own;
    return live.length >= needed ? { live, needed } : null;
  }

  /** Again while a copy takes so long that much may have been written meanwhile. Throws when too few sources gave what they have. */
  async #copyAll(
    { live, needed }: { readonly live: readonly string[]; readonly needed: number },
    signal: AbortSignal,
  ): Promise<void> {
    for (let pass = 1; ; pass++) {
      const copied = await Promise.allSettled(live.map((id) => this.#copyFrom(id, signal)));
      const done = copied.filter((one) => one.status === 'fulfilled');
      if (done.length < needed) {
        const refused = copied.find((one) => one.status === 'rejected');
        const why = refused === undefined ? '' : `: ${errorMessage(refused.reason)}`;
        throw new Error(`${done.length} of ${live.length} sponsors gave what they have${why}`);
      }
      if (done.every(({ value }) => value === 0) || pass >= JOIN_PASSES_MAX) return;
    }
  }

  /** How many partitions changed by it. */
  async #copyFrom(id: string, stopping: AbortSignal): Promise<number> {
    const { partitions, store, copier } = this.#components;
    let changed = 0;
    let after: RequestOf<'partitions'>['after'] = null;
    do {
      const signal = AbortSignal.any([stopping, this.#timeout('partitions')]);
      const request: RequestOf<'partitions'> = { type: 'partitions', after, limit: JOIN_PAGE };
      const page: Answers['partitions'] = await this.#components.ask<'partitions'>(id, request, signal);
      for (const { owner, namespace, partition } of page.entries) {
        const place: PartitionPlace = {
          owner,
          namespace,
          namespaceId: partitions.namespaceId({ owner, namespace }),
          partition,
        };
        if (!this.isShare(place)) continue;
        const before = store.summary(place)?.fingerprint;
        await copier.pull(id, place, place, stopping);
        const now = store.summary(place)?.fingerprint;
        changed += String(before) === String(now) ? 0 : 1;
      }
      after = page.next;
    } while (after !== null);
    return changed;
  }

  /** Whether this node is to be a replica of a partition once it is ready. */
  isShare(partition: PartitionPlace): boolean {
    const { isReplica, isSponsored } = this.#components.places.onceReady(partition);
    return isReplica && isSponsored;
  }

  #timeout(type: RequestType): AbortSignal {
    return this.#components.clock.timeoutSignal(REQUESTS[type].timeoutMs);
  }
}
