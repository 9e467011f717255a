import type { GossipSub } from '@libp2p/gossipsub';
import type { PeerId } from '@libp2p/interface';

/**
 * What this node uses of gossipsub beyond its published interface: the mesh, the scores and the outbound
 * streams are public members of its class.
 */
export interface Gossip extends GossipSub {
  publish(topic: string, data: Uint8Array): Promise<{ recipients: PeerId[] }>;
  getMeshPeers(topic: string): string[];
  getScore(peer: string): number;
  readonly streamsOutbound: ReadonlyMap<string, unknown>;
}
