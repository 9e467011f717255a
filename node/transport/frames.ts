import type { Stream, StreamMessageEvent } from '@libp2p/interface';
import { Uint8ArrayList } from 'uint8arraylist';
import { encodeVarint } from '../../protocols/common/varint.ts';
import { FRAME_MAX_BYTES, StorageError } from '../../protocols/storage/index.ts';

/** Seven bits of a length in each byte: so many hold the largest frame's. */
const LENGTH_BYTES_MAX = 3;

export interface FramesInit {
  /** Called with each frame, in order. An error it throws ends the stream. */
  readonly onFrame: (frame: Uint8Array) => void;
  /** Called once, when nothing comes any more; with the error when the stream did not end well. */
  readonly onEnd: (error: Error | undefined) => void;
  /** Largest frame; the storage protocol's limit by default. Three bytes of length hold it. */
  readonly maxBytes?: number;
}

/**
 * Frames on a stream, each behind its length as an unsigned varint. Buffers only what has arrived of one frame: a length above
 * the largest frame ends the stream before the frame is read. js-libp2p's own length-prefixed stream makes several promises for
 * every byte of a length.
 */
export class Frames {
  readonly #stream: Stream;
  readonly #init: FramesInit;
  readonly #maxBytes: number;
  readonly #buffer = new Uint8ArrayList();
  /** Length of the frame that is arriving; null between frames. */
  #length: number | null = null;
  #isEnded = false;

  constructor(stream: Stream, init: FramesInit) {
    this.#stream = stream;
    this.#init = init;
    this.#maxBytes = init.maxBytes ?? FRAME_MAX_BYTES;
    stream.addEventListener('message', this.#onMessage);
    stream.addEventListener('close', this.#onClose);
    stream.addEventListener('remoteCloseWrite', this.#onRemoteClose);
    if (stream.status !== 'open') this.#end(new Error('the stream is closed'));
  }

  get isOpen(): boolean {
    return !this.#isEnded && this.#stream.status === 'open';
  }

  /** Bytes that the peer has not taken yet. */
  get unsentBytes(): number {
    return this.#stream.writeBufferLength;
  }

  /** Throws when the stream is closed. The caller bounds the bytes under way: streams do not. */
  send(frame: Uint8Array): void {
    this.#stream.send(new Uint8ArrayList(encodeVarint(frame.byteLength), frame));
  }

  /** Ends the stream at once. */
  abort(error: Error): void {
    this.#end(error);
    this.#stream.abort(error);
  }

  readonly #onMessage = ({ data }: StreamMessageEvent): void => {
    if (this.#isEnded) return;
    this.#buffer.append(data);
    try {
      for (let frame = this.#next(); frame !== null; frame = this.#next()) this.#init.onFrame(frame);
    } catch (error) {
      this.abort(error instanceof Error ? error : new Error(String(error)));
    }
  };

  readonly #onClose = ({ error }: { readonly error?: Error }): void => this.#end(error);

  /** A peer that says no more on a stream has no further use for it. */
  readonly #onRemoteClose = (): void => {
    this.#end(undefined);
    this.#stream.close().catch((error: Error) => this.#stream.abort(error));
  };

  #next(): Uint8Array | null {
    if (this.#isEnded) return null;
    this.#length ??= this.#readLength();
    if (this.#length === null || this.#buffer.byteLength < this.#length) return null;
    const frame = this.#buffer.subarray(0, this.#length);
    this.#buffer.consume(this.#length);
    this.#length = null;
    return frame;
  }

  #readLength(): number | null {
    let length = 0;
    for (let i = 0; i < LENGTH_BYTES_MAX; i++) {
      if (i >= this.#buffer.byteLength) return null;
      const byte = this.#buffer.get(i);
      length += (byte & 0x7f) * 2 ** (7 * i);
      if (byte >= 0x80) continue;
      if (length > this.#maxBytes) break;
      this.#buffer.consume(i + 1);
      return length;
    }
    throw new StorageError('frame_too_large', `frame exceeds ${this.#maxBytes} bytes`);
  }

  #end(error: Error | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#stream.removeEventListener('message', this.#onMessage);
    this.#stream.removeEventListener('close', this.#onClose);
    this.#stream.removeEventListener('remoteCloseWrite', this.#onRemoteClose);
    this.#buffer.consume(this.#buffer.byteLength);
    this.#init.onEnd(error);
  }
}
