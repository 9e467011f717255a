import type { IdentityMetrics } from '../../protocols/identity/index.ts';
import type { Meter } from '../observability/meter.ts';
import { registerWalletMetrics } from './wallets/metrics.ts';

export interface IdentityGauges {
  readonly metrics: IdentityMetrics;
  readonly wallets: Parameters<typeof registerWalletMetrics>[1];
}

/** Registers what is counted of delegation chains. */
export function registerIdentityMetrics(meter: Meter, { metrics, wallets }: IdentityGauges): void {
  meter.counters('maillon_identity_chains_total', 'Delegation chains that were asked for.', 'outcome', () => [
    ['verified', metrics.chainsVerified],
    ['known', metrics.chainsFromCache],
  ]);
  meter.counter('maillon_identity_signatures_verified_total', 'Signatures of delegations verified.', () => {
    return metrics.signaturesVerified;
  });
  meter.counters('maillon_identity_refused_total', 'Delegation chains not taken, by reason.', 'code', () =>
    Object.entries(metrics.refused),
  );
  registerWalletMetrics(meter, wallets);
}
