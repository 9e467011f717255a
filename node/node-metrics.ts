import type { Role } from './config/role.ts';
import type { Meter } from './observability/meter.ts';

/**
 * Registers what a node is. Everything else stands beside what it is about: `relay/metrics.ts`,
 * `peers/metrics.ts`, `directory/metrics.ts`, here in `process-metrics.ts`, `event-loop.ts`, `disk-usage.ts` and
 * `events.ts`, and for a gateway in `gateway/admin/gateway-metrics.ts`.
 */
export function registerNodeMetrics(
  meter: Meter,
  init: { readonly version: string; readonly role: Role; readonly startedAt: number },
): void {
  meter.info('maillon_build_info', 'Which program this is, and as what it runs.', {
    version: init.version,
    role: init.role,
    runtime: process.version,
  });
  meter.gauge('maillon_node_start_time_seconds', 'When the node started, since the Unix epoch.', () => {
    return init.startedAt / 1000;
  });
  meter.gauge('maillon_node_uptime_seconds', 'How long the node runs.', () => {
    return Math.max(0, Date.now() - init.startedAt) / 1000;
  });
}
