import * as dagPb from '@ipld/dag-pb';
import { UnixFS } from 'ipfs-unixfs';
import { CID } from 'multiformats/cid';
import { cidOf } from '../common/block-cid.ts';
import { DIGEST_BYTES, PROFILE, type Profile } from './constants.ts';
import { childrenOf, dagBytesOf, type Subtree } from './shape.ts';

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

/** Bytes of the file under a node, by its own word; null for what is no node of a file. Whether it is the node of a blob, a reader finds out. */
export function fileSizeOf(node: Uint8Array): number | null {
  try {
    const { Data = new Uint8Array() } = dagPb.decode(node);
    const size = Number(UnixFS.unmarshal(Data).fileSize());
    return Number.isSafeInteger(size) ? size : null;
  } catch {
    return null;
  }
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
