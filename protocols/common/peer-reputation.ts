import type { Clock } from './clock.ts';
import { RATED_PEERS_MAX, RateLimit } from './rate-limit.ts';
import type { Refusal } from './refusal.ts';

/** Proven faults a peer may have: the third of a bad disk or a bad day is one too many. */
const FAULTS_FREE = 2;
/** How long one proven fault takes to be forgiven. */
const FAULT_FORGIVEN_S = 120;
/** Faults that are held against a peer at most: ten minutes' worth. */
const FAULTS_HELD_MAX = 5;

export interface PeerReputationInit {
  /** Ignored messages a peer may send each second. Honest peers forward some; a flood is dropped unread. */
  readonly ignoredPerSecond: number;
  readonly ignoredBurst: number;
}

/** Where no setting says otherwise. */
export const IGNORED_DEFAULT: PeerReputationInit = { ignoredPerSecond: 100, ignoredBurst: 400 };

/** Remembers what peers did, over reconnections. Gossip's own score forgets a peer that reconnects. */
export class PeerReputation {
  readonly #ignored: RateLimit;
  readonly #faults: RateLimit;

  constructor(components: { clock: Clock }, init: PeerReputationInit) {
    this.#ignored = new RateLimit(components, {
      perSecond: init.ignoredPerSecond,
      burst: init.ignoredBurst,
      debtMax: init.ignoredBurst,
      maxKeys: RATED_PEERS_MAX,
    });
    this.#faults = new RateLimit(components, {
      perSecond: 1 / FAULT_FORGIVEN_S,
      burst: FAULTS_FREE,
      debtMax: FAULTS_HELD_MAX,
      maxKeys: RATED_PEERS_MAX,
    });
  }

  /** Holds a refusal against the peer that caused it, if it is one to be held. */
  charge(peer: string, refusal: Refusal): void {
    if (refusal.fault === 'sender') this.#faults.charge(peer);
    else if (!refusal.isExcusable) this.#ignored.charge(peer);
  }

  /** Whether `peer` is to be graylisted: it sent proven faults, or made this node ignore more than it may. */
  isGraylisted(peer: string): boolean {
    return this.#faults.isExceeded(peer) || this.#ignored.isExceeded(peer);
  }
}
