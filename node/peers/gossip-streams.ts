import type { PeerId } from '@libp2p/interface';
import type { Clock } from '../../protocols/common/clock.ts';
import { GOSSIP_PROTOCOL } from '../network/gossip.ts';
import type { Network } from '../network/libp2p.ts';
import type { Logger } from '../observability/logger.ts';

/** How long a new connection may take to open its gossip stream. */
const GOSSIP_OPEN_MS = 15_000;

/**
 * Disconnects peers that speak gossip but have no gossip stream: gossip opens only one stream on a connection, and
 * forgets a peer whose frames it could not read.
 */
export async function closeWithoutGossip(network: Network, clock: Clock, log: Logger): Promise<void> {
  const { gossip } = network.services;
  for (const connection of network.getConnections()) {
    const id = connection.remotePeer;
    const isYoung = clock.now() - connection.timeline.open < GOSSIP_OPEN_MS;
    if (isYoung || gossip.streamsOutbound.has(id.toString()) || !(await speaksGossip(network, id))) continue;
    log.info({ peer: id.toString() }, 'reconnecting a peer whose gossip stream was lost');
    await connection.close().catch((error: unknown) => {
      log.debug({ err: error }, 'hanging up failed');
    });
  }
}

async function speaksGossip(network: Network, id: PeerId): Promise<boolean> {
  const peer = await network.peerStore.get(id).catch(() => undefined);
  return peer?.protocols.includes(GOSSIP_PROTOCOL) ?? false;
}
