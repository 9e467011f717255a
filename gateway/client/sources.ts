/** Accepted forms of a value. Text is stored as UTF-8. */
export type Source = string | Uint8Array | Blob | ReadableStream<Uint8Array>;

export interface Piece {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Nothing comes behind it. */
  readonly isLast: boolean;
}

/** A source cut into pieces, which are in memory one at a time. */
export interface Pieces {
  /** Total size; null where it is unknown. */
  readonly size: number | null;
  /** The next `most` bytes, fewer at the end. */
  take(most: number): Promise<Piece>;
  /** Nobody wants the rest. */
  cancel(): Promise<void>;
}

/** `size`: bytes that a stream will give, where they are known. */
export function piecesOf(source: Source, size: number | null = null): Pieces {
  if (typeof source === 'string') return new SlicedBytes(new TextEncoder().encode(source));
  if (source instanceof Uint8Array) return new SlicedBytes(source);
  return source instanceof Blob ? new SlicedBlob(source) : new CollectedStream(source, size);
}

class SlicedBytes implements Pieces {
  readonly size: number;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.size = bytes.byteLength;
  }

  async take(most: number): Promise<Piece> {
    const bytes = Uint8Array.from(this.#bytes.subarray(this.#at, this.#at + most));
    this.#at += bytes.byteLength;
    return { bytes, isLast: this.#at === this.size };
  }

  async cancel(): Promise<void> {
    // it is the caller's
  }
}

class SlicedBlob implements Pieces {
  readonly size: number;
  readonly #blob: Blob;
  #at = 0;

  constructor(blob: Blob) {
    this.#blob = blob;
    this.size = blob.size;
  }

  async take(most: number): Promise<Piece> {
    const bytes = new Uint8Array(await this.#blob.slice(this.#at, this.#at + most).arrayBuffer());
    this.#at += bytes.byteLength;
    return { bytes, isLast: this.#at === this.size };
  }

  async cancel(): Promise<void> {
    // it is the caller's
  }
}

class CollectedStream implements Pieces {
  readonly size: number | null;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(stream: ReadableStream<Uint8Array>, size: number | null) {
    this.size = size;
    this.#reader = stream.getReader();
  }

  async take(most: number): Promise<Piece> {
    const bytes = new Uint8Array(most);
    let filled = 0;
    while (filled < most) {
      if (this.#rest.byteLength === 0) {
        const { done, value } = await this.#reader.read();
        if (done) return { bytes: bytes.slice(0, filled), isLast: true };
        this.#rest = value;
      }
      const part = this.#rest.subarray(0, most - filled);
      bytes.set(part, filled);
      filled += part.byteLength;
      this.#rest = this.#rest.subarray(part.byteLength);
    }
    return { bytes, isLast: false };
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}
