import type { Meter } from '../../observability/meter.ts';
import type { Implementation } from './job.ts';

/** Metrics of the verifier of wallets' signatures. */
export interface WalletMetrics {
  /** Signatures verified, good or bad. */
  verified: number;
  /** Verifications refused because too many waited. */
  refused: number;
  /** Threads that ended without having been told to. */
  threadDeaths: number;
  /** Why the last of them did. */
  lastDeath: unknown;
}

export function createWalletMetrics(): WalletMetrics {
  return { verified: 0, refused: 0, threadDeaths: 0, lastDeath: null };
}

/** Registers what the verifier counts, and who computes for it. */
export function registerWalletMetrics(
  meter: Meter,
  wallets: { readonly metrics: Readonly<WalletMetrics>; readonly implementation: Implementation | null },
): void {
  const { metrics } = wallets;
  const count = (what: string, help: string, read: () => number): void =>
    meter.counter(`maillon_wallet_${what}_total`, help, read);

  count('signatures_verified', 'Signatures of wallets verified, good or bad.', () => metrics.verified);
  count('signatures_refused', 'Signatures of wallets not verified because too many waited.', () => {
    return metrics.refused;
  });
  count('thread_deaths', 'Threads of the verifier that ended by themselves.', () => metrics.threadDeaths);
  meter.gauges('maillon_wallet_verifier_info', 'What verifies signatures of wallets.', 'runtime', () =>
    wallets.implementation === null ? [] : [[wallets.implementation, 1]],
  );
}
