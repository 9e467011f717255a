import { BLOB_MAX_BYTES, CHUNK_BYTES } from '../common/blob-link.ts';

export { BLOB_MAX_BYTES };

const KIB = 1024;

/** Version of what a builder keeps of an upload under way. */
export const STATE_VERSION = 1;

/** How bytes become blocks. One way only, so that the same bytes have one CID everywhere. */
export interface Profile {
  /** Bytes of every leaf but the last. */
  readonly chunkBytes: number;
  /** Children of a node. */
  readonly linksMax: number;
}

/** That of `unixfs-v1-2025` (IPIP-499), which IPFS tools agreed on: CIDv1, raw leaves, sha2-256, balanced. */
export const PROFILE: Profile = { chunkBytes: CHUNK_BYTES, linksMax: 1024 };

/** Levels of nodes above the leaves. */
export const HEIGHT_MAX = 2;
/** The largest node: 1 024 links of some 55 bytes. */
export const NODE_MAX_BYTES = 64 * KIB;
/** The largest block: a leaf. */
export const BLOCK_MAX_BYTES = PROFILE.chunkBytes;

export const DIGEST_BYTES = 32;
/** A state: the digests of each level that have no parent yet. */
export const STATE_MAX_BYTES = (HEIGHT_MAX + 1) * PROFILE.linksMax * DIGEST_BYTES + 64;

/** Leaves that a reader fetches at once: enough to hide a round trip, and what it holds in memory. */
export const READ_AHEAD_MAX = 4;

function assertRelation(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`blob limits: ${relation}`);
}
const LINK_IN_NODE_MAX_BYTES = 60;
assertRelation(Number.isSafeInteger(2 * BLOB_MAX_BYTES), 'sizes are exact');
assertRelation(BLOB_MAX_BYTES === PROFILE.chunkBytes * PROFILE.linksMax ** HEIGHT_MAX, 'the largest fits');
assertRelation(NODE_MAX_BYTES >= PROFILE.linksMax * LINK_IN_NODE_MAX_BYTES, 'a full node fits');
assertRelation(BLOCK_MAX_BYTES >= NODE_MAX_BYTES, 'no node is larger than a leaf');
