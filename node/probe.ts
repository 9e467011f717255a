import { gossipTopics } from '../protocols/relay/index.ts';
import type { Config } from './config/schema.ts';
import type { Probe, Role } from './interface.ts';
import type { Network } from './libp2p.ts';
import type { NamespacesService } from './namespaces/service.ts';
import type { Parts } from './parts.ts';
import type { RelayService } from './relay/relay.ts';
import type { StorageService } from './storage/service.ts';

/** Looks at each thing a node needs to serve. */
export function probeNode(
  parts: Pick<Parts, 'network' | 'relay' | 'storage' | 'tenancy'>,
  init: { config: Config; role: Role },
): Probe[] {
  const { network, relay, storage } = parts;
  return [
    probeListening(network, init.role),
    probePeers(network, init),
    probeMesh(network, init.config),
    probeDisk(relay),
    probeStorage(storage),
    probeNamespaces(parts.tenancy.namespaces),
  ];
}

function probeListening(network: Network, role: Role): Probe {
  const addresses = network.getMultiaddrs().length;
  const ok = role === 'light' || addresses > 0;
  return { name: 'listening', ok, detail: ok ? `${addresses} addresses` : 'no swarm address is listened on' };
}

/** A node alone is a swarm of one; a light one, or one that was told whom to join, needs a peer. */
function probePeers(network: Network, init: { config: Config; role: Role }): Probe {
  const peers = network.getPeers().length;
  const ok = peers > 0 || (init.role === 'full' && init.config.bootstrap.length === 0);
  return { name: 'peers', ok, detail: ok ? `${peers} connected` : 'no peer is connected: check bootstrap' };
}

/** Every shard needs as many mesh peers as D_low, or all there are. */
function probeMesh(network: Network, config: Config): Probe {
  const { gossip } = network.services;
  const thin = gossipTopics().filter((topic) => {
    const wanted = Math.min(config['gossip.degreeLow'], gossip.getSubscribers(topic).length);
    return gossip.getMeshPeers(topic).length < wanted;
  });
  const ok = thin.length === 0;
  return {
    name: 'mesh',
    ok,
    detail: ok ? 'every shard is meshed' : `${thin.length} shards still lack mesh peers`,
  };
}

function probeDisk(relay: RelayService): Probe {
  const fault = relay.diskFault;
  return { name: 'disk', ok: fault === null, detail: fault ?? 'seen ids reach the disk' };
}

function probeStorage(storage: StorageService): Probe {
  const { fault } = storage;
  const { records, members } = storage.status();
  const detail = fault ?? `${records} records kept, ${members} nodes may be home`;
  return { name: 'storage', ok: fault === null, detail };
}

function probeNamespaces({ fault, counts }: NamespacesService): Probe {
  const detail = fault ?? `${counts.policies} policies and ${counts.revocations} revocations kept`;
  return { name: 'namespaces', ok: fault === null, detail };
}
