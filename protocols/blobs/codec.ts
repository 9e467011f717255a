import * as dagCbor from '@ipld/dag-cbor';
import * as dagPb from '@ipld/dag-pb';
import { UnixFS } from 'ipfs-unixfs';
import { CID } from 'multiformats/cid';
import { cidOf, isBlockCid, isLeafCid } from '../common/block-cid.ts';
import { equalBytes } from '../common/bytes.ts';
import { hasFewItems } from '../common/cbor-bounds.ts';
import {
  BLOB_MAX_BYTES,
  DIGEST_BYTES,
  LINK_MAX_BYTES,
  LINK_VERSION,
  PROFILE,
  type Profile,
} from './constants.ts';
import { BlobError } from './errors.ts';
import { childrenOf, dagBytesOf, type Subtree } from './shape.ts';
import { checkBlobSize } from './validate.ts';

/** A blob: what a record holds instead of its bytes. */
export interface BlobLink {
  /** CID of its root, 36 bytes. */
  readonly cid: Uint8Array;
  /** Bytes of the file. */
  readonly size: number;
}

const LINK_ITEMS = 3;

/** DAG-CBOR `[1, cid, size]`, the CID as bytes. */
export function encodeLink({ cid, size }: BlobLink): Uint8Array {
  return dagCbor.encode([LINK_VERSION, cid, size]);
}

/** Throws `blob_link`, `blob_version`, `blob_too_large`. */
export function decodeLink(bytes: Uint8Array): BlobLink {
  const items = linkItems(bytes);
  const [version, cid, size] = items;
  if (version !== LINK_VERSION) {
    if (Number.isSafeInteger(version)) {
      throw new BlobError('blob_version', 'a link to a blob of this version is not known here');
    }
    throw malformedLink();
  }
  if (items.length !== LINK_ITEMS || !(cid instanceof Uint8Array) || !isBlockCid(cid)) throw malformedLink();
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw malformedLink();
  checkBlobSize(size);
  const link = { cid, size };
  const isRootOfSize = isLeafCid(cid) === size <= PROFILE.chunkBytes;
  if (!isRootOfSize || !equalBytes(encodeLink(link), bytes)) throw malformedLink();
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

function malformedLink(): BlobError {
  const rule = `DAG-CBOR [1, CID, size], the size at most ${BLOB_MAX_BYTES}, the CID that of a file of this size`;
  return new BlobError('blob_link', `a link to a blob must be ${rule}`);
}

/** The node over children with these digests: dag-pb links without names, and UnixFS of a file. */
export function encodeNode(
  subtree: Subtree,
  digests: readonly Uint8Array[],
  profile: Profile = PROFILE,
): Uint8Array {
  const children = childrenOf(subtree, profile);
  const file = new UnixFS({ type: 'file', blockSizes: children.map(({ size }) => BigInt(size)) });
  const links = children.map((child, index) => {
    const cid = cidOf(digests[index] ?? new Uint8Array(), child.height);
    return { Hash: CID.decode(cid), Name: '', Tsize: dagBytesOf(child, profile) };
  });
  return dagPb.encode({ Data: file.marshal(), Links: links });
}

/** Digests of the children that a node links; whether it is the node it should be, only `encodeNode` of them tells. Null for no node. */
export function linkedDigests(bytes: Uint8Array): Uint8Array[] | null {
  try {
    const digests = dagPb.decode(bytes).Links.map(({ Hash }) => Hash.multihash.digest);
    return digests.every(({ byteLength }) => byteLength === DIGEST_BYTES) ? digests : null;
  } catch {
    return null;
  }
}
