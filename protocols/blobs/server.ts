import { type BlobLink, checkBlobSize } from '../common/blob-link.ts';
import { cidOf, cidText, digestOf } from '../common/block-cid.ts';
import { equalBytes } from '../common/bytes.ts';
import type { Crypto } from '../common/crypto.ts';
import { encodeNode, linkedDigests } from './codec.ts';
import { PROFILE, type Profile, READ_AHEAD_MAX } from './constants.ts';
import { BlobError } from './errors.ts';
import type { BlobMetrics } from './metrics.ts';
import { blockBytesOf, childrenOf, heightOf, type Subtree } from './shape.ts';
import { type ByteRange, checkRange } from './validate.ts';

/** A block that a blob has, before its bytes are there. */
export interface BlockRef extends Subtree {
  /** 36 bytes. */
  readonly cid: Uint8Array;
  /** Exactly so many bytes it has. */
  readonly bytes: number;
  /** Where in the file what is under it begins. */
  readonly offset: number;
}

/** Where blocks come from. The reader verifies the result. */
export type GetBlock = (block: BlockRef, signal: AbortSignal) => Promise<Uint8Array>;

export interface BlobReaderComponents {
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly metrics: BlobMetrics;
  readonly getBlock: GetBlock;
}

export interface BlobReaderInit {
  readonly profile?: Profile;
  /** Leaves fetched at once. */
  readonly readAhead?: number;
  /** `getBlock` holds what it gives against its CID itself. */
  readonly isHashed?: boolean;
}

/** A block with its bytes, verified. */
export interface ReadBlock {
  readonly ref: BlockRef;
  readonly bytes: Uint8Array;
}

/** The root of a blob. */
export function rootOf({ cid, size }: BlobLink, profile: Profile = PROFILE): BlockRef {
  checkBlobSize(size);
  const subtree = { height: heightOf(size, profile), size };
  return { ...subtree, cid, bytes: blockBytesOf(subtree, profile), offset: 0 };
}

/** Reads a blob block by block; each is held against its CID and against what the blob's size says of its place. */
export class BlobReader {
  readonly #components: BlobReaderComponents;
  readonly #profile: Profile;
  readonly #readAhead: number;
  readonly #isHashed: boolean;

  constructor(components: BlobReaderComponents, init: BlobReaderInit = {}) {
    this.#components = components;
    this.#profile = init.profile ?? PROFILE;
    this.#readAhead = init.readAhead ?? READ_AHEAD_MAX;
    this.#isHashed = init.isHashed ?? false;
  }

  /** The bytes of a range in their order. Holds as many leaves as are read ahead. Throws `BlobError`, and what `getBlock` does. */
  async *read(
    link: BlobLink,
    range: ByteRange,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { start, end } = checkRange(range, link.size);
    for await (const { ref, bytes } of this.leaves(link, { start, end }, signal)) {
      yield bytes.subarray(Math.max(0, start - ref.offset), Math.min(bytes.byteLength, end - ref.offset));
    }
  }

