import { createCipheriv, createHash } from 'node:crypto';

const BLOCK_BYTES = 16;
const PIECE_BYTES = 262_144;
const ZEROS = new Uint8Array(PIECE_BYTES);

/** A file of bytes that look random, the same for the same number, and can be read from anywhere: what a counter encrypts to. */
export class Content {
  readonly size: number;
  readonly #key: Buffer;

  constructor(number: number, size: number) {
    this.size = size;
    this.#key = Buffer.alloc(BLOCK_BYTES, number);
  }

  /** From `start`, a multiple of 16, up to `end`. */
  async *read(start = 0, end = this.size): AsyncGenerator<Uint8Array, void, undefined> {
    if (start % BLOCK_BYTES !== 0) throw new Error('the start is within a block');
    const counter = Buffer.alloc(BLOCK_BYTES);
    counter.writeBigUInt64BE(BigInt(start / BLOCK_BYTES), BLOCK_BYTES - 8);
    const cipher = createCipheriv('aes-128-ctr', this.#key, counter);
    for (let at = start; at < end; at += PIECE_BYTES) {
      yield cipher.update(ZEROS.subarray(0, Math.min(PIECE_BYTES, end - at)));
    }
  }

  async digest(): Promise<string> {
    const sha = createHash('sha256');
    for await (const piece of this.read()) sha.update(piece);
    return sha.digest('hex');
  }
}
