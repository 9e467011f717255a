import type { TimerClock } from '../../../protocols/common/clock.ts';
import { compareRecords, type Stamp } from '../../../protocols/storage/index.ts';
import { ATTEMPT_TIMEOUT_MS } from '../api/limits.ts';
import { majorityOf, type ReplicaPlacement } from '../placement/replica-placement.ts';
import type { RequestPeer } from '../rpc/request-peer.ts';
import type { PartitionPlace } from '../store/interface.ts';

/** That a key has ended at a version: a floor. Nobody signs it. */
export type Ending = Stamp & { readonly key: string };

export interface FloorConfirmationComponents {
  readonly clock: TimerClock;
  readonly places: ReplicaPlacement;
  readonly ask: RequestPeer;
}

/** Keys asked for at a time. */
const AT_ONCE = 16;

/**
 * Believes that a key has ended only when a majority of the replicas says so, this node left out: otherwise one lying
 * replica could delete keys that all the others keep.
 */
export class FloorConfirmation {
  readonly #components: FloorConfirmationComponents;
  readonly #self: string;

  constructor(components: FloorConfirmationComponents, init: { readonly self: string }) {
    this.#components = components;
    this.#self = init.self;
  }

  /** Those of `endings`, which `source` claims, that are to be believed now. Others may be at another time. */
  async confirmed(
    source: string,
    place: PartitionPlace,
    endings: readonly Ending[],
    signal: AbortSignal,
  ): Promise<Ending[]> {
    const { replicas } = this.#components.places.of(place);
    const others = replicas.map(({ id }) => id).filter((id) => id !== this.#self);
    const needed = Math.min(majorityOf(replicas.length), others.length);
    const asked = others.filter((id) => id !== source);
    const spoken = others.includes(source) ? 1 : 0;
    if (needed === 0 || spoken + asked.length < needed) return [];
    const confirmed: Ending[] = [];
    for (let i = 0; i < endings.length; i += AT_ONCE) {
      const some = endings.slice(i, i + AT_ONCE);
      const votes = await Promise.all(some.map((ending) => this.#votes(asked, place, ending, signal)));
      confirmed.push(...some.filter((_, index) => spoken + (votes[index] ?? 0) >= needed));
    }
    return confirmed;
  }

  async #votes(
    ids: readonly string[],
    { owner, namespace }: PartitionPlace,
    ending: Ending,
    signal: AbortSignal,
  ): Promise<number> {
    const request = { type: 'get', owner, namespace, key: ending.key } as const;
    const until = AbortSignal.any([signal, this.#components.clock.timeoutSignal(ATTEMPT_TIMEOUT_MS)]);
    const answers = await Promise.all(
      ids.map((id) => this.#components.ask<'get'>(id, request, until).catch(() => null)),
    );
    return answers.filter((answer) => {
      const held = answer?.held ?? null;
      return held?.kind === 'floor' && compareRecords(held.stamp, ending) >= 0;
    }).length;
  }
}
