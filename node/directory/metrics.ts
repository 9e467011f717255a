import { createNodesMetrics, type NodesMetrics } from '../../protocols/nodes/index.ts';
import type { Meter } from '../observability/meter.ts';
import type { NodeView } from './interface.ts';

/** Metrics of the directory besides the protocol's. True counters: they only grow. */
export interface DirectoryMetrics extends NodesMetrics {
  dialBacksOk: number;
  dialBacksFailed: number;
  exchangesOk: number;
  exchangesFailed: number;
}

export function createDirectoryMetrics(): DirectoryMetrics {
  return { ...createNodesMetrics(), dialBacksOk: 0, dialBacksFailed: 0, exchangesOk: 0, exchangesFailed: 0 };
}

const REACHES = ['direct', 'relayed', 'unconfirmed'] as const;

/** Registers what the directory counts, and how many other nodes it has by how they were reached. */
export function registerDirectoryMetrics(
  meter: Meter,
  directory: { readonly metrics: DirectoryMetrics; readonly nodes: () => readonly NodeView[] },
): void {
  const { metrics, nodes } = directory;
  meter.gauges('maillon_directory_nodes', 'Other nodes announced, by how they were reached.', 'reach', () => {
    const counts = new Map<string, number>(REACHES.map((reach) => [reach, 0]));
    for (const { reach, isSelf } of nodes()) {
      const name = reach ?? 'unconfirmed';
      if (!isSelf) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  });
  const outcomes = (what: string, help: string, read: () => readonly [number, number]): void =>
    meter.counters(`maillon_directory_${what}_total`, help, 'outcome', () => {
      const [ok, failed] = read();
      return [
        ['ok', ok],
        ['failed', failed],
      ];
    });
  outcomes('dial_backs', 'Nodes dialled to see whether they are where they say.', () => {
    return [metrics.dialBacksOk, metrics.dialBacksFailed];
  });
  outcomes('exchanges', 'Peers asked for the announcements they hold.', () => {
    return [metrics.exchangesOk, metrics.exchangesFailed];
  });
  const count = (what: string, help: string, read: () => number): void =>
    meter.counter(`maillon_directory_${what}_total`, help, read);
  count('announcements_accepted', 'Announcements found good.', () => metrics.announcementsAccepted);
  count('announcements_published', 'Announcements of this node.', () => metrics.announcementsPublished);
  count('pages_answered', 'Pages of announcements given to peers that asked.', () => metrics.pagesAnswered);
  count('pages_refused', 'Questions of peers that asked too much.', () => metrics.pagesRefused);
  meter.counters(
    'maillon_directory_announcements_refused_total',
    'Announcements and frames not taken, by reason.',
    'code',
    () => Object.entries(metrics.refused),
  );
}
