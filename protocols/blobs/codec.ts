import * as dagCbor from '@ipld/dag-cbor';
import * as dagPb from '@ipld/dag-pb';
import { UnixFS } from 'ipfs-unixfs';
import { base32 } from 'multiformats/bases/base32';
import { CID } from 'multiformats/cid';
import { concatBytes, equalBytes } from '../common/bytes.ts';
import { hasFewItems } from '../common/cbor-bounds.ts';
import {
  BLOB_MAX_BYTES,
  CID_BYTES,
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

const RAW = 0x55;
const DAG_PB = 0x70;
const SHA2_256 = 0x12;
const LINK_ITEMS = 3;

/** CIDv1 of a block: raw for a leaf, dag-pb for a node. */
export function cidOf(digest: Uint8Array, height: number): Uint8Array {
  return concatBytes(Uint8Array.of(0x01, height === 0 ? RAW : DAG_PB, SHA2_256, DIGEST_BYTES), digest);
}

export function digestOf(cid: Uint8Array): Uint8Array {
  return cid.subarray(CID_BYTES - DIGEST_BYTES);
}

/** In base32, as every IPFS tool writes it. */
export function cidText(cid: Uint8Array): string {
  return base32.encode(cid);
}

/** The bytes of a CID that a block of a blob can have: version 1, raw or dag-pb, sha2-256. Null for any other text. */
export function parseCid(text: string): Uint8Array | null {
  try {
    const cid = base32.decode(text);
    return isBlockCid(cid) && cidText(cid) === text ? cid : null;
  } catch {
    return null;
  }
}

/** Whether a block of a blob can have this CID. */
export function isBlockCid(cid: Uint8Array): boolean {
  const [version, codec, hash, length] = cid;
  const isOurs = version === 1 && (codec === RAW || codec === DAG_PB);
  return isOurs && hash === SHA2_256 && length === DIGEST_BYTES && cid.byteLength === CID_BYTES;
}

export function isLeafCid(cid: Uint8Array): boolean {
  return cid[1] === RAW;
}

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
