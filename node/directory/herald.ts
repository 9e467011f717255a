import { CLOCK_SKEW_MS, type Clock } from '../../protocols/common/clock.ts';
import {
  ANNOUNCE_INTERVAL_MS,
  type NodeAnnouncer,
  type NodeDescription,
  RENEWAL_MS,
  REPLACE_INTERVAL_MS,
  type SignedAnnouncement,
} from '../../protocols/nodes/index.ts';

export interface HeraldComponents {
  readonly announcer: NodeAnnouncer;
  readonly clock: Clock;
  /** This node's current description. */
  readonly describe: () => NodeDescription;
  /** Gossips an announcement; returns the number of peers it was sent to. */
  readonly publish: (announcement: SignedAnnouncement) => Promise<number>;
  /** Whether there is anybody to hear it. */
  readonly hasListeners: () => boolean;
  /** Called when another process announces this identity. */
  readonly onTwin: () => void;
}

/**
 * An announcement of this identity that is later than the start by more than this is another process's: one of an earlier run is not that
 * late, whatever the clock was then.
 */
const TWIN_MARGIN_MS = CLOCK_SKEW_MS + 10_000;

/** Announces this node: at its start, until a peer receives it, when its description changes, and periodically. */
export class Herald {
  readonly #components: HeraldComponents;
  readonly #madeFrom: number;
  #announcement: SignedAnnouncement | null = null;
  /** Content of the latest one. */
  #announced: NodeDescription | null = null;
  #madeAt = -Infinity;
  #isHeard = false;
  #isOutdone = false;
  #isBusy = false;

  constructor(components: HeraldComponents) {
    this.#components = components;
    this.#madeFrom = components.clock.now();
  }

  /** The latest one; null before the first. */
  get announcement(): SignedAnnouncement | null {
    return this.#announcement;
  }

  /** Handles a later announcement of this identity, by an earlier run or another process: the next one outdoes it. */
  outdone(time: number): void {
    const { announcer, onTwin } = this.#components;
    if (time > this.#madeFrom + TWIN_MARGIN_MS) onTwin();
    announcer.outdo(time);
    this.#isOutdone = true;
  }

  /** Announces this node if that is due. */
  async tick(): Promise<void> {
    const { announcer, describe, publish, clock } = this.#components;
    const description = describe();
    if (this.#isBusy || !this.#isDue(description)) return;
    this.#isBusy = true;
    try {
      this.#madeAt = clock.now();
      this.#isOutdone = false;
      this.#announced = description;
      this.#announcement = await announcer.announce(description);
      this.#isHeard = (await publish(this.#announcement)) > 0;
    } finally {
      this.#isBusy = false;
    }
  }

  #isDue(description: NodeDescription): boolean {
    const { clock, hasListeners } = this.#components;
    if (this.#announcement === null) return true;
    // a clock that was put back counts as time that went by
    const age = Math.abs(clock.now() - this.#madeAt);
    // nobody has got what was not heard: nobody refuses the next one as too soon
    const { isReady } = this.#announcement;
    // a replica that became ready, or is no more, does not wait: others count on it
    const isUrgent = !this.#isHeard || description.isReady !== isReady;
    if (age < (isUrgent ? REPLACE_INTERVAL_MS : ANNOUNCE_INTERVAL_MS)) return false;
    if (description.isReady !== isReady || description.chain !== this.#announced?.chain) return true;
    if (age >= RENEWAL_MS || this.#isOutdone || (!this.#isHeard && hasListeners())) return true;
    return !sameAddresses(description.addresses, this.#announcement.addresses);
  }
}

function sameAddresses(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.map(hex).toSorted().join() === b.map(hex).toSorted().join();
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
