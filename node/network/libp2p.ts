import { autoNATv2 } from '@libp2p/autonat-v2';
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { gossipsub } from '@libp2p/gossipsub';
import { identify, identifyPush } from '@libp2p/identify';
import type { ComponentLogger, Libp2p, PrivateKey } from '@libp2p/interface';
import { type KadDHT, kadDHT } from '@libp2p/kad-dht';
import { noise } from '@libp2p/noise';
import { type Ping, ping } from '@libp2p/ping';
import { prometheusMetrics } from '@libp2p/prometheus-metrics';
import { tcp } from '@libp2p/tcp';
import { webSockets } from '@libp2p/websockets';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import type { Registry } from 'prom-client';
import { KAD_PROTOCOL } from '../../protocols/common/ids.ts';
import type { Role } from '../config/role.ts';
import { agentOf } from './agent.ts';
import { type Capabilities, capabilitiesOf } from './capabilities.ts';
import { coalescing } from './coalesce.ts';
import { dialling, listeningOnly, openDirectly, openThroughProxy } from './dial.ts';
import { type Gossip, hardenGossip } from './gossip.ts';
import { type GossipInit, gossipOptions } from './gossip-options.ts';
import { holePunching } from './hole-punch.ts';
import { isLoopbackHost } from './hosts.ts';
import { loadOptional } from './optional.ts';
import { ConnectionPolicy } from './policy.ts';
import { boundRecords, type ProviderRecords } from './provider-records.ts';
import { Reach, type ReachComponents } from './reach.ts';
import { readSwarmKey } from './swarm-key.ts';
import { withoutWalks } from './walk.ts';

/** libp2p with the services a node uses. */
export type Network = Libp2p<{ dht: KadDHT; gossip: Gossip; ping: Ping; reach: Reach }>;

export interface NetworkInit extends GossipInit {
  readonly role: Role;
  readonly privateKey: PrivateKey;
  readonly version: string;
  readonly listen: readonly string[];
  readonly logger: ComponentLogger;
  /** Where libp2p's own metrics are registered; without it nothing is measured. */
  readonly registry?: Registry;
  /** Told of what does not work and is done without. */
  readonly onFault: (what: string, error: unknown) => void;
}

/** A node's network and who it may talk to. */
export interface MadeNetwork {
  readonly network: Network;
  readonly policy: ConnectionPolicy;
  /** Keeps in these records what others announce in the DHT; without it nothing of that is kept. */
  readonly keepProviders: (records: ProviderRecords) => void;
}

const SECOND_MS = 1000;
const KIB = 1024;
const MIB = 1024 * KIB;

/** The one place that makes a libp2p node. Nothing is left to a library's default that bounds or decides. */
export async function createNetwork(init: NetworkInit): Promise<MadeNetwork> {
  const { config, role } = init;
  const capabilities = capabilitiesOf(config, role);
  let network: Network | undefined;
  const reachOf = (): Reach => (network as Network).services.reach;
  const policy = createPolicy(init, capabilities, () => network);
  const optional = await loadOptional(capabilities, (what, error) => init.onFault(what, error));
  const keyFile = config['network.keyFile'];
  const node = await createLibp2p({
    start: false,
    privateKey: init.privateKey,
    logger: init.logger,
    nodeInfo: {
      name: 'maillon',
      version: init.version,
      userAgent: agentOf({ version: init.version, swarm: config.swarm }),
    },
    addresses: { listen: listenOn(init, capabilities), announce: [...config['listen.announce']] },
    transports: [...transports(init, capabilities, reachOf), ...optional.transports],
    connectionEncrypters: [coalescing(noise())],
    ...(keyFile === '' ? {} : { connectionProtector: readSwarmKey(keyFile) }),
    connectionGater: policy,
    streamMuxers: [yamux(MUXER)],
    connectionManager: connectionBounds(init, capabilities),
    // peers/liveness.ts asks one connection after another instead of all at once
    connectionMonitor: { enabled: false },
    peerStore: { maxAddressAge: 3600 * SECOND_MS, maxPeerAge: 6 * 3600 * SECOND_MS },
    ...optional.discovery,
    ...measured(init),
    services: {
      ...services(init, capabilities, policy, reachOf),
      ...optional.services,
    },
  });
  network = node as unknown as Network;
  hardenGossip(network.services.gossip);
  const keepProviders = boundRecords(network.services.dht, network.peerStore);
  return { network, policy, keepProviders };
}

