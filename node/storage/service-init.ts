import type { TimerClock } from '../../protocols/common/clock.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import type { AuthoriseRecord } from '../../protocols/storage/index.ts';
import type { Config } from '../config/schema.ts';
import type { Directory } from '../directory/directory.ts';
import type { Credentials } from '../identity/credentials.ts';
import type { Identity } from '../identity/identity.ts';
import type { Terms } from '../identity/tenancy.ts';
import type { Network } from '../network/libp2p.ts';
import type { EventLog } from '../observability/events.ts';
import type { Logger } from '../observability/logger.ts';
import type { NamespaceRef } from './api/interface.ts';
import type { Revocations } from './placement/offers.ts';
import type { IsAuthorisedNow } from './placement/replica-confirmation.ts';
import type { Sponsors } from './placement/replica-placement.ts';
import type { LocalReplica } from './replica/local-replica.ts';

export interface StorageServiceComponents {
  readonly network: Network;
  readonly directory: Directory;
  readonly crypto: Crypto;
  readonly clock: TimerClock;
  readonly identity: Identity;
  readonly authorise: AuthoriseRecord;
  readonly credentials: Credentials;
  readonly isAuthorisedNow: IsAuthorisedNow;
  readonly termsOf: (namespace: NamespaceRef) => Terms;
  /** DID of this node's operator. */
  readonly operator: string;
  readonly sponsors: Sponsors & Revocations;
  /** Whether its policy lets anyone read it. */
  readonly isOpen: (namespace: NamespaceRef) => boolean;
  /** Null at a node that keeps nothing, which does not import it. */
  readonly LocalReplica: typeof LocalReplica | null;
  /** Why this node may not act for its operator; null where it may. */
  readonly operatorFault: () => string | null;
  readonly logger: Logger;
  readonly events: EventLog;
}

export interface StorageServiceInit {
  readonly config: Config;
  readonly splitLoopback: boolean;
}
