import type { TimerClock } from '../../../protocols/common/clock.ts';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import type { Logger } from '../../observability/logger.ts';
import type { Offer, Revocations } from './offers.ts';

export interface MembersComponents {
  readonly clock: TimerClock;
  readonly crypto: Crypto;
  readonly logger: Logger;
  /** Those that the directory reached now. */
  readonly offers: () => Iterable<Offer>;
  readonly isConnected: (id: string) => boolean;
  /** The group that this node's own addresses are in; null while it has none. */
  readonly ownPrefix: () => string | null;
  /** Connects to a member. Throws when it is not there. */
  readonly dial: (id: string) => Promise<void>;
  readonly revocations: Revocations;
}

export interface MembersInit {
  readonly path: string;
  /** Peer id of this node when it stores; null otherwise. */
  readonly self: string | null;
  /** DID of this node's operator. */
  readonly operator: string;
  /** The down timeout: how long a member may be gone before this node removes it. */
  readonly downTimeoutMs: number;
  /** Whether this node was told of nobody else: only then may it take itself for the whole swarm. */
  readonly mayBeAlone: boolean;
}
