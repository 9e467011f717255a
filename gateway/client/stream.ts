import { base64ToBytes } from './base64.ts';
import { ClientError, errorFrom } from './errors.ts';
import { type ServerFrame, SUBPROTOCOL_JSON } from './frames.ts';
import { MessageQueue } from './message-queue.ts';

/** A message as a subscriber gets it. */
export interface Message {
  readonly id: string;
  readonly namespace: string;
  readonly topic: string;
  /** did:key of the author. */
  readonly author: string;
  /** Counts the author's messages to the topic, without holes. */
  /** Raised when the author lost count; `seq` compares within one epoch only. */
  readonly epoch: number;
  readonly seq: number;
  /** When the author signed it, milliseconds since the Unix epoch. */
  readonly time: number;
  readonly data: Uint8Array;
}

/** One subscription, to be iterated once; leaving the loop ends it. */
export interface Stream extends AsyncIterable<Message> {
  /** Resolves once every message published from then on will arrive; rejects when that cannot be had. */
  readonly ready: Promise<void>;
}

/** The part of a WebSocket the SDK uses. */
export interface WebSocketLike {
  close(code?: number, reason?: string): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { code: number; reason: string }) => void): void;
  addEventListener(type: 'error', listener: () => void): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

export interface StreamInit {
  readonly url: URL;
  readonly fetch: typeof globalThis.fetch;
  readonly WebSocket: WebSocketConstructor;
  readonly signal: AbortSignal | undefined;
}

/** What a client may let wait: a browser tab can afford it, and a WebSocket cannot be told to wait. */
const QUEUE_MAX_BYTES = 16 * 2 ** 20;
/** What a message costs beside its data. */
const MESSAGE_OVERHEAD_BYTES = 512;
const NORMAL_CLOSE = 1000;
const TOO_SLOW = 4008;

/** What the gateway's close codes mean, as codes of its table. */
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

export function openStream(init: StreamInit): Stream {
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  // whoever only iterates learns of a failure there
  ready.catch(() => undefined);
  const url = new URL(init.url);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new init.WebSocket(url.href, [SUBPROTOCOL_JSON]);
  const queue = new MessageQueue<Message>({ maxBytes: QUEUE_MAX_BYTES });
  let isLive = false;

  const finish = (error?: Error): void => {
    init.signal?.removeEventListener('abort', onAbort);
    queue.end(error);
    reject(error ?? new ClientError('closed', 0, 'the subscription has ended'));
    socket.close(NORMAL_CLOSE);
  };
  const onAbort = (): void => finish();
  init.signal?.addEventListener('abort', onAbort);
  if (init.signal?.aborted === true) finish();

  socket.addEventListener('message', ({ data }) => {
    const frame = parseFrame(data);
    if (frame === undefined) return;
    if (frame.type === 'error') {
      finish(errorFrom(frame, 0));
    } else if (frame.type === 'subscribed') {
      isLive = true;
      resolve();
    } else if (frame.type === 'message') {
      const message = toMessage(frame);
      if (queue.push(message, message.data.byteLength + MESSAGE_OVERHEAD_BYTES)) return;
      finish(new ClientError('too_slow', TOO_SLOW, 'messages were taken more slowly than they came'));
    }
  });
  socket.addEventListener('error', () => undefined);
  socket.addEventListener('close', ({ code, reason }) => {
    if (isLive) finish(closeError(code, reason));
    else void explainRefusal(init, closeError(code, reason)).then(finish);
  });
  return { ready, [Symbol.asyncIterator]: () => queue.iterate(() => finish()) };
}

function closeError(code: number, reason: string): ClientError {
  return new ClientError(CLOSE_CODES[code] ?? 'closed', code, reason === '' ? `closed with ${code}` : reason);
}

/**
 * A WebSocket that was refused says no reason, so the same is asked over HTTP: the gateway refuses it there for
 * the same reason, or asks for an upgrade when there is none.
 */
async function explainRefusal(init: StreamInit, closed: ClientError): Promise<ClientError> {
  if (CLOSE_CODES[closed.status] !== undefined) return closed;
  try {
    const response = await init.fetch(init.url, init.signal === undefined ? {} : { signal: init.signal });
    const error = errorFrom(await response.json(), response.status);
    return error.code === 'upgrade_required' ? closed : error;
  } catch (cause) {
    return new ClientError('unreachable', 0, `no gateway answers at ${init.url.origin}`, { cause });
  }
}

/** A frame of a kind that is not known here is left alone: a newer gateway may send some. */
function parseFrame(data: unknown): ServerFrame | undefined {
  if (typeof data !== 'string') return undefined;
  return JSON.parse(data) as ServerFrame;
}

function toMessage(frame: Extract<ServerFrame, { type: 'message' }>): Message {
  const { id, namespace, topic, author, epoch, seq, time, data_base64 } = frame;
  return { id, namespace, topic, author, epoch, seq, time, data: base64ToBytes(data_base64) };
}
