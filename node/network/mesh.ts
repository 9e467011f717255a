import { gossipTopics } from '../../protocols/relay/index.ts';
import type { Network } from './libp2p.ts';

/** Mesh peers per shard. */
export function meshSizes(network: Network): number[] {
  return gossipTopics().map((topic) => network.services.gossip.getMeshPeers(topic).length);
}
