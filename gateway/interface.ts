import type { IncomingHttpHeaders } from 'node:http';
import type { Logger, MaillonNode, Probe, Storage } from '../node/index.ts';
import type { Audit } from './audit/interface.ts';
import type { ApiKeyRing } from './auth/api-key-ring.ts';
import type { HeldPrincipal } from './auth/identity.ts';
import type { WalletPromises } from './auth/wallet-promises.ts';
import type { Events } from './core/events.ts';
import type { GatewayFeature } from './http/core/feature.ts';
import type { Answered, GatewayMetrics } from './observability/metrics.ts';

export interface GatewayComponents {
  readonly node: MaillonNode;
  /** Where values are kept; the node's own unless given. */
  readonly storage?: Storage;
  readonly logger: Logger;
  /** Where what happens to clients is reported; only logged otherwise. */
  readonly events?: Events;
  /** Where authentication and administration are written down; nowhere otherwise. */
  readonly audit?: Audit;
  /** Faces of third parties' features. */
  readonly features?: readonly GatewayFeature[];
  /** Told of every HTTP request that was answered. */
  readonly onAnswered?: (answered: Answered) => void;
}

export interface Gateway {
  /** Where this machine reaches it, without a slash at the end. Empty until it has been started. */
  readonly url: string;
  /** URLs to open, the best first: that one, and those under the names in gateway.allowedHosts. Empty until it has been started. */
  readonly urls: readonly string[];
  /** Its counts since it was made. */
  readonly metrics: Readonly<GatewayMetrics>;
  /** Checks now what it needs to serve. */
  probe(): Probe[];
  /** API keys of its operator. Throws `CodedError` `not_running`. */
  operatorKeys(): ApiKeyRing;
  /** The principal of the credential in these headers; null without one. Throws `unauthenticated`, `not_running`. */
  identify(headers: IncomingHttpHeaders): Promise<HeldPrincipal | null>;
  /** Its operator's promise to wallets. Throws `CodedError` `not_running`. */
  walletPromises(): Pick<WalletPromises, 'usage' | 'end'>;
  /** Reads the files of certificate and key again, where it speaks TLS; keeps the former when they cannot be used. */
  reload(): void;
  /**
   * Serves these features of third parties from now on, and no others of them. A gateway that runs closes and listens anew: its streaming
   * clients are told to connect again. Where it does not start with them, it goes on without, and rejects.
   */
  setFeatures(features: readonly GatewayFeature[]): Promise<void>;
  /** Starts it, or does nothing when it runs. Throws `CodedError` `port_taken`, `bad_tls`. */
  start(): Promise<void>;
  /** Stops it, or does nothing. Clients are told to go; takes at most 1 s. */
  stop(): Promise<void>;
}
