import { peerIdFromString } from '@libp2p/peer-id';
import type { TimerClock } from '../../../protocols/common/clock.ts';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import type { Config } from '../../config/schema.ts';
import type { Directory } from '../../directory/directory.ts';
import type { Identity } from '../../identity/identity.ts';
import type { Network } from '../../network/libp2p.ts';
import type { Logger } from '../../observability/logger.ts';
import { Members } from './members.ts';
import { offersOf, prefixOfSelf, type Revocations } from './offers.ts';
import { ReplicaPlacement, type ReplicaPlacementComponents, type Sponsors } from './replica-placement.ts';

/** The directory and the connections, from which this node derives the swarm's storage members. */
export interface SwarmViewComponents {
  readonly network: Network;
  readonly directory: Directory;
  readonly identity: Identity;
  readonly crypto: Crypto;
  readonly clock: TimerClock;
  readonly logger: Logger;
  /** DID of this node's operator. */
  readonly operator: string;
  readonly sponsors: Sponsors & Revocations;
  /** Connects to a member. Throws when it is not there. */
  readonly dial: (id: string) => Promise<void>;
}

export interface SwarmViewInit {
  readonly config: Config;
  /** Whether this node stores for others. */
  readonly keeps: boolean;
  readonly splitLoopback: boolean;
  /** File of the members. */
  readonly path: string;
}

/** The nodes that may be replicas, as this node knows them. */
export function createMembers(components: SwarmViewComponents, init: SwarmViewInit): Members {
  const { network, directory, identity, operator, sponsors } = components;
  const { config, keeps, splitLoopback, path } = init;
  const { peerId } = identity;
  return new Members(
    {
      ...components,
      offers: () => offersOf(directory.entries, sponsors),
      revocations: sponsors,
      isConnected: (id) => network.getConnections(peerIdFromString(id)).length > 0,
      ownPrefix: () => prefixOfSelf(directory.self.addresses, peerId, splitLoopback),
    },
    {
      path,
      self: keeps ? peerId : null,
      operator,
      downTimeoutMs: config['storage.downTimeoutMs'],
      mayBeAlone: config.bootstrap.length === 0,
    },
  );
}

/** Where partitions belong, as this node sees the swarm. */
export function createPlaces(
  components: ReplicaPlacementComponents,
  { config, self }: { readonly config: Config; readonly self: string },
): ReplicaPlacement {
  const replicas = config['storage.replicas'];
  const distinctPrefixes = config['storage.distinctPrefixes'];
  return new ReplicaPlacement(components, { self, replicas, distinctPrefixes });
}
