import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../../core/errors.ts';
import { TRANSFER_MIN_BYTES, TRANSFER_WINDOW_MS } from '../../core/limits.ts';
import { Pace } from './pace.ts';

export interface StreamedBodyInit {
  /** Bytes already read from it. */
  readonly first: readonly Buffer[];
  /** Bytes it may have. */
  readonly limit: number;
  /** Bytes it has, as the client announced them. */
  readonly announced?: number;
}

/**
 * A body that is streamed once: nothing is read before somebody asks, so the client waits for whoever is slower. Throws
 * `too_large`, `request_timeout` where it stands still, and `bad_request` where it is cut off.
 */
export class StreamedBody implements AsyncIterable<Uint8Array> {
  readonly #source: IncomingMessage;
  readonly #init: StreamedBodyInit;
  #size = 0;
  #isBegun = false;
  #beforeRead: () => void = () => undefined;

  constructor(source: IncomingMessage, init: StreamedBodyInit) {
    this.#source = source;
    this.#init = init;
  }

  /** Bytes that were taken so far: all of them, once it has ended. */
  get size(): number {
    return this.#size;
  }

  /** Bytes of the whole; undefined where the client did not say. */
  get announced(): number | undefined {
    return this.#init.announced;
  }

  /** Registers a listener that is called when reading begins. */
  beforeRead(listener: () => void): void {
    this.#beforeRead = listener;
  }

  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    return this.until();
  }

  /** Ends with the signal's reason, also while it waits for the client. */
  async *until(signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#isBegun) throw new Error('a body is read once');
    this.#isBegun = true;
    this.#beforeRead();
    const chunks = new IncomingChunks(this.#source, signal);
    try {
      for (const chunk of this.#init.first) yield this.#counted(chunk);
      for (let chunk = await chunks.next(); chunk !== null; chunk = await chunks.next()) {
        yield this.#counted(chunk);
      }
    } finally {
      chunks.end();
    }
  }

  #counted(chunk: Buffer): Buffer {
    this.#size += chunk.byteLength;
    if (this.#size > this.#init.limit) throw tooLarge(this.#init.limit);
    return chunk;
  }
}

export function tooLarge(limit: number): GatewayError {
  return new GatewayError('too_large', `the body may have ${limit} bytes`);
}

const EVENTS = ['readable', 'end', 'error', 'close'] as const;

/** The body of a request, piece by piece. The connection lasts for the answer, whatever that is. */
export class IncomingChunks {
  readonly #source: IncomingMessage;
  readonly #signal: AbortSignal | undefined;
  readonly #pace: Pace;
  #isStalled = false;
  #wake: () => void = () => undefined;

  constructor(source: IncomingMessage, signal?: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onEvent);
    this.#pace = new Pace({
      windowMs: TRANSFER_WINDOW_MS,
      minBytes: TRANSFER_MIN_BYTES,
      onStall: () => {
        this.#isStalled = true;
        this.#wake();
      },
    });
    for (const event of EVENTS) source.on(event, this.#onEvent);
  }

  /** Null at the end. */
  async next(): Promise<Buffer | null> {
    const source = this.#source;
    for (;;) {
      this.#signal?.throwIfAborted();
      const chunk = source.read() as Buffer | null;
      if (chunk !== null) {
        this.#pace.gain(chunk.byteLength);
        return chunk;
      }
      if (source.readableEnded) return null;
      if (source.destroyed) throw new GatewayError('bad_request', 'the body ended before it was complete');
      if (this.#isStalled) throw stalled();
      this.#pace.wait();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  end(): void {
    this.#pace.end();
    this.#signal?.removeEventListener('abort', this.#onEvent);
    for (const event of EVENTS) this.#source.off(event, this.#onEvent);
    // a connection that breaks later does not matter
    this.#source.on('error', () => undefined);
  }

  readonly #onEvent = (): void => this.#wake();
}

function stalled(): GatewayError {
  const pace = `${TRANSFER_MIN_BYTES} bytes must come in ${TRANSFER_WINDOW_MS / 1000} s`;
  return new GatewayError('request_timeout', `the body stands still: ${pace}`);
}
