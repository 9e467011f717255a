import type { Clock } from '../../protocols/common/clock.ts';
import { didKey } from '../../protocols/common/did-key.ts';
import {
  envelopeCid,
  messageId,
  type SignedEnvelope,
  type TopicPlaces,
} from '../../protocols/relay/index.ts';
import type { Delivery, Subscription, TopicName } from './interface.ts';

type Listener = (delivery: Delivery) => void;

interface Topic {
  readonly name: TopicName;
  readonly listeners: Set<Listener>;
  lastMessage: number;
}

/** How long a topic without subscribers is listed after its last message. */
const TOPIC_LISTED_MS = 10 * 60_000;
/** Topics listed at most; a message to a further one is delivered but the topic not listed. */
const TOPICS_MAX = 10_000;
/** A full list is looked through for stale topics this often at most: it takes a millisecond. */
const DROP_INTERVAL_MS = 1000;
/** Authors whose did:key text is kept: encoding one takes longer than delivering a message. */
const AUTHORS_MAX = 4096;

/** This node's listeners for each topic. */
export class Subscriptions {
  readonly #clock: Clock;
  readonly #places: TopicPlaces;
  readonly #topics = new Map<string, Topic>();
  readonly #authors = new Map<string, string>();
  #count = 0;
  #droppedAt = -Infinity;

  constructor(components: { clock: Clock; places: TopicPlaces }) {
    this.#clock = components.clock;
    this.#places = components.places;
  }

  /** Subscriptions now. */
  get count(): number {
    return this.#count;
  }

  add(name: TopicName, listener: Listener): Subscription {
    const { key } = this.#places.of(name);
    const topic = this.#topic(key, name);
    // a listener given twice is two subscriptions
    const entry: Listener = (delivery) => listener(delivery);
    topic.listeners.add(entry);
    this.#count += 1;
    return {
      close: () => {
        if (!topic.listeners.delete(entry)) return;
        this.#count -= 1;
        if (topic.listeners.size === 0 && !this.#isRecent(topic)) this.#topics.delete(key);
      },
    };
  }

  /** Hands every message of `envelope` to its topic's listeners, in order; returns how many messages it had. */
  deliver(envelope: SignedEnvelope): number {
    const { key } = this.#places.of(envelope);
    const topic = this.#topics.get(key) ?? this.#listNew(key, envelope);
    if (topic === undefined) return envelope.messages.length;
    topic.lastMessage = this.#clock.now();
    if (topic.listeners.size > 0) {
      for (const delivery of this.#deliveries(envelope)) {
        for (const listener of topic.listeners) listener(delivery);
      }
    }
    return envelope.messages.length;
  }

  /** Topics of a namespace with a listener or a message lately, bytewise. */
  topics(namespace: string, owner: string): string[] {
    return [...this.#topics.values()]
      .filter((topic) => topic.name.namespace === namespace && topic.name.owner === owner)
      .filter((topic) => topic.listeners.size > 0 || this.#isRecent(topic))
      .map((topic) => topic.name.topic)
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  #topic(key: string, name: TopicName): Topic {
    let topic = this.#topics.get(key);
    if (topic === undefined) {
      const { owner, namespace, topic: text } = name;
      topic = { name: { owner, namespace, topic: text }, listeners: new Set(), lastMessage: -Infinity };
      this.#topics.set(key, topic);
    }
    return topic;
  }

  #listNew(key: string, name: TopicName): Topic | undefined {
    if (this.#topics.size >= TOPICS_MAX && this.#clock.now() - this.#droppedAt >= DROP_INTERVAL_MS) {
      this.#dropStale();
    }
    return this.#topics.size >= TOPICS_MAX ? undefined : this.#topic(key, name);
  }

  #dropStale(): void {
    this.#droppedAt = this.#clock.now();
    for (const [key, topic] of this.#topics) {
      if (topic.listeners.size === 0 && !this.#isRecent(topic)) this.#topics.delete(key);
    }
  }

  #isRecent(topic: Topic): boolean {
    return this.#clock.now() - topic.lastMessage < TOPIC_LISTED_MS;
  }

  *#deliveries(envelope: SignedEnvelope): Iterable<Delivery> {
    const cid = envelopeCid(envelope.digest);
    const { owner, namespace, topic, epoch, time } = envelope;
    const author = this.#author(envelope.author);
    for (const [index, data] of envelope.messages.entries()) {
      const seq = envelope.sequence + index;
      yield { id: messageId(cid, index), owner, namespace, topic, author, epoch, seq, time, data };
    }
  }

  #author(multikey: Uint8Array): string {
    const key = Buffer.from(multikey).toString('latin1');
    let author = this.#authors.get(key);
    if (author === undefined) {
      author = didKey(multikey);
      if (this.#authors.size >= AUTHORS_MAX) this.#authors.clear();
      this.#authors.set(key, author);
    }
    return author;
  }
}
