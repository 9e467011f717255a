import type { Connection, Stream } from '@libp2p/interface';
import { Uint8ArrayList } from 'uint8arraylist';
import { encodeVarint } from '../../protocols/common/varint.ts';

/** A stream on which frames go out one after another, each once the peer took the one before: no more than one is in memory. */
export class Outgoing {
  readonly #stream: Stream;

  private constructor(stream: Stream) {
    this.#stream = stream;
  }

  static async open(
    connection: Connection,
    protocol: string,
    { signal, streamsMax }: { readonly signal: AbortSignal; readonly streamsMax: number },
  ): Promise<Outgoing> {
    const stream = await connection.newStream(protocol, { signal, maxOutboundStreams: streamsMax });
    try {
      // nothing is to come on it
      await stream.closeRead({ signal });
      return new Outgoing(stream);
    } catch (error) {
      stream.abort(new Error('the stream could not be used', { cause: error }));
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.#stream.status === 'open';
  }

  /** Resolves when the peer's window took all of it. Rejects when the stream or `signal` ends first. */
  async send(frame: Uint8Array, signal: AbortSignal): Promise<void> {
    this.#stream.send(new Uint8ArrayList(encodeVarint(frame.byteLength), frame));
    await taken(this.#stream, signal);
  }

  /** Ends it when what was sent has gone out, and at once where the peer has not ended its side when `signal` does. Never rejects. */
  async end(signal: AbortSignal): Promise<void> {
    const stream = this.#stream;
    const closed = new Promise<void>((resolve) => {
      stream.addEventListener('close', () => resolve(), { once: true });
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await stream.close({ signal }).catch(() => undefined);
    if (stream.status !== 'closed' && !signal.aborted) await closed;
    // one that is closed already is not touched by that
    stream.abort(new Error('the peer does not end the stream'));
  }

  abort(error: Error): void {
    this.#stream.abort(error);
  }
}

/** The library's own way to wait, `onDrain`, waits once only. */
function taken(stream: Stream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      stream.removeEventListener('idle', onIdle);
      stream.removeEventListener('close', onGone);
      signal.removeEventListener('abort', onGone);
    };
    const onIdle = (): void => {
      end();
      resolve();
    };
    const onGone = (): void => {
      end();
      reject(new Error('the peer did not take what it asked for'));
    };
    if (stream.status !== 'open' || signal.aborted) onGone();
    else if (stream.writeBufferLength === 0) onIdle();
    else {
      stream.addEventListener('idle', onIdle);
      stream.addEventListener('close', onGone);
      signal.addEventListener('abort', onGone);
    }
  });
}
