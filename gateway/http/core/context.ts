import type { Config, Logger, MaillonNode, Receipt, Relay, Storage } from '../../../node/index.ts';
import type { Clock } from '../../../protocols/common/clock.ts';
import type { Audit } from '../../audit/interface.ts';
import type { Auth } from '../../auth/index.ts';
import type { Build } from '../../core/build.ts';
import type { EndOfTurn } from '../../core/end-of-turn.ts';
import type { Events } from '../../core/events.ts';
import type { Tenants } from '../../core/tenants.ts';
import type { Clients } from '../../delivery/clients.ts';
import type { Hub } from '../../delivery/hub.ts';
import type { Answered, GatewayMetrics } from '../../observability/metrics.ts';
import type { ClientLimits } from '../../protection/client-limits.ts';
import type { PresenceBoard } from '../../ws/presence.ts';
import type { IdempotencyKeys } from './idempotency.ts';

/** Context of all routes. Each takes only the part it uses. */
export interface Context {
  readonly node: MaillonNode;
  readonly relay: Relay;
  readonly storage: Storage;
  readonly tenants: Tenants;
  readonly auth: Auth;
  readonly logger: Logger;
  readonly events: Events;
  readonly config: Config;
  readonly build: Build;
  readonly clock: Clock;
  readonly startedAt: number;
  readonly hub: Hub;
  readonly turn: EndOfTurn;
  readonly clients: Clients;
  readonly idempotency: IdempotencyKeys<Receipt>;
  readonly presence: PresenceBoard;
  readonly metrics: GatewayMetrics;
  readonly rates: ClientLimits;
  readonly audit: Audit;
  /** Told of every request that was answered, where that is measured. */
  readonly onAnswered: ((answered: Answered) => void) | undefined;
  /** Set once the gateway stops: nothing new is begun then. */
  readonly stopping: AbortSignal;
}
