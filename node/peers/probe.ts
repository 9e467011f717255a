import { gossipTopics } from '../../protocols/relay/index.ts';
import type { Role } from '../config/role.ts';
import type { Config } from '../config/schema.ts';
import type { Probe } from '../core/probe.ts';
import type { Network } from '../network/libp2p.ts';
import type { BootstrapView } from './interface.ts';

export interface ProbedPeers {
  readonly network: Network;
  readonly bootstrap: readonly BootstrapView[];
}

export interface PeersProbeInit {
  readonly config: Config;
  readonly role: Role;
}

/** Bootstrap addresses that a probe explains. */
const FAULTS_SHOWN = 8;

/** Whether this node is reached, and reaches others. */
export function probePeers(peers: ProbedPeers, init: PeersProbeInit): Probe[] {
  const { network } = peers;
  return [probeListening(network, init.role), probeConnected(peers, init), probeMesh(network, init.config)];
}

function probeListening(network: Network, role: Role): Probe {
  const addresses = network.services.reach.ownAddresses().length;
  const ok = role === 'light' || addresses > 0;
  return { name: 'listening', ok, detail: ok ? `${addresses} addresses` : 'no swarm address is listened on' };
}

/**
 * A node alone is a swarm of one; a light node, or one with bootstrap addresses, needs a peer. Only the operator sees
 * bootstrap addresses.
 */
function probeConnected({ network, bootstrap }: ProbedPeers, init: PeersProbeInit): Probe {
  const count = network.getPeers().length;
  const ok = count > 0 || (init.role === 'full' && init.config.bootstrap.length === 0);
  const detail = ok
    ? `${count} connected`
    : 'no peer is connected: the log says why, and so does /readyz to the operator';
  const faults = bootstrap.flatMap(({ address, fault }) => {
    return fault === null ? [] : [`${address}: ${fault.reason} (${fault.next})`];
  });
  if (faults.length === 0) return { name: 'peers', ok, detail };
  const more = faults.length > FAULTS_SHOWN ? `; and ${faults.length - FAULTS_SHOWN} more` : '';
  const said = ok ? detail : 'no peer is connected';
  return {
    name: 'peers',
    ok,
    detail,
    operatorDetail: `${said}; ${faults.slice(0, FAULTS_SHOWN).join('; ')}${more}`,
  };
}

/**
 * A message on a shard goes through its mesh: one peer in it is enough to be heard. With fewer than D_low it takes the next
 * heartbeats to fill, each time somebody joins or leaves: that is said, and is no reason to be taken out of service.
 */
function probeMesh(network: Network, config: Config): Probe {
  const { gossip } = network.services;
  const shards = gossipTopics().map((topic) => {
    return { mesh: gossip.getMeshPeers(topic).length, subscribers: gossip.getSubscribers(topic).length };
  });
  const cut = shards.filter(({ mesh, subscribers }) => mesh === 0 && subscribers > 0);
  if (cut.length > 0) {
    return { name: 'mesh', ok: false, detail: `${cut.length} shards still lack mesh peers` };
  }
  const low = config['gossip.degreeLow'];
  const thin = shards.filter(({ mesh, subscribers }) => mesh < Math.min(low, subscribers));
  if (shards.every(({ subscribers }) => subscribers === 0)) {
    return { name: 'mesh', ok: true, detail: 'no other node is there to be meshed with' };
  }
  const detail =
    thin.length === 0 ? 'every shard is meshed' : `${thin.length} shards look for more mesh peers`;
  return { name: 'mesh', ok: true, detail };
}
