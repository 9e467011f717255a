import type { Config, Logger, MaillonNode, Receipt, Relay, Storage, TopicName } from '../node/index.ts';
import type { Clock } from '../protocols/common/clock.ts';
import type { Audit } from './audit/interface.ts';
import type { Auth } from './auth/index.ts';
import type { Clients } from './clients.ts';
import { GatewayError } from './errors.ts';
import type { IdempotencyKeys } from './http/idempotency.ts';
import type { Hub } from './hub.ts';
import type { Events } from './interface.ts';
import type { Answered, GatewayMetrics } from './metrics.ts';
import type { ClientLimits } from './protection/client-limits.ts';
import { DEFAULT_NAMESPACE } from './schemas.ts';
import type { Tenants } from './tenants.ts';
import type { Turn } from './turn.ts';
import type { PresenceBoard } from './ws/presence.ts';

/** Which program this is. */
export interface Build {
  readonly version: string;
  readonly commit: string;
  readonly builtAt: string;
}

/** What the routes share. Each takes only the part it uses. */
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
  readonly turn: Turn;
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

/** The topic a request means. Its namespace stays as the client named it: see `Tenants`. */
export function topicName(request: { topic: string; namespace?: string | undefined }): TopicName {
  return { owner: '', namespace: request.namespace ?? DEFAULT_NAMESPACE, topic: request.topic };
}

/** The namespace of a request that may name it in two places. */
export function oneNamespace(first: string | undefined, second: string | undefined): string | undefined {
  if (first !== undefined && second !== undefined && first !== second) {
    throw new GatewayError('namespace_mismatch', 'namespace mismatch');
  }
  return first ?? second;
}
