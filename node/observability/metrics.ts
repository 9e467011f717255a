import type { NodeView, Role } from '../interface.ts';
import type { Meter } from './meter.ts';

/**
 * Registers what a node is. Everything else stands beside what it is about: `relay/metrics.ts`, `peers/metrics.ts`,
 * `process-metrics.ts`, `event-loop.ts`, `disk-usage.ts`, `events.ts`, and for a gateway
 * `gateway/admin/gateway-metrics.ts`.
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

const REACHES = ['direct', 'relayed', 'unconfirmed'] as const;

/** Registers how many nodes the directory has, by how this node reached them when it dialled back. */
export function registerDirectoryMetrics(meter: Meter, nodes: () => readonly NodeView[]): void {
  meter.gauges('maillon_directory_nodes', 'Announced nodes, by how they were reached.', 'reach', () => {
    const counts = new Map<string, number>(REACHES.map((reach) => [reach, 0]));
    for (const { reach, isSelf } of nodes()) {
      if (isSelf) continue;
      const name = reach ?? 'unconfirmed';
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  });
}
