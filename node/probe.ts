import { gossipTopics } from '../protocols/relay/index.ts';
import type { Role } from './config/role.ts';
import type { Config } from './config/schema.ts';
import type { Probe } from './interface.ts';
import type { Joining } from './join/service.ts';
import type { NamespacesService } from './namespaces/service.ts';
import type { Network } from './network/libp2p.ts';
import type { Parts } from './parts.ts';
import type { RelayService } from './relay/relay.ts';
import type { StorageService } from './storage/service.ts';

/** Bootstrap addresses that a probe explains. */
const FAULTS_SHOWN = 8;

/** Looks at each thing a node needs to serve. */
export function probeNode(
  parts: Pick<Parts, 'network' | 'peers' | 'relay' | 'storage' | 'tenancy' | 'joining'>,
  init: { config: Config; role: Role },
): Probe[] {
  const { network, relay, storage } = parts;
  return [
    probeListening(network, init.role),
    probePeers(parts, init),
    probeMesh(network, init.config),
    probeDisk(relay),
    probeStorage(storage, parts.joining),
    probeNamespaces(parts.tenancy.namespaces),
    probeOperator(parts.joining),
    ...probeRecovery(storage),
  ];
}

function probeListening(network: Network, role: Role): Probe {
  const addresses = network.services.reach.ownAddresses().length;
  const ok = role === 'light' || addresses > 0;
  return { name: 'listening', ok, detail: ok ? `${addresses} addresses` : 'no swarm address is listened on' };
}

/** A node alone is a swarm of one; a light one, or one that was told whom to join, needs a peer. Whom it was told is the operator's. */
function probePeers(
  { network, peers }: Pick<Parts, 'network' | 'peers'>,
  init: { config: Config; role: Role },
): Probe {
  const count = network.getPeers().length;
  const ok = count > 0 || (init.role === 'full' && init.config.bootstrap.length === 0);
  const detail = ok
    ? `${count} connected`
    : 'no peer is connected: the log says why, and so does /readyz to the operator';
  const faults = peers.bootstrap().flatMap(({ address, fault }) => {
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
 * What is published on a shard goes through its mesh: one peer in it is enough to be heard. With fewer than D_low it takes the next
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

function probeDisk(relay: RelayService): Probe {
  const fault = relay.diskFault;
  return { name: 'disk', ok: fault === null, detail: fault ?? 'seen ids reach the disk' };
}

function probeStorage(storage: StorageService, { status: operator }: Joining): Probe {
  const { fault } = storage;
  const { records, members, fellows, replicas, capacityBytes, isReady, partitions } = storage.status();
  const { underReplicated, leaving } = partitions;
  const own = fellows.filter(({ isLive }) => isLive).length + (isReady ? 1 : 0);
  const facts = [
    `${records} records kept; ${members} nodes keep records, ${own} of them are replicas of this operator (${replicas} wanted)`,
    ...(underReplicated > 0
      ? [`under-replicated: fewer than ${replicas} replicas of ${underReplicated} partitions`]
      : []),
    ...(leaving > 0 ? [`leaving: ${leaving} partitions wait for a successor`] : []),
    ...(capacityBytes > 0 && !isReady && operator.fault === null
      ? ['joining: this node copies its share and counts as no replica yet']
      : []),
  ];
  return { name: 'storage', ok: fault === null, detail: fault ?? facts.join('; ') };
}

function probeNamespaces({ fault, counts }: NamespacesService): Probe {
  const detail = fault ?? `${counts.policies} policies and ${counts.revocations} revocations kept`;
  return { name: 'namespaces', ok: fault === null, detail };
}

function probeOperator({ status }: Joining): Probe {
  const { did, fault } = status;
  return { name: 'operator', ok: fault === null, detail: fault ?? `this node may act for ${did}` };
}

/** A restored node is not ready before it has reconciled: what it holds counts for nothing. Where there is nobody else it serves. */
function probeRecovery({ recovery }: StorageService): Probe[] {
  if (recovery === null) return [];
  const asOf = new Date(recovery.asOf).toISOString();
  const ok = recovery.state === 'alone';
  const detail = ok
    ? `restored, and the only replica: it serves what the backup held, as of ${asOf}`
    : `restored as of ${asOf}: it reconciles with the other replicas, and counts for nothing before: start the other machines, or revoke those that are gone (maillon revoke)`;
  return [{ name: 'recovery', ok, detail }];
}
