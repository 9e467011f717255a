import type { JoinMetrics } from '../../protocols/join/index.ts';
import type { Meter } from '../observability/meter.ts';

export interface JoinGauges {
  readonly metrics: JoinMetrics;
  /** When this node's delegation ends, milliseconds since the Unix epoch; null for never. */
  readonly endsAt: number | null;
}

/** Registers what is counted of joining. */
export function registerJoinMetrics(meter: Meter, joining: JoinGauges): void {
  meter.counter('maillon_join_granted_total', 'Invites redeemed and delegations renewed here.', () => {
    return joining.metrics.granted;
  });
  meter.counters(
    'maillon_join_refused_total',
    'Requests to join or renew not granted, by reason.',
    'code',
    () => Object.entries(joining.metrics.refused),
  );
  meter.gauge(
    'maillon_operator_delegation_end_seconds',
    'When the delegation to this node ends, since the Unix epoch; 0 for never.',
    () => (joining.endsAt ?? 0) / 1000,
  );
}
