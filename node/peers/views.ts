import type { Connection, Peer } from '@libp2p/interface';
import { gossipTopics } from '../../protocols/relay/index.ts';
import type { Network } from '../network/libp2p.ts';
import type { PeerView } from './interface.ts';

/** Peers listed that are not connected. */
const KNOWN_MAX = 200;

/** The peers of a node: the connected ones first, then some of those it knows. */
export async function viewPeers(network: Network): Promise<PeerView[]> {
  const connections = new Map(network.getConnections().map((c) => [c.remotePeer.toString(), c]));
  const known = await network.peerStore.all();
  const records = new Map(known.map((peer) => [peer.id.toString(), peer]));
  const views = [...connections].map(([id, connection]) => view(network, id, connection, records.get(id)));
  for (const [id, record] of records) {
    if (views.length >= connections.size + KNOWN_MAX) break;
    if (!connections.has(id)) views.push(view(network, id, undefined, record));
  }
  return views;
}

function view(
  network: Network,
  id: string,
  connection: Connection | undefined,
  record: Peer | undefined,
): PeerView {
  const { gossip } = network.services;
  const known = record?.addresses.map((address) => address.multiaddr.toString()) ?? [];
  const agent = record?.metadata.get('AgentVersion');
  return {
    id,
    addresses: known.length > 0 || connection === undefined ? known : [connection.remoteAddr.toString()],
    connected: connection !== undefined,
    direction: connection?.direction ?? null,
    lastSeen: connection === undefined ? lastSeen(record) : Date.now(),
    agent: agent === undefined ? null : new TextDecoder().decode(agent),
    score: gossip.getScore(id),
    meshShards: gossipTopics().flatMap((topic, shard) =>
      gossip.getMeshPeers(topic).includes(id) ? [shard] : [],
    ),
  };
}

function lastSeen(record: Peer | undefined): number {
  const text = record?.metadata.get('last-dial-success');
  return text === undefined ? 0 : Number(new TextDecoder().decode(text));
}
