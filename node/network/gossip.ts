import type { GossipSub } from '@libp2p/gossipsub';
import type { Connection, PeerId } from '@libp2p/interface';

/** The only gossip protocol spoken: every node has it, and each further one would be three streams a peer. */
export const GOSSIP_PROTOCOL = '/meshsub/1.2.0';
/** Adjustment of the score of a peer that is to be ignored: far below the graylist threshold. */
export const GRAYLISTED_SCORE = -1000;
/** Outbound streams that may be in their opening together, one for a peer. */
const OPENING_MAX = 256;
/** Messages in one answer to IWANT, in bytes: far below the largest frame, so that the rest of it fits, too. */
const IWANT_ANSWER_MAX_BYTES = 1024 * 1024;

/**
 * Members of gossipsub that this node uses beyond its published interface: the mesh, the scores and the outbound streams are
 * public members of its class.
 */
export interface Gossip extends GossipSub {
  publish(topic: string, data: Uint8Array): Promise<{ recipients: PeerId[] }>;
  getMeshPeers(topic: string): string[];
  getScore(peer: string): number;
  readonly streamsOutbound: ReadonlyMap<string, unknown>;
}

/** Two of its methods that do not hold under attack as they are. */
interface Internals {
  protocols: string[];
  createOutboundStream(peer: PeerId, connection: Connection): Promise<void>;
  handleIWant(peer: string, iwant: unknown[]): { readonly data?: Uint8Array }[];
}

/**
 * Mends what gossipsub 17 leaves open, before it is started. It opens outbound streams strictly one after
 * another, so one peer that never answers keeps all others waiting; and it answers IWANT with up to 5 000
 * messages in one frame, which neither side's limits take.
 */
export function hardenGossip(gossip: Gossip): void {
  const internals = gossip as unknown as Internals;
  internals.protocols = [GOSSIP_PROTOCOL];

  const createOutboundStream = internals.createOutboundStream.bind(gossip);
  const opening = new Set<string>();
  internals.createOutboundStream = (peer, connection) => {
    const id = peer.toString();
    if (!opening.has(id) && opening.size < OPENING_MAX) {
      opening.add(id);
      void createOutboundStream(peer, connection).finally(() => opening.delete(id));
    }
    return Promise.resolve();
  };

  const handleIWant = internals.handleIWant.bind(gossip);
  internals.handleIWant = (peer, iwant) => {
    let bytes = 0;
    return handleIWant(peer, iwant).filter(({ data }) => {
      bytes += data?.byteLength ?? 0;
      return bytes <= IWANT_ANSWER_MAX_BYTES;
    });
  };
}
