import type { NodeStatus, StorageSummary } from './interface.ts';
import type { OperatorView } from './join/interface.ts';
import { meshSizes } from './network/mesh.ts';
import type { Parts } from './parts.ts';
import type { RelayService } from './relay/relay.ts';
import { peerOfKey } from './runtime/peer-ids.ts';
import type { StorageStatus } from './storage/api/interface.ts';

const NOTHING_STORED: StorageSummary = {
  records: 0,
  blobs: { count: 0, bytes: 0 },
  uploads: { count: 0, bytes: 0 },
  capacityBytes: 0,
  usedBytes: 0,
  availableBytes: 0,
};

/** The status of a running node, without the features that are off. */
export function statusOf({ core, features, sight, startedAt }: Parts): NodeStatus {
  const { identity, network, role, config, version } = core;
  const { storage } = features.services;
  return {
    peerId: identity.peerId,
    author: identity.author,
    role,
    swarm: config.swarm,
    operator: features.services.members?.status ?? operatorOf(core),
    version,
    startedAt,
    addresses: network.services.reach.ownAddresses().map(String),
    peers: network.getPeers().length,
    bootstrap: features.service('peers').bootstrap(),
    mesh: meshSizes(network),
    relay: relayOf(features.service('relay')),
    ...sight.status,
    storage: storage === undefined ? NOTHING_STORED : summaryOf(storage.status()),
    directory: directoryOf({ core, features }),
    recovery: storage?.recovery ?? null,
  };
}

function operatorOf({ operator, membership }: Parts['core']): OperatorView {
  const invitedBy = membership === null ? null : peerOfKey(membership.issuer);
  return { did: operator.did, invitedBy, endsAt: null, fault: null };
}

function relayOf({ metrics, waiting, subscriptionCount }: RelayService): NodeStatus['relay'] {
  return { ...metrics, waiting, subscriptions: subscriptionCount };
}

function directoryOf({ core, features }: Pick<Parts, 'core' | 'features'>): NodeStatus['directory'] {
  const nodes = features.services.directory?.nodes() ?? [];
  const others = nodes.filter(({ isSelf }) => !isSelf);
  const own = core.operator.did;
  return {
    nodes: others.length,
    direct: others.filter(({ reach }) => reach === 'direct').length,
    relayed: others.filter(({ reach }) => reach === 'relayed').length,
    owners: others.filter(({ operator }) => operator !== '' && operator !== own).length,
  };
}

function summaryOf({
  records,
  blobs,
  uploads,
  capacityBytes,
  usedBytes,
  availableBytes,
}: StorageStatus): StorageSummary {
  return { records, blobs, uploads, capacityBytes, usedBytes, availableBytes };
}