/** A host that only dials, under a key made for it: it asks peers before this node shows itself to anybody. */
export type Inquirer = Libp2p;

export async function createInquirer({
  config,
  version,
}: Pick<NetworkInit, 'config' | 'version'>): Promise<Inquirer> {
  const proxy = config['network.proxy'];
  const { dialTimeoutMs, webSocketDials } = capabilitiesOf(config, 'light');
  const open =
    proxy === ''
      ? openDirectly(
          () => null,
          () => undefined,
        )
      : openThroughProxy(proxy, dialTimeoutMs);
  const keyFile = config['network.keyFile'];
  return createLibp2p({
    start: false,
    nodeInfo: { name: 'maillon', version, userAgent: agentOf({ version, swarm: config.swarm }) },
    addresses: { listen: [] },
    transports: [
      dialling(tcp(), open),
      ...(webSocketDials ? [webSockets()] : []),
      withoutWalks(circuitRelayTransport({ maxInboundStopStreams: 1, maxOutboundStopStreams: 1 })),
    ],
    connectionEncrypters: [noise()],
    ...(keyFile === '' ? {} : { connectionProtector: readSwarmKey(keyFile) }),
    streamMuxers: [yamux(MUXER)],
    connectionManager: {
      ...(proxy === '' ? {} : { resolvers: {} }),
      addressDialTimeout: dialTimeoutMs,
      connectionCloseTimeout: SECOND_MS,
    },
    connectionMonitor: { enabled: false },
    services: { identify: identify({ timeout: 10 * SECOND_MS, maxMessageSize: 8 * KIB }) },
  });
}

function measured({ registry, config }: NetworkInit) {
  if (registry === undefined) return {};
  // what the process uses is measured once, by the node
  return {
    metrics: prometheusMetrics({ registry, collectDefaultMetrics: false, statfsLocation: config.data }),
  };
}

const MUXER = {
  // one ping or kad stream each and gossip's two: 256 are far above what an honest peer opens
  maxInboundStreams: 256,
  maxOutboundStreams: 256,
  maxEarlyStreams: 10,
  maxMessageSize: 64 * KIB,
  keepAliveInterval: 30 * SECOND_MS,
  streamOptions: { maxReadBufferLength: 4 * MIB, inactivityTimeout: 120 * SECOND_MS },
};

function createPolicy(
  { config }: NetworkInit,
  { listenHost }: Capabilities,
  networkOf: () => Network | undefined,
): ConnectionPolicy {
  const policy = new ConnectionPolicy(
    {
      connections: () => networkOf()?.getConnections() ?? [],
      isReachable: () => networkOf()?.services.reach.isPublic ?? false,
    },
    {
      allow: config['connections.allow'],
      deny: config['connections.deny'],
      perAddress: config['connections.perAddress'],
      perPeer: config['connections.perPeer'],
      dialPrivate: config['connections.dialPrivate'],
      resolves: config['network.proxy'] === '',
      isLocal: isLoopbackHost(listenHost),
    },
  );
  for (const address of [...config.bootstrap, ...config['listen.announce']]) policy.trust(multiaddr(address));
  return policy;
}

function listenOn({ listen }: NetworkInit, { circuitUse }: Capabilities): string[] {
  return circuitUse === 'always' ? [...listen, '/p2p-circuit'] : [...listen];
}

function connectionBounds({ config }: NetworkInit, { dialTimeoutMs }: Capabilities) {
  return {
    maxConnections: config['connections.max'],
    maxIncomingPendingConnections: config['connections.pendingMax'],
    inboundConnectionThreshold: config['connections.inboundPerSecond'],
    // a node joins within seconds; more dials at once only compete for its own handshakes
    maxParallelDials: 16,
    maxDialQueueLength: 500,
    // one host has few addresses; more in a record are somebody else's
    maxPeerAddrsToDial: 16,
    dialTimeout: 2 * dialTimeoutMs,
    addressDialTimeout: dialTimeoutMs,
    inboundUpgradeTimeout: 10 * SECOND_MS,
    inboundStreamProtocolNegotiationTimeout: 10 * SECOND_MS,
    outboundStreamProtocolNegotiationTimeout: 5 * SECOND_MS,
    connectionCloseTimeout: SECOND_MS,
    // a dnsaddr is a question to the name service, which would go past the proxy
    ...(config['network.proxy'] === '' ? {} : { resolvers: {} }),
  };
}

