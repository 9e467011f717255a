/** CIDs as CBOR: of a leaf and a node of a blob, and of what is no part of one. */
import { bytes } from '../../support/cbor.ts';

function cid(prefix: string): Buffer {
  return bytes(Buffer.concat([Buffer.from(prefix, 'hex'), Buffer.alloc(32, 0xd1)]));
}

export const LEAF = cid('01551220');
export const NODE = cid('01701220');
export const RECORD_CID = cid('01711220');
