import * as dagCbor from '@ipld/dag-cbor';
import { isBlockCid, isLeafCid } from './block-cid.ts';
import { equalBytes } from './bytes.ts';
import { hasFewItems } from './cbor-bounds.ts';
import { type Fault, refusalBy } from './refusal.ts';

/** Version of a link to a blob, its first item. */
export const LINK_VERSION = 1;
/** A link: array, version, CID, size. */
export const LINK_MAX_BYTES = 64;
/** Bytes of a leaf: what has no more is one raw block. */
export const CHUNK_BYTES = 2 ** 20;
/** The largest blob, 1 TiB: two levels of nodes of 1 024 links hold it (blobs/SPEC.md). */
export const BLOB_MAX_BYTES = CHUNK_BYTES * 2 ** 20;

export const LINK_ERRORS = {
  /** The bytes are not a link to a blob. */
  blob_link: 'sender',
  /** A link of a version that is not known here. */
  blob_version: 'context',
  /** It is larger than a blob may be. */
  blob_too_large: 'context',
} as const satisfies Record<string, Fault>;

/** Why something is no link to a blob. */
export class LinkError extends refusalBy(LINK_ERRORS) {}

/** A blob: what a record holds instead of its bytes. */
export interface BlobLink {
  /** CID of its root, 36 bytes. */
  readonly cid: Uint8Array;
  /** Bytes of the file. */
  readonly size: number;
}

const LINK_ITEMS = 3;

/** DAG-CBOR `[1, cid, size]`, the CID as bytes. */
export function encodeBlobLink({ cid, size }: BlobLink): Uint8Array {
  return dagCbor.encode([LINK_VERSION, cid, size]);
}

/** Throws `blob_link`, `blob_version`, `blob_too_large`. */
export function decodeBlobLink(bytes: Uint8Array): BlobLink {
  const items = linkItems(bytes);
  const [version, cid, size] = items;
  if (version !== LINK_VERSION) {
    if (Number.isSafeInteger(version)) {
      throw new LinkError('blob_version', 'a link to a blob of this version is not known here');
    }
    throw malformedLink();
  }
  if (items.length !== LINK_ITEMS || !(cid instanceof Uint8Array) || !isBlockCid(cid)) throw malformedLink();
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw malformedLink();
  checkBlobSize(size);
  const link = { cid, size };
  const isRootOfSize = isLeafCid(cid) === size <= CHUNK_BYTES;
  if (!isRootOfSize || !equalBytes(encodeBlobLink(link), bytes)) throw malformedLink();
  return link;
}

function linkItems(bytes: Uint8Array): unknown[] {
  if (bytes.byteLength > LINK_MAX_BYTES || !hasFewItems(bytes, LINK_MAX_BYTES)) throw malformedLink();
  try {
    const items: unknown = dagCbor.decode(bytes);
    if (Array.isArray(items)) return items;
  } catch {
    // said below
  }
  throw malformedLink();
}

function malformedLink(): LinkError {
  const rule = `DAG-CBOR [1, CID, size], the size at most ${BLOB_MAX_BYTES}, the CID that of a file of this size`;
  return new LinkError('blob_link', `a link to a blob must be ${rule}`);
}

/** Throws `blob_too_large`. */
export function checkBlobSize(size: number): void {
  if (size > BLOB_MAX_BYTES) {
    throw new LinkError('blob_too_large', `a blob has at most ${BLOB_MAX_BYTES} bytes`);
  }
}
