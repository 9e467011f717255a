import type { Delivery, PublishRequest, Receipt, Relay, Subscription, TopicName } from '../../node/index.ts';

/** A relay without a swarm: what is published is delivered here, at once. For tests of what stands on it. */
export class FakeRelay implements Relay {
  readonly #listeners = new Map<string, Set<(delivery: Delivery) => void>>();
  #seq = 0;
  /** Thrown by the next publishes when set. */
  failure: Error | undefined;

  get subscriptions(): number {
    return this.#listeners.size;
  }

  async publish(request: PublishRequest): Promise<Receipt> {
    if (this.failure !== undefined) throw this.failure;
    this.#seq += 1;
    const { owner, namespace, topic, data } = request;
    const id = `envelope-${this.#seq}`;
    const author = { author: 'did:key:zTest', epoch: 1, seq: this.#seq, time: 1_790_000_000_000 };
    const delivery = { owner, namespace, topic, data, id: `${id}:0`, ...author };
    for (const listener of this.#listeners.get(keyOf(request)) ?? []) listener(delivery);
    return { id, messageIds: [`${id}:0`], peersReached: 0, storedBy: [], durable: false };
  }

  submitSigned(): Promise<Receipt> {
    return Promise.reject(new Error('no envelopes are carried here'));
  }

  subscribe(topic: TopicName, listener: (delivery: Delivery) => void): Subscription {
    const key = keyOf(topic);
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners);
    listeners.add(listener);
    return {
      close: () => {
        listeners.delete(listener);
        if (listeners.size === 0) this.#listeners.delete(key);
      },
    };
  }

  topics(): string[] {
    return [];
  }
}

function keyOf({ owner, namespace, topic }: TopicName): string {
  return JSON.stringify([owner, namespace, topic]);
}
