import type { GatewayMetrics } from './metrics.ts';

export interface Gateway {
  /** Where it listens, without a slash at the end. Empty until it has been started. */
  readonly url: string;
  /** What it counted since it was made. */
  readonly metrics: Readonly<GatewayMetrics>;
  /** Starts it, or does nothing when it runs. Throws `CodedError` `port_taken`. */
  start(): Promise<void>;
  /** Stops it, or does nothing. Clients are told to go; takes at most 1 s. */
  stop(): Promise<void>;
}
