import type { RelayMetrics } from '../../protocols/relay/index.ts';
import type { Meter } from '../observability/meter.ts';

/** Metrics and gauges of the relay. */
export interface RelayGauges {
  readonly metrics: RelayMetrics;
  /** Envelopes that wait for their signature to be verified. */
  readonly waiting: number;
  readonly subscriptionCount: number;
  /** Bytes of messages that wait to be sent. */
  readonly publishQueueBytes: number;
}

/** Registers what the relay counts, and how many mesh peers each shard has. */
export function registerRelayMetrics(meter: Meter, relay: RelayGauges, meshSizes: () => number[]): void {
  const { metrics } = relay;
  const count = (what: string, help: string, read: () => number): void =>
    meter.counter(`maillon_relay_${what}_total`, help, read);

  count('copies_received', 'Copies of envelopes from peers, first and further ones.', () => {
    return metrics.copiesReceived;
  });
  count('envelopes_accepted', 'Envelopes of others found good.', () => metrics.envelopesAccepted);
  count('accepted_bytes', 'Bytes of envelopes found good.', () => metrics.bytesAccepted);
  count('envelopes_published', 'Envelopes this node made and sent.', () => metrics.envelopesPublished);
  count('messages_published', 'Messages in the envelopes this node made.', () => metrics.messagesPublished);
  count('messages_delivered', 'Messages handed to this node, its own included.', () => {
    return metrics.messagesDelivered;
  });
  meter.counters('maillon_relay_envelopes_refused_total', 'Envelopes not taken, by reason.', 'code', () =>
    Object.entries(metrics.refused),
  );
  meter.gauge('maillon_relay_verify_queue_envelopes', 'Envelopes that wait to be verified.', () => {
    return relay.waiting;
  });
  meter.gauge('maillon_relay_publish_queue_bytes', 'Bytes of messages that wait to be sent.', () => {
    return relay.publishQueueBytes;
  });
  meter.gauge('maillon_relay_subscriptions', 'Subscriptions on this node.', () => relay.subscriptionCount);
  meter.gauges('maillon_relay_mesh_peers', 'Peers in the mesh of each shard.', 'shard', () =>
    meshSizes().map((size, shard): [string, number] => [String(shard), size]),
  );
}
