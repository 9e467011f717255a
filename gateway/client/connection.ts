import type { Admission, Admit } from './admission.ts';
import { ClientError, errorFrom } from './errors.ts';
import {
  DEFAULT_NAMESPACE,
  type ErrorFrame,
  type Ref,
  type ServerFrame,
  SUBPROTOCOL_JSON,
  type TopicFrame,
} from './frames.ts';
import { type Stream, Subscriber, toMessage } from './stream.ts';

/** The part of a WebSocket the SDK uses. */
export interface WebSocketLike {
  send(data: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { code: number; reason: string }) => void): void;
  addEventListener(type: 'open' | 'error', listener: () => void): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** One that takes headers, as those of Node, Deno and Bun do. */
type WebSocketWithHeaders = new (
  url: string,
  options: { readonly protocols: string[]; readonly headers: Readonly<Record<string, string>> },
) => WebSocketLike;

export interface ConnectionInit {
  readonly admit: Admit;
  /** Asks the same over HTTP. Rejects with `ClientError`. */
  readonly ask: () => Promise<Response>;
  readonly WebSocket: WebSocketConstructor;
  /** Called once, when nothing more can be subscribed to on it. */
  readonly onOver: () => void;
}

export interface Subscription {
  readonly namespace: string | undefined;
  readonly topic: string;
  readonly signal: AbortSignal | undefined;
}

const NORMAL_CLOSE = 1000;

/** Meanings of the gateway's close codes, as codes of its table. */
const CLOSE_CODES: Readonly<Record<number, string>> = {
  1008: 'policy',
  1009: 'too_large',
  1011: 'internal',
  1013: 'too_many_clients',
  4001: 'unauthenticated',
  4003: 'forbidden',
  4008: 'too_slow',
  4009: 'going_away',
};

/** A topic of the connection and whoever reads it. Subscribed to at the gateway while somebody does. */
interface Channel {
  readonly namespace: string;
  readonly topic: string;
  readonly subscribers: Set<Subscriber>;
  /** Whether the gateway has said so: what comes before is left from an earlier subscription. */
  isLive: boolean;
}

/** One WebSocket with any number of subscriptions; it closes when the last one ends. */
export class Connection {
  readonly #init: ConnectionInit;
  #socket: WebSocketLike | undefined;
  /** Admission that opened the socket. */
  #admission: Admission | undefined;
  readonly #channels = new Map<string, Channel>();
  /** Subscriptions the gateway was asked for and has not answered yet. */
  readonly #asked = new Map<Ref, Channel>();
  #refs = 0;
  #isOpen = false;
  #isOver = false;

  constructor(init: ConnectionInit) {
    this.#init = init;
    const admission = init.admit();
    if (admission instanceof Promise) {
      admission.then(
        (one) => this.#connect(one),
        (error: unknown) => this.#endAll(asClientError(error)),
      );
    } else this.#connect(admission);
  }