  /** The leaves that hold a part of the range, in their order, each with its bytes. */
  async *leaves(
    link: BlobLink,
    range: ByteRange,
    signal: AbortSignal,
  ): AsyncGenerator<ReadBlock, void, undefined> {
    if (range.start === range.end) return;
    const controller = new AbortController();
    const either = AbortSignal.any([signal, controller.signal]);
    const underWay: { readonly ref: BlockRef; readonly bytes: Promise<Uint8Array> }[] = [];
    try {
      for await (const ref of this.#leafRefs(rootOf(link, this.#profile), range, either)) {
        underWay.push({ ref, bytes: this.#begin(ref, either) });
        const first = underWay.length === this.#readAhead ? underWay.shift() : undefined;
        if (first !== undefined) yield { ref: first.ref, bytes: await first.bytes };
      }
      for (const { ref, bytes } of underWay) yield { ref, bytes: await bytes };
    } finally {
      controller.abort(new BlobError('blob_range', 'the reader left'));
    }
  }

  /** The blocks that are needed to read the range and to verify it, depth first, each as often as it is linked. Throws as `read` does. */
  async *blocks(
    link: BlobLink,
    range: ByteRange,
    signal: AbortSignal,
  ): AsyncGenerator<ReadBlock, void, undefined> {
    const controller = new AbortController();
    try {
      const root = rootOf(link, this.#profile);
      yield* this.#blocksUnder(
        root,
        checkRange(range, link.size),
        AbortSignal.any([signal, controller.signal]),
      );
    } finally {
      controller.abort(new BlobError('blob_range', 'the reader left'));
    }
  }

  async *#blocksUnder(
    ref: BlockRef,
    range: ByteRange,
    signal: AbortSignal,
  ): AsyncGenerator<ReadBlock, void, undefined> {
    const bytes = await this.get(ref, signal);
    yield { ref, bytes };
    if (ref.height === 0) return;
    const children = this.children(ref, bytes).filter((child) => isWithin(child, range));
    if (ref.height > 1) {
      for (const child of children) yield* this.#blocksUnder(child, range, signal);
      return;
    }
    const underWay: { readonly ref: BlockRef; readonly bytes: Promise<Uint8Array> }[] = [];
    for (const child of children) {
      underWay.push({ ref: child, bytes: this.#begin(child, signal) });
      const first = underWay.length === this.#readAhead ? underWay.shift() : undefined;
      if (first !== undefined) yield { ref: first.ref, bytes: await first.bytes };
    }
    for (const one of underWay) yield { ref: one.ref, bytes: await one.bytes };
  }

  #begin(ref: BlockRef, signal: AbortSignal): Promise<Uint8Array> {
    const bytes = this.get(ref, signal);
    // whoever waits for it hears of it; until then it is nobody's unhandled fault
    bytes.catch(() => undefined);
    return bytes;
  }

  /** A block, verified. Throws `block_hash`, `block_shape`. */
  async get(ref: BlockRef, signal: AbortSignal): Promise<Uint8Array> {
    const { crypto, metrics, getBlock } = this.#components;
    signal.throwIfAborted();
    const bytes = await getBlock(ref, signal);
    try {
      checkLength(ref, bytes);
      if (!this.#isHashed) checkHash(ref, bytes, crypto);
    } catch (error) {
      if (error instanceof BlobError) metrics.refused[error.code] += 1;
      throw error;
    }
    metrics.blocksVerified += 1;
    metrics.bytesVerified += bytes.byteLength;
    return bytes;
  }

  /** Children of a node. Throws `block_shape` where it is not the one node that a file of this size has there. */
  children(ref: BlockRef, bytes: Uint8Array): BlockRef[] {
    try {
      return childrenIn(ref, bytes, this.#profile);
    } catch (error) {
      if (error instanceof BlobError) this.#components.metrics.refused[error.code] += 1;
      throw error;
    }
  }

  /** Depth first: of a node at a time the children that are in the range. */
  async *#leafRefs(
    ref: BlockRef,
    range: ByteRange,
    signal: AbortSignal,
  ): AsyncGenerator<BlockRef, void, undefined> {
    if (ref.height === 0) {
      yield ref;
      return;
    }
    const bytes = await this.get(ref, signal);
    for (const child of this.children(ref, bytes)) {
      if (isWithin(child, range)) yield* this.#leafRefs(child, range, signal);
    }
  }
}

function isWithin({ offset, size }: BlockRef, range: ByteRange): boolean {
  return offset < range.end && offset + size > range.start;
}

function checkLength(ref: BlockRef, bytes: Uint8Array): void {
  if (bytes.byteLength !== ref.bytes) throw shapeError(ref);
}

function checkHash(ref: BlockRef, bytes: Uint8Array, crypto: Pick<Crypto, 'sha256'>): void {
  if (!equalBytes(crypto.sha256(bytes), digestOf(ref.cid))) {
    throw new BlobError('block_hash', `block ${cidText(ref.cid)} is not what its CID says`);
  }
}

function childrenIn(ref: BlockRef, bytes: Uint8Array, profile: Profile): BlockRef[] {
  checkLength(ref, bytes);
  const expected = childrenOf(ref, profile);
  const digests = linkedDigests(bytes);
  // sizes, codecs, names and order are right where the same bytes come of the digests alone
  const isNode = digests?.length === expected.length && equalBytes(encodeNode(ref, digests, profile), bytes);
  if (digests === null || !isNode) throw shapeError(ref);
  let { offset } = ref;
  return expected.map(({ height, size }, index) => {
    const at = offset;
    offset += size;
    const cid = cidOf(digests[index] ?? new Uint8Array(), height);
    return { height, size, cid, bytes: blockBytesOf({ height, size }, profile), offset: at };
  });
}

function shapeError({ cid, size, height }: BlockRef): BlobError {
  const place = `of a file of this profile with ${size} bytes under it, at height ${height}`;
  return new BlobError('block_shape', `block ${cidText(cid)} is not the block ${place}`);
}
