import type { TimerClock } from '../../protocols/common/clock.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import type { Role } from '../config/role.ts';
import type { Config } from '../config/schema.ts';
import type { Identity } from '../identity/identity.ts';
import type { Membership } from '../identity/membership-file.ts';
import type { Operator } from '../identity/operator.ts';
import type { NetworkHooks } from '../network/hooks.ts';
import type { Network } from '../network/libp2p.ts';
import type { ConnectionPolicy } from '../network/policy.ts';
import type { EventLog } from '../observability/events.ts';
import type { Logger } from '../observability/logger.ts';
import type { Meter } from '../observability/meter.ts';
import type { Questions, QuestionsComponents, QuestionsInit } from '../transport/questions.ts';

/**
 * Services by the name of their feature. Each feature adds its own: `declare module '…/node/core/core.ts' { interface Services { … } }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: features add their members
export interface Services {}

/** The parts of a node that every feature may use. */
export interface NodeCore {
  readonly config: Config;
  readonly role: Role;
  readonly version: string;
  /** Whether 127.0.0.0/8 is counted by its /24s where prefixes are counted. */
  readonly splitLoopback: boolean;
  readonly network: Network;
  readonly policy: ConnectionPolicy;
  readonly hooks: NetworkHooks;
  readonly identity: Identity;
  /** On whose behalf this node acts. */
  readonly operator: Operator;
  /** This machine's grant; null where it holds the operator's key. */
  readonly membership: Membership | null;
  readonly clock: TimerClock;
  readonly crypto: Crypto;
  readonly logger: Logger;
  readonly events: EventLog;
  /** Takes the metrics of the feature, and drops them when it stops; null when nobody scrapes. */
  readonly meter: Meter | null;
  /** Services of the features that are on; those that come later in the list are there when they are created. */
  readonly services: Readonly<Partial<Services>>;
  /** The service of a feature that this one needs. */
  service<N extends keyof Services>(name: N): Services[N];
  /** Whether a feature is on, by the settings. */
  isOn(name: string): boolean;
  /** Requests and responses of a protocol, one stream each; ended with the feature at the latest. */
  exchange(components: Omit<QuestionsComponents, 'network' | 'logger'>, init: QuestionsInit): Questions;
}
