import type { Meter } from '../observability/meter.ts';

/** Metrics of serving public blobs. True counters: they only grow. */
export interface IpfsMetrics {
  messagesReceived: number;
  /** Messages that were none, or came too fast. */
  messagesRefused: number;
  wantsReceived: number;
  /** Wants that were not heard: too many waited. */
  wantsDropped: number;
  blocksSent: number;
  bytesSent: number;
  /** Said of blocks that were not asked for, or not here. */
  presencesSent: number;
  /** Peers that did not take what they wanted, or said too much. */
  peersDeafened: number;
  /** Blocks that came from other nodes for clients of this one. */
  blocksFetched: number;
  /** Blocks that others gave and that are not what was asked for. */
  lies: number;
  /** Searches that ended with nothing. */
  notFound: number;
  /** Blobs announced, and renewed. */
  announces: number;
  announceFailures: number;
}

export function createIpfsMetrics(): IpfsMetrics {
  return {
    messagesReceived: 0,
    messagesRefused: 0,
    wantsReceived: 0,
    wantsDropped: 0,
    blocksSent: 0,
    bytesSent: 0,
    presencesSent: 0,
    peersDeafened: 0,
    blocksFetched: 0,
    lies: 0,
    notFound: 0,
    announces: 0,
    announceFailures: 0,
  };
}

/** Its metrics and gauges. */
export interface IpfsGauges {
  readonly metrics: IpfsMetrics;
  /** Wants of peers that wait. */
  readonly waiting: number;
  /** Announcements kept for others. */
  readonly providers: number;
  /** Counter: those that were not kept. */
  readonly announcesRefused: number;
  /** Blobs of this node that are announced. */
  readonly announced: number;
}

export function registerIpfsMetrics(meter: Meter, ipfs: IpfsGauges): void {
  const { metrics } = ipfs;
  const count = (what: string, help: string, read: () => number): void =>
    meter.counter(`maillon_ipfs_${what}_total`, help, read);
  count('messages_received', 'Wantlists of peers.', () => metrics.messagesReceived);
  count('messages_refused', 'Wantlists that were none, or came too fast.', () => metrics.messagesRefused);
  count('wants_received', 'Blocks that peers asked for.', () => metrics.wantsReceived);
  count('wants_dropped', 'Of them those for which too many waited.', () => metrics.wantsDropped);
  count('blocks_sent', 'Blocks sent by bitswap.', () => metrics.blocksSent);
  count('sent_bytes', 'Bytes of blocks sent by bitswap.', () => metrics.bytesSent);
  count('presences_sent', 'Answers of bitswap without a block.', () => metrics.presencesSent);
  count('peers_deafened', 'Peers not heard for a while for what they did.', () => metrics.peersDeafened);
  count('blocks_fetched', 'Public blocks got from other nodes for clients.', () => metrics.blocksFetched);
  count('lies', 'Blocks of other nodes that were not what was asked for.', () => metrics.lies);
  count('not_found', 'Searches for public blocks that ended with nothing.', () => metrics.notFound);
  count('announces', 'Public blobs announced in the DHT, and renewed.', () => metrics.announces);
  count('announce_failures', 'Announcements that nobody took.', () => metrics.announceFailures);
  count('announces_refused', 'Announcements of others not kept.', () => ipfs.announcesRefused);
  meter.gauge('maillon_ipfs_wanted_blocks', 'Wants of peers that wait.', () => ipfs.waiting);
  meter.gauge('maillon_ipfs_provider_records', 'Announcements kept for others.', () => ipfs.providers);
  meter.gauge('maillon_ipfs_announced_blobs', 'Public blobs that this node announces.', () => ipfs.announced);
}
