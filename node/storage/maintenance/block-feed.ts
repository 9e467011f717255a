import type { GetBlock } from '../../../protocols/blobs/index.ts';
import { equalBytes } from '../../../protocols/common/bytes.ts';
import { badArchive, type CarBlock, CarParser } from '../../../protocols/common/car.ts';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { isCbor } from './archive-codec.ts';
import { ARCHIVE_BLOCK_MAX_BYTES } from './limits.ts';

/** The blocks of an archive one after another, each checked against its CID. */
export class BlockFeed {
  readonly #parser: CarParser;
  readonly #blocks: AsyncGenerator<CarBlock, void, undefined>;
  /** One that was read and is not taken yet. */
  #next: CarBlock | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  bytes = 0;

  constructor(components: { readonly crypto: Pick<Crypto, 'sha256'> }, source: AsyncIterable<Uint8Array>) {
    this.#parser = new CarParser(components.crypto, { blockMaxBytes: ARCHIVE_BLOCK_MAX_BYTES });
    this.#blocks = this.#read(source);
  }

  /** Root in the header; null until it arrives. */
  get root(): Uint8Array | null {
    return this.#parser.root;
  }

  /** Null at the end. Throws `bad_archive`. */
  async take(): Promise<CarBlock | null> {
    // who asked for a block and gave up may still be reading
    await this.#turn;
    const block = await this.#peek();
    this.#next = null;
    return block;
  }

  /**
   * Gives blocks of a blob in the order in which they are asked for. It skips blocks that nobody asked for because they
   * are stored here already. It reports a block as missing once the next block does not belong to a blob.
   */
  readonly getBlock: GetBlock = (ref, signal) => {
    const got = this.#turn.then(async () => {
      signal.throwIfAborted();
      for (let block = await this.#peek(); block !== null && !isCbor(block.cid); block = await this.#peek()) {
        this.#next = null;
        if (equalBytes(block.cid, ref.cid)) return block.bytes;
      }
      throw new CodedError('blob_unavailable', 'the archive has not all blocks of the blob');
    });
    this.#turn = got.catch(() => undefined);
    return got;
  };

  async #peek(): Promise<CarBlock | null> {
    if (this.#next !== null) return this.#next;
    const { value, done } = await this.#blocks.next();
    this.#next = done === true ? null : value;
    return this.#next;
  }

  async *#read(source: AsyncIterable<Uint8Array>): AsyncGenerator<CarBlock, void, undefined> {
    for await (const bytes of source) {
      this.bytes += bytes.byteLength;
      yield* this.#parser.push(bytes);
    }
    if (!this.#parser.isBetween) throw badArchive('it ends in the middle of a block');
  }
}
