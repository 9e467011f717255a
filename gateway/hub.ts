import type { Delivery, MaillonNode, Subscription, TopicName } from '../node/index.ts';

/** How one kind of client gets a message. Encodings are compared by identity: share them. */
export interface Encoding {
  encode(delivery: Delivery): Buffer;
}

/** Takes one frame. Must not throw. */
export type Sink = (frame: Buffer) => void;

interface Channel {
  readonly sinks: Map<Encoding, Set<Sink>>;
  readonly subscription: Subscription;
}

/**
 * Fans a topic out: one subscription at the node for any number of clients, one frame for every client of the
 * same encoding. Bounded by the clients, each of which counts against `gateway.clientsMax`.
 */
export class Hub {
  readonly #node: Pick<MaillonNode, 'relay'>;
  readonly #channels = new Map<string, Channel>();

  constructor(components: { node: Pick<MaillonNode, 'relay'> }) {
    this.#node = components.node;
  }

  /** Topics subscribed to at the node. */
  get size(): number {
    return this.#channels.size;
  }

  /** `sink` gets a frame for every message from now on. The function returned ends that; it is idempotent. */
  subscribe(topic: TopicName, encoding: Encoding, sink: Sink): () => void {
    const key = JSON.stringify([topic.owner, topic.namespace, topic.topic]);
    const channel = this.#channels.get(key) ?? this.#open(key, topic);
    const sinks = channel.sinks.get(encoding) ?? new Set();
    channel.sinks.set(encoding, sinks);
    sinks.add(sink);
    return () => {
      if (!sinks.delete(sink) || sinks.size > 0) return;
      channel.sinks.delete(encoding);
      if (channel.sinks.size > 0) return;
      channel.subscription.close();
      this.#channels.delete(key);
    };
  }

  #open(key: string, topic: TopicName): Channel {
    const sinks: Channel['sinks'] = new Map();
    const subscription = this.#node.relay.subscribe(topic, (delivery) => deliver(sinks, delivery));
    const channel = { sinks, subscription };
    this.#channels.set(key, channel);
    return channel;
  }
}

function deliver(sinks: Channel['sinks'], delivery: Delivery): void {
  for (const [encoding, group] of sinks) {
    const frame = encoding.encode(delivery);
    for (const sink of group) sink(frame);
  }
}
