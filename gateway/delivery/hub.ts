import type { Delivery, Relay, Subscription, TopicName } from '../../node/index.ts';
import { type Batch, join } from '../core/batch.ts';
import type { EndOfTurn, Flushable } from '../core/end-of-turn.ts';
import { WRITE_BATCH_BYTES } from '../core/limits.ts';
import type { GatewayMetrics } from '../observability/metrics.ts';

/** How one kind of client gets a message. Encodings are compared by identity: share them. */
export interface Encoding {
  encode(delivery: Delivery): Buffer;
}

/** Takes what is to be sent to one client. Must not throw. */
export interface Sink {
  take(batch: Batch): void;
}

/** One string for one topic of one namespace of one owner. */
export function topicKey({ owner, namespace, topic }: TopicName): string {
  return JSON.stringify([owner, namespace, topic]);
}

export interface HubComponents {
  readonly relay: Pick<Relay, 'subscribe'>;
  readonly turn: EndOfTurn;
  readonly metrics: Pick<GatewayMetrics, 'subscriptions'>;
}

interface Channel {
  readonly feeds: Map<Encoding, Feed>;
  /** Feeds of clients that use another name for the namespace, which is the same for all of them. */
  readonly renamed: Map<Encoding, Feed>;
  shown: string;
  readonly subscription: Subscription;
}

/**
 * Fans topics out: one subscription at the node for any number of clients; one frame, and for a burst one batch,
 * for every client of the same encoding. Bounded by the clients and by what each may subscribe to.
 */
export class Hub {
  readonly #components: HubComponents;
  readonly #channels = new Map<string, Channel>();

  constructor(components: HubComponents) {
    this.#components = components;
  }

  /** Topics subscribed to at the node. */
  get size(): number {
    return this.#channels.size;
  }

  /**
   * `sink` gets every message from now on, with its namespace as `shown` where that is given. The function returned ends that: what
   * came before it is still taken; it is idempotent.
   */
  subscribe(topic: TopicName, encoding: Encoding, sink: Sink, shown?: string): () => void {
    const { turn, metrics } = this.#components;
    const key = topicKey(topic);
    const channel = this.#channels.get(key) ?? this.#open(key, topic);
    const feeds = shown === undefined ? channel.feeds : channel.renamed;
    channel.shown = shown ?? channel.shown;
    const feed = feeds.get(encoding) ?? new Feed(turn);
    feeds.set(encoding, feed);
    feed.add(sink);
    metrics.subscriptions += 1;
    return () => {
      if (!feed.remove(sink)) return;
      metrics.subscriptions -= 1;
      if (feed.size > 0) return;
      feeds.delete(encoding);
      if (channel.feeds.size > 0 || channel.renamed.size > 0) return;
      channel.subscription.close();
      this.#channels.delete(key);
    };
  }

  #open(key: string, topic: TopicName): Channel {
    const feeds: Channel['feeds'] = new Map();
    const renamed: Channel['renamed'] = new Map();
    const subscription = this.#components.relay.subscribe(topic, (delivery) => {
      for (const [encoding, feed] of feeds) feed.push(encoding.encode(delivery));
      if (renamed.size === 0) return;
      const shown = { ...delivery, namespace: channel.shown };
      for (const [encoding, feed] of renamed) feed.push(encoding.encode(shown));
    });
    const channel: Channel = { feeds, renamed, shown: '', subscription };
    this.#channels.set(key, channel);
    return channel;
  }
}

/** The messages of a topic in one encoding, for all clients of it: gathered over a turn of the event loop. */
class Feed implements Flushable {
  readonly #turn: EndOfTurn;
  readonly #sinks = new Set<Sink>();
  #frames: Buffer[] = [];
  #bytes = 0;

  constructor(turn: EndOfTurn) {
    this.#turn = turn;
  }

  get size(): number {
    return this.#sinks.size;
  }

  /** Messages gathered before are not for `sink`: the others get them first. */
  add(sink: Sink): void {
    this.flush();
    this.#sinks.add(sink);
  }

  /** Messages gathered before still go to `sink`, and none after. */
  remove(sink: Sink): boolean {
    if (!this.#sinks.has(sink)) return false;
    this.flush();
    return this.#sinks.delete(sink);
  }

  push(frame: Buffer): void {
    if (this.#frames.length === 0) this.#turn.addFeed(this);
    this.#frames.push(frame);
    this.#bytes += frame.byteLength;
    // enough for a write: the clients read while the rest of the turn goes on, and no more is gathered than that
    if (this.#bytes >= WRITE_BATCH_BYTES) this.#turn.flush();
  }

  flush(): void {
    if (this.#frames.length === 0) return;
    const batch = join(this.#frames, this.#bytes);
    this.#frames = [];
    this.#bytes = 0;
    for (const sink of this.#sinks) sink.take(batch);
  }
}