function services(
  { config, role, ...init }: NetworkInit,
  capabilities: Capabilities,
  policy: ConnectionPolicy,
  reachOf: () => Reach,
) {
  return {
    identify: identify({ timeout: 10 * SECOND_MS, maxMessageSize: 8 * KIB, maxInboundStreams: 4 }),
    identifyPush: identifyPush({ timeout: 10 * SECOND_MS, maxMessageSize: 8 * KIB, maxInboundStreams: 4 }),
    ping: ping({ maxInboundStreams: 4, timeout: 30 * SECOND_MS }),
    dht: kadDHT({
      protocol: KAD_PROTOCOL,
      clientMode: role === 'light',
      kBucketSize: 20,
      alpha: 3,
      maxInboundStreams: 32,
      maxOutboundStreams: 64,
      // swarms on one machine or one LAN have only private addresses
      peerInfoMapper: (peer) => peer,
      querySelfInterval: 300 * SECOND_MS,
      initialQuerySelfInterval: SECOND_MS,
      allowQueryWithZeroPeers: true,
      incomingMessageTimeout: 10 * SECOND_MS,
    }),
    gossip: gossipsub(gossipOptions({ config, ...init })),
    reach: (components: ReachComponents) =>
      new Reach(components, {
        circuitUse: capabilities.circuitUse,
        onFault: (error) => init.onFault('listening through relays', error),
      }),
    ...(capabilities.autonat
      ? { autonat: withoutWalks(autoNATv2({ timeout: 10 * SECOND_MS, maxInboundStreams: 2 })) }
      : {}),
    ...(capabilities.holePunch ? { holePunch: holePunching(reachOf, policy) } : {}),
    ...(capabilities.circuitServe ? { circuit: circuitServer(config) } : {}),
  };
}

/** A relayed connection is for finding each other and punching a hole; its bounds are the operator's. */
function circuitServer(config: NetworkInit['config']) {
  return circuitRelayServer({
    hopTimeout: 10 * SECOND_MS,
    maxInboundHopStreams: 8,
    maxOutboundHopStreams: 8,
    maxOutboundStopStreams: config['circuit.reservationsMax'],
    reservations: {
      maxReservations: config['circuit.reservationsMax'],
      reservationTtl: 3600 * SECOND_MS,
      applyDefaultLimit: true,
      defaultDurationLimit: config['circuit.durationMs'],
      defaultDataLimit: BigInt(config['circuit.bytesMax']),
    },
  });
}

function transports({ config }: NetworkInit, capabilities: Capabilities, reachOf: () => Reach) {
  const plainTcp = tcp({
    // the connection monitor decides about idle peers, long before this
    inboundSocketInactivityTimeout: 120 * SECOND_MS,
    outboundSocketInactivityTimeout: 120 * SECOND_MS,
    maxConnections: config['connections.max'] + config['connections.pendingMax'],
    backlog: 128,
    // dials may leave from the port that is listened on
    ...(capabilities.holePunch ? { listenOpts: { reusePort: true } as object } : {}),
  });
  const plainWebSockets = webSockets({ maxBufferedAmount: 4 * MIB });
  const proxy = config['network.proxy'];
  const open =
    proxy === ''
      ? openDirectly(
          (target) => (capabilities.holePunch ? reachOf().localPort(target) : null),
          (target) => reachOf().dialledFromSwarmPort(target),
        )
      : openThroughProxy(proxy, capabilities.dialTimeoutMs);
  return [
    dialling(plainTcp, open),
    capabilities.webSocketDials ? plainWebSockets : listeningOnly(plainWebSockets),
    withoutWalks(circuitRelayTransport({ maxInboundStopStreams: 32, maxOutboundStopStreams: 32 })),
  ];
}
