import type { Meter } from '../../observability/meter.ts';

/** Counters of maintenance. True counters: they only grow. */
export interface MaintenanceMetrics {
  scrubs: number;
  recordsScrubbed: number;
  broken: number;
  repaired: number;
  /** Bytes given back to the file system. */
  reclaimedBytes: number;
}

export function createMaintenanceMetrics(): MaintenanceMetrics {
  return { scrubs: 0, recordsScrubbed: 0, broken: 0, repaired: 0, reclaimedBytes: 0 };
}

/** Sources of the maintenance metrics. */
export interface MaintenanceGauges {
  readonly metrics: MaintenanceMetrics;
  /** Seconds since everything was read and verified; null where that never happened. */
  readonly scrubAgeSeconds: number | null;
}

export function registerMaintenanceMetrics(meter: Meter, gauges: MaintenanceGauges): void {
  const { metrics } = gauges;
  const count = (what: string, help: string, read: () => number): void =>
    meter.counter(`maillon_maintenance_${what}_total`, help, read);
  count('scrubs', 'Times that all that is stored was read and verified.', () => metrics.scrubs);
  count('records_scrubbed', 'Records that scrubs read.', () => metrics.recordsScrubbed);
  count('broken', 'Records and blocks that scrubs found broken.', () => metrics.broken);
  count('repaired', 'Of them those that other nodes gave again.', () => metrics.repaired);
  count(
    'reclaimed_bytes',
    'Bytes that compaction gave back to the file system.',
    () => metrics.reclaimedBytes,
  );
  meter.gauge(
    'maillon_maintenance_scrub_age_seconds',
    'Since everything was read and verified; -1 for never.',
    () => {
      return gauges.scrubAgeSeconds ?? -1;
    },
  );
}
