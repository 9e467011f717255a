import type { CredentialStatus } from '../auth/credential-status.ts';

/** A streaming client, WebSocket or SSE, as the gateway keeps it. */
export interface StreamClient {
  /** Its credential status; null for a client without a credential. */
  readonly standing: CredentialStatus | null;
  /** Tells the client that its session or API key has ended, and closes the connection. Idempotent. */
  endCredential(): void;
  /** Called periodically: pings the client, or drops it when it does not answer. */
  beat(): void;
  /** Tells the client that the gateway stops, and closes the connection. */
  goAway(): void;
  /** Drops the connection at once. */
  terminate(): void;
}

/** All streaming clients, WebSocket and SSE, bounded together. */
export class Clients {
  readonly #max: number;
  readonly #clients = new Set<StreamClient>();
  #whenEmpty: (() => void) | undefined;

  constructor(init: { max: number }) {
    this.#max = init.max;
  }

  get size(): number {
    return this.#clients.size;
  }

  get isFull(): boolean {
    return this.#clients.size >= this.#max;
  }

  /** The function returned removes it again; it is idempotent. */
  add(client: StreamClient): () => void {
    this.#clients.add(client);
    return () => {
      this.#clients.delete(client);
      if (this.#clients.size === 0) this.#whenEmpty?.();
    };
  }

  /** Tells everyone that the gateway stops; whoever is still there after `timeoutMs` is dropped. */
  async goAway(timeoutMs: number): Promise<void> {
    for (const client of this.#clients) client.goAway();
    if (this.#clients.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#whenEmpty = resolve;
      const timer = setTimeout(resolve, timeoutMs);
      await promise;
      clearTimeout(timer);
      this.#whenEmpty = undefined;
    }
    for (const client of this.#clients) client.terminate();
  }

  [Symbol.iterator](): Iterator<StreamClient> {
    return this.#clients[Symbol.iterator]();
  }
}
