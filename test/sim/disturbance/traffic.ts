import type { Socket } from 'node:net';
import { handshake, leanSocket, WebSocketCounter } from '../../bench/fanout/lean-socket.ts';
import { until } from '../../support/processes.ts';
import { WsClient } from '../../support/ws-client.ts';
import { residentMb } from './swarm.ts';

/** Messages whose latency is measured, as a chat or a sensor would send them. */
const PER_SECOND = 50;
const PAYLOAD_BYTES = 200;
/** And a stream beside them that is worth not reading: 0.2 MB/s as JSON, and bursts on request. */
const BULK_PER_SECOND = 5;
const BULK_BYTES = 32 * 1024;
const TICK_MS = 1000 / PER_SECOND;
const MEMORY_MS = 100;

export const TOPIC = 'steady';
export const BULK_TOPIC = 'bulk';

export interface Ends {
  /** Where is published, and where is subscribed and disturbed. */
  readonly from: string;
  readonly to: { readonly url: string; readonly pid: number };
}

/** Results of one measurement. */
export interface Sample {
  readonly latenciesMs: number[];
  readonly peakMb: number;
}

/** Publishes at one gateway without end, and listens at the other as somebody who does nothing wrong. */
export class Traffic {
  readonly #ends: Ends;
  readonly #publisher: WsClient;
  readonly #subscriber: WsClient;
  readonly #bulk: { socket: Socket; counter: WebSocketCounter };
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt = performance.now();
  #published = 0;
  #bulkPublished = 0;
  /** Bulk messages beside those that come regularly. */
  #burst = 0;
  /** Latency of every message so far, in publishing order, which one author's messages keep. */
  readonly #latenciesMs: number[] = [];

  private constructor(ends: Ends, publisher: WsClient, subscriber: WsClient) {
    this.#ends = ends;
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    publisher.socket.removeAllListeners('message').on('message', (data: Buffer) => refuseErrors(data));
    subscriber.socket.removeAllListeners('message').on('message', (data: Buffer) => this.#onMessage(data));
    const port = Number(new URL(ends.to.url).port);
    const counter = new WebSocketCounter(1);
    const path = `/v1/pubsub/ws?topic=${BULK_TOPIC}`;
    const socket = leanSocket(port, handshake({ port, path, protocol: 'maillon.json.1' }), counter);
    this.#bulk = { socket, counter };
    this.#timer = setInterval(() => this.#publish(), TICK_MS);
  }

  static async start(ends: Ends): Promise<Traffic> {
    const publisher = await WsClient.open(webSocketUrl(ends.from, ''), ['maillon.json.1']);
    const subscriber = await WsClient.open(webSocketUrl(ends.to.url, `?topic=${TOPIC}`), ['maillon.json.1']);
    await Promise.all([publisher.next(), subscriber.next()]);
    return new Traffic(ends, publisher, subscriber);
  }

  /** Latencies of what is published over `ms` from now on. Resolves when all of it has come. */
  async sample(ms: number): Promise<Sample> {
    const first = this.#published;
    let peakMb = 0;
    const timer = setInterval(() => (peakMb = Math.max(peakMb, residentMb(this.#ends.to.pid))), MEMORY_MS);
    await new Promise((resolve) => setTimeout(resolve, ms));
    clearInterval(timer);
    const end = this.#published;
    // to leave out what is late would leave out what is looked for
    await until('what was published is there', () => this.#latenciesMs.length >= end, DRAIN_MS);
    return { latenciesMs: this.#latenciesMs.slice(first, end), peakMb };
  }

  /** Publishes `bytes` of the bulk, as fast as who reads takes it: the kernel makes room for it then. */
  async burst(bytes: number): Promise<void> {
    for (let sent = 0; sent < bytes; sent += BULK_BYTES) {
      this.#burst += 1;
      this.#send(BULK_TOPIC, BULK);
      const all = this.#bulkPublished + this.#burst;
      await until('it is there', () => all - this.#bulk.counter.count < BURST_WINDOW);
    }
  }

  /** Ends it, waits for what is on its way, and says how much of it never came. */
  async stop(): Promise<number> {
    clearInterval(this.#timer);
    const missing = (): number =>
      this.#published -
      this.#latenciesMs.length +
      (this.#bulkPublished + this.#burst - this.#bulk.counter.count);
    await until('everything is there', () => missing() === 0, DRAIN_MS).catch(() => undefined);
    await Promise.all([this.#publisher[Symbol.asyncDispose](), this.#subscriber[Symbol.asyncDispose]()]);
    this.#bulk.socket.destroy();
    return missing();
  }

  /** As many as are due: a timer that comes late must not make the traffic thinner. */
  #publish(): void {
    if (!this.#bulk.counter.isReady) return;
    const seconds = (performance.now() - this.#startedAt) / 1000;
    while (this.#published < seconds * PER_SECOND) {
      this.#published += 1;
      this.#send(TOPIC, `${performance.now()} `.padEnd(PAYLOAD_BYTES, 'x'));
    }
    while (this.#bulkPublished < seconds * BULK_PER_SECOND) {
      this.#bulkPublished += 1;
      this.#send(BULK_TOPIC, BULK);
    }
  }

  #send(topic: string, text: string): void {
    this.#publisher.send({ type: 'publish', topic, data_base64: btoa(text) });
  }

  #onMessage(data: Buffer): void {
    const frame = JSON.parse(data.toString()) as { type: string; data_base64: string };
    if (frame.type !== 'message') return;
    this.#latenciesMs.push(performance.now() - Number.parseFloat(atob(frame.data_base64)));
  }
}

/** A publish that fails would be counted as lost, and is no fault of whoever subscribes. */
function refuseErrors(data: Buffer): void {
  const text = data.toString();
  if (text.startsWith('{"type":"error"')) throw new Error(`the gateway did not publish: ${text}`);
}

const BULK = 'x'.repeat(BULK_BYTES);
const DRAIN_MS = 10_000;
/** Messages of a burst on their way at once: a quarter of what a gateway lets wait here. */
const BURST_WINDOW = 6;

export function webSocketUrl(url: string, query: string): string {
  return `${url.replace('http:', 'ws:')}/v1/pubsub/ws${query}`;
}
