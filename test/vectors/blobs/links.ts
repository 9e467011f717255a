import * as cbor from '../../support/cbor.ts';

/** A link to a blob. */
export interface LinkVector {
  readonly name: string;
  readonly hex: string;
  /** Why it is refused; absent for a valid one. */
  readonly code?: string;
  /** For a valid link. */
  readonly cid?: string;
  readonly size?: number;
}

const TIB = 2 ** 40;
const CHUNK = 2 ** 20;
/** SHA-256 of `hello world`. */
const HELLO = 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9';
const HELLO_CID = 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e';
/** The CID that has the same digest and is one of a node. */
const NODE_CID = 'bafybeifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e';

const leaf = Buffer.from(`01551220${HELLO}`, 'hex');
const node = Buffer.from(`01701220${HELLO}`, 'hex');

function bytesOf(cid: Buffer, size: Buffer, version = 1): Buffer {
  return cbor.list([cbor.integer(version), cbor.bytes(cid), size]);
}

function valid(name: string, cid: string, root: Buffer, size: number): LinkVector {
  return { name, hex: bytesOf(root, cbor.integer(size)).toString('hex'), cid, size };
}

function refused(name: string, code: string, bytes: Buffer): LinkVector {
  return { name, hex: bytes.toString('hex'), code };
}

export function linkVectors(): LinkVector[] {
  const size = cbor.integer(11);
  const tagged = Buffer.concat([Buffer.from('d82a', 'hex'), cbor.bytes(Buffer.concat([Buffer.of(0), leaf]))]);
  return [
    valid('the example of the SPEC', HELLO_CID, leaf, 11),
    valid('nothing', HELLO_CID, leaf, 0),
    valid('a full chunk', HELLO_CID, leaf, CHUNK),
    valid('a byte more than a chunk', NODE_CID, node, CHUNK + 1),
    valid('the largest', NODE_CID, node, TIB),
    refused('a byte too large', 'blob_too_large', bytesOf(node, cbor.integer(TIB + 1))),
    refused('version 2', 'blob_version', bytesOf(leaf, size, 2)),
    refused('nothing at all', 'blob_link', Buffer.alloc(0)),
    refused('a map', 'blob_link', Buffer.of(0xa0)),
    refused('no list', 'blob_link', cbor.integer(1)),
    refused('two items', 'blob_link', cbor.list([cbor.integer(1), cbor.bytes(leaf)])),
    refused('four items', 'blob_link', cbor.list([cbor.integer(1), cbor.bytes(leaf), size, cbor.NULL])),
    refused('a byte behind it', 'blob_link', Buffer.concat([bytesOf(leaf, size), Buffer.of(0)])),
    refused('65 bytes', 'blob_link', Buffer.concat([bytesOf(leaf, size), Buffer.alloc(65)])),
    refused('a size in a longer form', 'blob_link', bytesOf(leaf, Buffer.from('180b', 'hex'))),
    refused('a size below nothing', 'blob_link', bytesOf(leaf, cbor.integer(-1))),
    refused('a size with a fraction', 'blob_link', bytesOf(leaf, cbor.float64(1.5))),
    refused('a size that is text', 'blob_link', bytesOf(leaf, cbor.text('11'))),
    refused('a leaf for more than a chunk', 'blob_link', bytesOf(leaf, cbor.integer(CHUNK + 1))),
    refused('a node for no more than a chunk', 'blob_link', bytesOf(node, cbor.integer(CHUNK))),
    refused('a CID as text', 'blob_link', cbor.list([cbor.integer(1), cbor.text(HELLO_CID), size])),
    refused('a CID as a link of CBOR', 'blob_link', cbor.list([cbor.integer(1), tagged, size])),
    refused('a CID of version 0', 'blob_link', bytesOf(leaf.subarray(2), size)),
    refused('a CID of dag-cbor', 'blob_link', bytesOf(Buffer.from(`01711220${HELLO}`, 'hex'), size)),
    refused('a CID of another hash', 'blob_link', bytesOf(Buffer.from(`01551e20${HELLO}`, 'hex'), size)),
    refused('a CID that is short', 'blob_link', bytesOf(leaf.subarray(0, 35), size)),
  ];
}
