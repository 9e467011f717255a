/** Values on their way to the client: as they come, and from where they stood when the connection broke. */
import { ClientError, errorFrom } from './errors.ts';
import { mayPass, TRIES_MAX, waitToRetry } from './retry.ts';
import { send, type TransportInit, unreachable } from './transport.ts';

/** A gateway that sends nothing for so long is taken for gone. */
const STALL_TIMEOUT_MS = 60_000;
const PARTIAL = 206;

export interface DownloadOptions {
  readonly signal?: AbortSignal;
  /** Bytes of it that are left out. */
  readonly start?: number;
  /** ETag of the value whose first `start` bytes were read: another value is `precondition_failed`. */
  readonly ifMatch?: string;
}

/** A body that is read once. */
export interface Body {
  readonly stream: () => ReadableStream<Uint8Array>;
  readonly bytes: () => Promise<Uint8Array>;
}

export interface Download extends Body {
  readonly headers: Headers;
  /** Bytes of the whole. */
  readonly size: number;
}

/** Null where there is nothing. Throws `ClientError`. */
export async function download(
  init: TransportInit,
  url: URL,
  options: DownloadOptions = {},
): Promise<Download | null> {
  const source = new ResumingBody(init, url, options);
  const response = await source.open();
  if (response === null) return null;
  const { headers } = response;
  return {
    headers,
    size: sizeOf(response),
    stream: () => source.stream(),
    bytes: async () => new Uint8Array(await new Response(source.stream()).arrayBuffer()),
  };
}

function sizeOf({ status, headers }: Response): number {
  if (status !== PARTIAL) return Number(headers.get('content-length') ?? 0);
  return Number(headers.get('content-range')?.split('/')[1] ?? 0);
}

class ResumingBody {
  readonly #init: TransportInit;
  readonly #url: URL;
  readonly #options: DownloadOptions;
  #at: number;
  #etag: string | undefined;
  #size = 0;
  #controller = new AbortController();
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;

  constructor(init: TransportInit, url: URL, options: DownloadOptions) {
    this.#init = init;
    this.#url = url;
    this.#options = options;
    this.#at = options.start ?? 0;
    this.#etag = options.ifMatch;
  }

  async open(): Promise<Response | null> {
    const { signal } = this.#options;
    const controller = new AbortController();
    this.#controller = controller;
    const timer = setTimeout(() => controller.abort(), STALL_TIMEOUT_MS);
    try {
      const response = await send(this.#init, this.#url, {
        headers: {
          ...(this.#at === 0 ? {} : { range: `bytes=${this.#at}-` }),
          ...(this.#etag === undefined ? {} : { 'if-match': this.#etag }),
        },
        signal: signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]),
      });
      if (!response.ok) {
        const error = errorFrom(await response.json().catch(() => null), response.status);
        if (error.code === 'not_found') return null;
        throw error;
      }
      if (this.#at > 0 && response.status !== PARTIAL) {
        throw new ClientError(
          'bad_answer',
          response.status,
          'the server does not give the part that was asked for',
        );
      }
      this.#etag = response.headers.get('etag') ?? undefined;
      this.#size = sizeOf(response);
      this.#reader = response.body?.getReader() ?? null;
      return response;
    } finally {
      clearTimeout(timer);
    }
  }

  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (sink) => {
          const chunk = await this.#next();
          if (chunk === null) sink.close();
          else sink.enqueue(chunk);
        },
        cancel: () => this.#controller.abort(),
      },
      { highWaterMark: 0 },
    );
  }

  /** Null at the end. */
  async #next(): Promise<Uint8Array | null> {
    const { signal } = this.#options;
    for (let tries = 0; ; tries += 1) {
      try {
        const chunk = await this.#read();
        this.#at += chunk?.byteLength ?? 0;
        if (chunk !== null || this.#at === this.#size) return chunk;
        throw unreachable(this.#init, new Error('the value ended before all of it came'));
      } catch (error) {
        signal?.throwIfAborted();
        if (!mayPass(error) || tries === TRIES_MAX) throw error;
        await waitToRetry(tries, signal);
        await this.#reopen();
      }
    }
  }

  async #read(): Promise<Uint8Array | null> {
    const timer = setTimeout(() => this.#controller.abort(), STALL_TIMEOUT_MS);
    try {
      const { done, value } = (await this.#reader?.read()) ?? { done: true };
      return done ? null : (value ?? null);
    } catch (cause) {
      throw unreachable(this.#init, cause);
    } finally {
      clearTimeout(timer);
    }
  }

  async #reopen(): Promise<void> {
    this.#controller.abort();
    this.#reader = null;
    // all of it came, only the end did not
    if (this.#at === this.#size) return;
    try {
      if ((await this.open()) === null) throw new ClientError('not_found', 404, 'the value is gone');
    } catch (error) {
      if (!mayPass(error)) throw error;
    }
  }
}
