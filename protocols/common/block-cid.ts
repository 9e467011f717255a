import { base32 } from 'multiformats/bases/base32';
import { concatBytes } from './bytes.ts';

const RAW = 0x55;
const DAG_PB = 0x70;
const SHA2_256 = 0x12;
const DIGEST_BYTES = 32;
/** CIDv1, codec, sha2-256, 32 bytes. */
export const CID_BYTES = 4 + DIGEST_BYTES;

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
