import { gossipsub } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { createLogger, createNode } from '../../../node/index.ts';
import { testConfig } from '../../support/config.ts';

/** The subjects compared: stock signed gossipsub, and Maillon without packing and as shipped. */
export const MODES = ['stock', 'single', 'packed'] as const;
export type Mode = (typeof MODES)[number];

/** One node of a benchmark, whatever it is made of. */
export interface Subject {
  readonly address: string;
  dial(addresses: readonly string[]): Promise<void>;
  publish(data: Uint8Array): Promise<unknown>;
  onMessage(listener: (data: Uint8Array) => void): void;
  meshed(): boolean;
  /** Copies of messages received, first and further ones. */
  copies(): number;
  stop(): Promise<void>;
}

const TOPIC = 'bench';
/** The address factor of the score and the connection rate would both empty a swarm on one machine. */
const SAME_ADDRESS_MAX = 1000;

/** The configurations, as they are printed. */
export const CONFIGURATIONS: Record<Mode, string> = {
  stock:
    'libp2p 3, @libp2p/gossipsub defaults (StrictSign, D 6), tcp, noise, yamux, identify; IP colocation threshold and inbound connection rate lifted',
  single: 'Maillon full node as shipped (envelope verified at every node), relay.packMessages 1, no linger',
  packed:
    'Maillon full node as shipped: relay.packMessages 1024, relay.lingerMs 10 to 60 by load; a delegation in every envelope, authorised at every node',
};

export function createSubject(mode: Mode, data: string): Promise<Subject> {
  return mode === 'stock' ? createStock() : createMaillon(mode, data);
}

async function createStock(): Promise<Subject> {
  let copies = 0;
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
      pubsub: gossipsub({
        scoreParams: { IPColocationFactorThreshold: SAME_ADDRESS_MAX },
        allowPublishToZeroTopicPeers: true,
        // the default id, author and sequence number, and a count of the copies it is asked for
        msgIdFn: (message) => {
          copies += 1;
          if (message.type !== 'signed') throw new Error('unsigned');
          return Buffer.from(`${message.from.toString()}:${message.sequenceNumber}`);
        },
      }),
    },
  });
  const { pubsub } = node.services;
  pubsub.subscribe(TOPIC);
  const mesh = pubsub as unknown as { getMeshPeers(topic: string): string[] };
  return {
    address: String(node.getMultiaddrs()[0]),
    dial: async (addresses) => {
      for (const address of addresses) await node.dial(multiaddr(address));
    },
    publish: (data) => pubsub.publish(TOPIC, data),
    onMessage: (listener) => pubsub.addEventListener('message', (event) => listener(event.detail.data)),
    meshed: () => mesh.getMeshPeers(TOPIC).length >= 4,
    copies: () => copies,
    stop: () => node.stop() as Promise<void>,
  };
}

async function createMaillon(mode: Mode, data: string): Promise<Subject> {
  const packing =
    mode !== 'single' ? {} : { 'relay.packMessages': 1, 'relay.lingerMs': 0, 'relay.lingerBusyMs': 0 };
  const config = testConfig(data, {
    ...packing,
    'log.level': 'warn',
    'connections.inboundPerSecond': SAME_ADDRESS_MAX,
  });
  const node = createNode({ logger: createLogger(config) }, { config, role: 'full', version: 'bench' });
  await node.start();
  const name = { owner: node.owner, namespace: 'default', topic: TOPIC };
  return {
    address: String(node.status().addresses[0]),
    dial: (addresses) => Promise.all(addresses.map((address) => node.connect(address))).then(() => undefined),
    publish: (data) => node.relay.publish({ ...name, data }),
    onMessage: (listener) => void node.relay.subscribe(name, (delivery) => listener(delivery.data)),
    meshed: () => node.status().mesh.every((size) => size >= 4),
    copies: () => node.status().relay.copiesReceived,
    stop: () => node.stop(),
  };
}
