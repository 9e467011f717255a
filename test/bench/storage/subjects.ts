import { identify } from '@libp2p/identify';
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht';
import { noise } from '@libp2p/noise';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { createLogger, createNode } from '../../../node/index.ts';
import { testConfig } from '../../support/config.ts';

/** Compared subjects: records of Maillon and values of stock kad-dht. */
export const MODES = ['stock', 'maillon'] as const;
export type Mode = (typeof MODES)[number];

/** One node of the benchmark, whatever it is made of. */
export interface Subject {
  readonly address: string;
  dial(addresses: readonly string[]): Promise<void>;
  /** Whether it knows as many nodes as it is to know. */
  knows(nodes: number): boolean;
  put(key: string, value: Uint8Array): Promise<void>;
  get(key: string): Promise<Uint8Array | null>;
  stop(): Promise<void>;
}

/** The connection rate would keep a swarm on one machine from meeting. */
const SAME_ADDRESS_MAX = 1000;
const NAMESPACE = 'bench';

/** The configurations, as they are printed. */
export const CONFIGURATIONS: Record<Mode, string> = {
  stock:
    'libp2p 3, @libp2p/kad-dht defaults, server mode, a record namespace whose validator takes all and whose selector takes the first, tcp, noise, yamux, all nodes connected; a get ends with its first value',
  maillon:
    'Maillon full node as shipped: R 3, signed records on synced disks, a put acknowledged by a majority, a get from a majority',
};

export function createSubject(mode: Mode, data: string): Promise<Subject> {
  return mode === 'stock' ? createStock() : createMaillon(data);
}

async function createStock(): Promise<Subject> {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: {
      inboundConnectionThreshold: SAME_ADDRESS_MAX,
      maxIncomingPendingConnections: SAME_ADDRESS_MAX,
    },
    services: {
      identify: identify(),
      ping: ping(),
      dht: kadDHT({
        protocol: '/bench/kad/1',
        clientMode: false,
        peerInfoMapper: passthroughMapper,
        validators: { [NAMESPACE]: () => Promise.resolve() },
        selectors: { [NAMESPACE]: () => 0 },
      }),
    },
  });
  const { dht } = node.services;
  return {
    address: String(node.getMultiaddrs()[0]),
    dial: async (addresses) => {
      for (const address of addresses) await node.dial(multiaddr(address));
    },
    knows: (nodes) => node.getPeers().length >= nodes - 1 && routingTableSize(dht) >= nodes - 1,
    put: async (key, value) => {
      let stored = 0;
      for await (const event of dht.put(dhtKey(key), value)) {
        if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') stored += 1;
      }
      if (stored === 0) throw new Error('nobody stored it');
    },
    get: async (key) => {
      for await (const event of dht.get(dhtKey(key))) if (event.name === 'VALUE') return event.value;
      return null;
    },
    stop: () => node.stop() as Promise<void>,
  };
}

/** The part of the DHT used beyond its types. */
function routingTableSize(dht: unknown): number {
  return (dht as { routingTable: { size: number } }).routingTable.size;
}

async function createMaillon(data: string): Promise<Subject> {
  const config = testConfig(data, {
    'log.level': 'warn',
    'connections.inboundPerSecond': SAME_ADDRESS_MAX,
  });
  const node = createNode({ logger: createLogger(config) }, { config, role: 'full', version: 'bench' });
  await node.start();
  const recordName = (key: string) => ({ owner: node.owner, namespace: NAMESPACE, key });
  return {
    address: String(node.status().addresses[0]),
    dial: (addresses) => Promise.all(addresses.map((address) => node.connect(address))).then(() => undefined),
    knows: (nodes) => node.storage.status().members === nodes,
    put: (key, value) => node.storage.put(recordName(key), value).then(() => undefined),
    get: async (key) => {
      const record = await node.storage.get(recordName(key), { consistency: 'majority' });
      return record?.value ?? null;
    },
    stop: () => node.stop(),
  };
}

function dhtKey(key: string): Uint8Array {
  return Buffer.from(`/${NAMESPACE}/${key}`);
}
