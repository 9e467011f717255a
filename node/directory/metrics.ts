import { createNodesMetrics, type NodesMetrics } from '../../protocols/nodes/index.ts';

/** What the directory counts beside the protocol. True counters: they only grow. */
export interface DirectoryMetrics extends NodesMetrics {
  dialBacksOk: number;
  dialBacksFailed: number;
  exchangesOk: number;
  exchangesFailed: number;
}

export function createDirectoryMetrics(): DirectoryMetrics {
  return { ...createNodesMetrics(), dialBacksOk: 0, dialBacksFailed: 0, exchangesOk: 0, exchangesFailed: 0 };
}