  #connect(admission: Admission): void {
    // whoever wanted it has left meanwhile
    if (this.#isOver) return;
    this.#admission = admission;
    const url = new URL(admission.url);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = openSocket(this.#init.WebSocket, url.href, admission);
    this.#socket = socket;
    socket.addEventListener('open', () => this.#onOpen());
    socket.addEventListener('message', ({ data }) => this.#onMessage(data));
    socket.addEventListener('error', () => undefined);
    socket.addEventListener('close', ({ code, reason }) => this.#onClose(code, reason));
  }

  subscribe({ namespace = DEFAULT_NAMESPACE, topic, signal }: Subscription): Stream {
    const key = keyOf(namespace, topic);
    let channel = this.#channels.get(key);
    if (channel === undefined) {
      channel = { namespace, topic, subscribers: new Set(), isLive: false };
      this.#channels.set(key, channel);
      if (this.#isOpen) this.#ask(channel);
    }
    const { subscribers, isLive } = channel;
    const subscriber = new Subscriber({ signal, onEnd: (one) => this.#leave(key, one) });
    subscribers.add(subscriber);
    if (isLive) subscriber.goLive();
    return subscriber;
  }

  #onOpen(): void {
    this.#isOpen = true;
    for (const channel of this.#channels.values()) this.#ask(channel);
  }

  #ask(channel: Channel): void {
    this.#refs += 1;
    this.#asked.set(this.#refs, channel);
    this.#send({ type: 'subscribe', ref: this.#refs, namespace: channel.namespace, topic: channel.topic });
  }

  #send(frame: TopicFrame): void {
    this.#socket?.send(JSON.stringify(frame));
  }

  #leave(key: string, subscriber: Subscriber): void {
    const channel = this.#channels.get(key);
    if (channel?.subscribers.delete(subscriber) !== true || channel.subscribers.size > 0) return;
    this.#channels.delete(key);
    if (this.#channels.size === 0) {
      this.#finish();
      this.#socket?.close(NORMAL_CLOSE);
    } else if (this.#isOpen && !this.#isOver) {
      this.#send({ type: 'unsubscribe', namespace: channel.namespace, topic: channel.topic });
    }
  }

  #onMessage(data: unknown): void {
    const frame = parseFrame(data);
    if (frame === undefined) {
      this.#endAll(new ClientError('bad_answer', 0, 'the server sent what is no frame of a gateway'));
    } else if (frame.type === 'message') {
      const channel = this.#channels.get(keyOf(frame.namespace, frame.topic));
      if (channel?.isLive !== true) return;
      const message = toMessage(frame);
      for (const subscriber of channel.subscribers) subscriber.push(message);
    } else if (frame.type === 'subscribed') {
      const channel = this.#answered(frame.ref);
      if (channel === undefined) return;
      channel.isLive = true;
      for (const subscriber of channel.subscribers) subscriber.goLive();
    } else if (frame.type === 'error') {
      this.#onRefused(frame);
    }
  }

  /** A subscription that cannot be had ends those who wait for it and nobody else. */
  #onRefused(frame: ErrorFrame): void {
    const channel = this.#answered(frame.ref);
    if (channel === undefined) return;
    for (const subscriber of channel.subscribers) subscriber.end(errorFrom(frame, 0));
  }

  #answered(ref: Ref | undefined): Channel | undefined {
    if (ref === undefined) return undefined;
    const channel = this.#asked.get(ref);
    this.#asked.delete(ref);
    return channel;
  }

  #onClose(code: number, reason: string): void {
    if (this.#isOver) return;
    const closed = closeError(code, reason);
    if (this.#isOpen) this.#endAll(closed);
    else void explainRefusal(this.#init, closed).then((error) => this.#onRefusedToOpen(closed, error));
  }

  /** Where asking for the reason has brought another access token, that is tried: once, since it is another one then. */
  #onRefusedToOpen(closed: ClientError, error: ClientError): void {
    const before = this.#admission?.headers?.authorization;
    const admission = error === closed && before !== undefined ? this.#init.admit() : undefined;
    const isRenewed =
      admission !== undefined &&
      !(admission instanceof Promise) &&
      admission.headers?.authorization !== before;
    if (isRenewed) this.#connect(admission);
    else this.#endAll(error);
  }

  #endAll(error: ClientError): void {
    this.#finish();
    for (const { subscribers } of this.#channels.values()) {
      for (const subscriber of subscribers) subscriber.end(error);
    }
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#init.onOver();
  }
}

function keyOf(namespace: string, topic: string): string {
  return `${namespace}\n${topic}`;
}

function openSocket(WebSocket: WebSocketConstructor, url: string, { headers }: Admission): WebSocketLike {
  const protocols = [SUBPROTOCOL_JSON];
  if (headers === undefined) return new WebSocket(url, protocols);
  return new (WebSocket as unknown as WebSocketWithHeaders)(url, { protocols, headers });
}

function asClientError(error: unknown): ClientError {
  return error instanceof ClientError
    ? error
    : new ClientError('closed', 0, 'the subscription could not begin', { cause: error });
}

function closeError(code: number, reason: string): ClientError {
  return new ClientError(CLOSE_CODES[code] ?? 'closed', code, reason === '' ? `closed with ${code}` : reason);
}

/**
 * A WebSocket that was refused says no reason, so the same is asked over HTTP: the gateway refuses it there for
 * the same reason, or asks for an upgrade when there is none.
 */
async function explainRefusal(init: ConnectionInit, closed: ClientError): Promise<ClientError> {
  if (CLOSE_CODES[closed.status] !== undefined) return closed;
  try {
    const response = await init.ask();
    const error = errorFrom(await response.json(), response.status);
    return error.code === 'upgrade_required' ? closed : error;
  } catch (error) {
    return asClientError(error);
  }
}

/** Undefined for what is no frame. One of a kind that is not known here is: a newer gateway may send some. */
function parseFrame(data: unknown): ServerFrame | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    const frame: unknown = JSON.parse(data);
    return typeof frame === 'object' && frame !== null ? (frame as ServerFrame) : undefined;
  } catch {
    return undefined;
  }
}
