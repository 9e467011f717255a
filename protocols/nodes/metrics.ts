import { NODES_ERRORS, type NodesErrorCode } from './errors.ts';

/** Counters of the protocol. True counters: they only grow. */
export interface NodesMetrics {
  announcementsAccepted: number;
  announcementsPublished: number;
  pagesAnswered: number;
  /** Questions of peers that ask too much. */
  pagesRefused: number;
  /** Announcements and frames not taken, by reason. */
  readonly refused: Record<NodesErrorCode, number>;
}

export function createNodesMetrics(): NodesMetrics {
  const refused = Object.fromEntries(Object.keys(NODES_ERRORS).map((code) => [code, 0]));
  return {
    announcementsAccepted: 0,
    announcementsPublished: 0,
    pagesAnswered: 0,
    pagesRefused: 0,
    refused: refused as Record<NodesErrorCode, number>,
  };
}
