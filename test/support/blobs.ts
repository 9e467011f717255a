/** Files to make blobs of, and their blocks in memory. */
import { createCrypto } from '../../node/runtime/crypto.ts';
import {
  BlobBuilder,
  type BlobLink,
  BlobReader,
  type Block,
  chunksOf,
  cidText,
  createBlobMetrics,
  type GetBlock,
  PROFILE,
  type Profile,
} from '../../protocols/blobs/index.ts';

const crypto = createCrypto();

/** The pattern of the vectors. */
export function pattern(size: number, start = 0): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at++) {
    const i = at + start;
    bytes[at] = (i * 31 + (i >>> 8) * 7 + (i >>> 16) * 3) & 0xff;
  }
  return bytes;
}

/** A source of pieces that are no chunks: as they come from a socket. */
export async function* piecesOf(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

export interface MadeBlob {
  readonly link: BlobLink;
  /** In the order they came. */
  readonly blocks: readonly Block[];
}

export async function blobOf(
  source: AsyncIterable<Uint8Array>,
  profile: Profile = PROFILE,
): Promise<MadeBlob> {
  const builder = new BlobBuilder({ crypto }, { profile });
  const blocks: Block[] = [];
  for await (const chunk of chunksOf(source, profile)) blocks.push(...builder.add(chunk));
  const { link, blocks: rest } = builder.finish();
  return { link, blocks: [...blocks, ...rest] };
}

/** Serves blocks out of memory. */
export function blocksOf(blocks: readonly Block[]): GetBlock {
  const byCid = new Map(blocks.map(({ cid, bytes }) => [cidText(cid), bytes]));
  return ({ cid }) => {
    const bytes = byCid.get(cidText(cid));
    return bytes === undefined
      ? Promise.reject(new Error(`${cidText(cid)} is not there`))
      : Promise.resolve(bytes);
  };
}

export function readerOf(
  getBlock: GetBlock,
  init: { readonly profile?: Profile; readonly readAhead?: number } = {},
): BlobReader {
  return new BlobReader({ crypto, metrics: createBlobMetrics(), getBlock }, init);
}

export async function allOf<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}

export async function bytesOfAll(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await allOf(source));
}
