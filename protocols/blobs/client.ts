import * as dagCbor from '@ipld/dag-cbor';
import { type BlobLink, checkBlobSize } from '../common/blob-link.ts';
import { cidOf } from '../common/block-cid.ts';
import { equalBytes } from '../common/bytes.ts';
import { hasFewItems } from '../common/cbor-bounds.ts';
import type { Crypto } from '../common/crypto.ts';
import { encodeNode } from './codec.ts';
import {
  DIGEST_BYTES,
  HEIGHT_MAX,
  PROFILE,
  type Profile,
  STATE_MAX_BYTES,
  STATE_VERSION,
} from './constants.ts';
import { BlobError } from './errors.ts';
import { capacityOf } from './shape.ts';

/** A block of a blob. */
export interface Block {
  /** 36 bytes. */
  readonly cid: Uint8Array;
  readonly bytes: Uint8Array;
  /** 0 for a leaf. */
  readonly height: number;
}

/** A subtree that has no parent yet. */
interface Pending {
  readonly digest: Uint8Array;
  readonly size: number;
}

/**
 * Makes a blob's blocks of its bytes, chunk by chunk: holds a chunk at a time, and the digests of each level that have no parent yet.
 * `encodeState` between two chunks and `state` of the next builder go on where this one was.
 */
export class BlobBuilder {
  readonly #crypto: Pick<Crypto, 'sha256'>;
  readonly #profile: Profile;
  readonly #levels: Pending[][];
  #size: number;
  /** A chunk that was not full was the last. */
  #isEnded = false;

  constructor(
    components: { readonly crypto: Pick<Crypto, 'sha256'> },
    init: { readonly profile?: Profile; readonly state?: Uint8Array } = {},
  ) {
    this.#crypto = components.crypto;
    this.#profile = init.profile ?? PROFILE;
    const state = init.state === undefined ? { size: 0, levels: [] } : decodeState(init.state, this.#profile);
    this.#size = state.size;
    this.#levels = state.levels;
  }

  /** Bytes taken so far. */
  get size(): number {
    return this.#size;
  }

  /**
   * The blocks that the next chunk completes: its leaf, and the nodes that became full. Every chunk but the last has the
   * profile's size. Throws `blob_too_large`.
   */
  add(chunk: Uint8Array): Block[] {
    if (this.#isEnded) throw new Error('a chunk that was not full was the last');
    if (chunk.byteLength > this.#profile.chunkBytes)
      throw new Error('a chunk is larger than the profile has it');
    checkBlobSize(this.#size + chunk.byteLength);
    this.#isEnded = chunk.byteLength < this.#profile.chunkBytes;
    this.#size += chunk.byteLength;
    return this.#push(chunk, 0, chunk.byteLength);
  }

  /** The blocks that are left, the root last unless it came before, and the link. */
  finish(): { readonly link: BlobLink; readonly blocks: readonly Block[] } {
    const blocks = this.#size === 0 && !this.#isEnded ? this.add(new Uint8Array()) : [];
    this.#isEnded = true;
    for (let height = 0; height < this.#levels.length; height++) {
      const pending = this.#levels[height] ?? [];
      const isTop = height === this.#levels.length - 1;
      const [first] = pending;
      if (isTop && pending.length === 1 && first !== undefined) {
        return { link: { cid: cidOf(first.digest, height), size: this.#size }, blocks };
      }
      if (pending.length > 0) blocks.push(...this.#close(height));
    }
    throw new Error('a blob without a root');
  }

  /** State from which a builder resumes; only where every chunk was full. At most `STATE_MAX_BYTES`. */
  encodeState(): Uint8Array {
    if (this.#isEnded) throw new Error('nothing comes behind the last chunk');
    const levels = this.#levels.map((level) => {
      const bytes = new Uint8Array(level.length * DIGEST_BYTES);
      for (const [index, { digest }] of level.entries()) bytes.set(digest, index * DIGEST_BYTES);
      return bytes;
    });
    return dagCbor.encode([STATE_VERSION, this.#size, levels]);
  }

  #push(bytes: Uint8Array, height: number, size: number): Block[] {
    const digest = this.#crypto.sha256(bytes);
    const level = (this.#levels[height] ??= []);
    level.push({ digest, size });
    const block = { cid: cidOf(digest, height), bytes, height };
    // at once: nobody has to hold more than a node's worth of digests of a level
    return level.length === this.#profile.linksMax ? [block, ...this.#close(height)] : [block];
  }

  /** Puts a parent over what waits on a level. */
  #close(height: number): Block[] {
    const children = this.#levels[height] ?? [];
    this.#levels[height] = [];
    const size = children.reduce((sum, child) => sum + child.size, 0);
    const digests = children.map(({ digest }) => digest);
    return this.#push(encodeNode({ height: height + 1, size }, digests, this.#profile), height + 1, size);
  }
}

/** Throws `blob_state` for what no builder of this profile wrote. */
function decodeState(bytes: Uint8Array, profile: Profile): { size: number; levels: Pending[][] } {
  const [version, size, levels, ...rest] = stateItems(bytes);
  const isState = version === STATE_VERSION && rest.length === 0 && Array.isArray(levels);
  if (!isState || typeof size !== 'number' || levels.length > HEIGHT_MAX + 1) throw badState();
  let held = 0;
  const pending = levels.map((level: unknown, height) => {
    if (!(level instanceof Uint8Array) || level.byteLength % DIGEST_BYTES !== 0) throw badState();
    const count = level.byteLength / DIGEST_BYTES;
    const each = capacityOf(height, profile);
    if (count >= profile.linksMax) throw badState();
    held += count * each;
    return Array.from({ length: count }, (_, index) => {
      return { digest: level.slice(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES), size: each };
    });
  });
  if (held !== size || !equalBytes(dagCbor.encode([STATE_VERSION, size, levels]), bytes)) throw badState();
  return { size, levels: pending };
}

function stateItems(bytes: Uint8Array): unknown[] {
  if (bytes.byteLength > STATE_MAX_BYTES || !hasFewItems(bytes, HEIGHT_MAX + 5)) throw badState();
  try {
    const items: unknown = dagCbor.decode(bytes);
    if (Array.isArray(items)) return items;
  } catch {
    // said below
  }
  throw badState();
}

function badState(): BlobError {
  return new BlobError('blob_state', 'what was kept of this upload is damaged: begin it again');
}

/**
 * A source cut into chunks of the profile's size, the last one shorter; none for an empty source. A chunk is memory of its
 * own: it may be kept.
 */
export async function* chunksOf(
  source: AsyncIterable<Uint8Array>,
  { chunkBytes }: Profile = PROFILE,
): AsyncGenerator<Uint8Array, void, undefined> {
  let chunk = new Uint8Array(chunkBytes);
  let filled = 0;
  for await (const piece of source) {
    for (let at = 0; at < piece.byteLength; ) {
      const part = piece.subarray(at, at + chunkBytes - filled);
      chunk.set(part, filled);
      filled += part.byteLength;
      at += part.byteLength;
      if (filled < chunkBytes) continue;
      yield chunk;
      chunk = new Uint8Array(chunkBytes);
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}
