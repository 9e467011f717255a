import { base64ToBytes } from './base64.ts';
import { ClientError } from './errors.ts';
import type { MessageFrame, MessageHead } from './frames.ts';
import { MessageQueue } from './message-queue.ts';

/** A message as a subscriber gets it. */
export interface Message extends MessageHead {
  readonly data: Uint8Array;
}

/** One subscription, to be iterated once; leaving the loop ends it. */
export interface Stream extends AsyncIterable<Message> {
  /** Resolves once every message published from then on will arrive; rejects when that cannot be had. */
  readonly ready: Promise<void>;
}

/** Most bytes that a client may queue: a browser tab can afford it, and a WebSocket cannot be told to wait. */
const QUEUE_MAX_BYTES = 16 * 2 ** 20;
/** Overhead of a message besides its data. */
const MESSAGE_OVERHEAD_BYTES = 512;
/** The close code for what is the same on the gateway's side. */
const TOO_SLOW = 4008;

export interface SubscriberInit {
  readonly signal: AbortSignal | undefined;
  /** Called once, when it takes no more messages. */
  readonly onEnd: (subscriber: Subscriber) => void;
}

/** A stream seen from the connection that feeds it. */
export class Subscriber implements Stream {
  readonly ready: Promise<void>;
  readonly #init: SubscriberInit;
  readonly #queue = new MessageQueue<Message>({ maxBytes: QUEUE_MAX_BYTES });
  readonly #settle: { resolve(): void; reject(error: Error): void };
  #isOver = false;

  constructor(init: SubscriberInit) {
    this.#init = init;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#settle = { resolve, reject };
    // whoever only iterates learns of a failure there
    promise.catch(() => undefined);
    if (init.signal?.aborted === true) this.end();
    else init.signal?.addEventListener('abort', this.#onAbort);
  }

  goLive(): void {
    this.#settle.resolve();
  }

  /** A stream that is read too slowly ends; others on the connection do not notice. */
  push(message: Message): void {
    if (this.#queue.push(message, message.data.byteLength + MESSAGE_OVERHEAD_BYTES)) return;
    this.end(new ClientError('too_slow', TOO_SLOW, 'messages were taken more slowly than they came'));
  }

  /** Lets the reader have what arrived, then the error or the end. The first call counts. */
  end(error?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#init.signal?.removeEventListener('abort', this.#onAbort);
    this.#queue.end(error);
    this.#settle.reject(error ?? new ClientError('closed', 0, 'the subscription has ended'));
    this.#init.onEnd(this);
  }

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return this.#queue.iterate(() => this.end());
  }

  readonly #onAbort = (): void => this.end();
}

export function toMessage(frame: MessageFrame): Message {
  const { id, namespace, topic, author, epoch, seq, time, data_base64 } = frame;
  return { id, namespace, topic, author, epoch, seq, time, data: base64ToBytes(data_base64) };
}
