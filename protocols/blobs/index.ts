/**
 * Blobs: immutable bytes by CID, as UnixFS files that every IPFS tool can fetch and check. SPEC.md has the bytes.
 *
 * Everything here is pure. Where blocks are kept and fetched from is the node's matter.
 */

export {
  type BlobLink,
  checkBlobSize,
  decodeBlobLink,
  encodeBlobLink,
  LinkError,
} from '../common/blob-link.ts';
export { CID_BYTES, cidOf, cidText, digestOf, isBlockCid, isLeafCid, parseCid } from '../common/block-cid.ts';
export { BlobBuilder, type Block, chunksOf } from './client.ts';
export { fileSizeOf } from './codec.ts';
export * from './constants.ts';
export { BLOB_ERRORS, BlobError, type BlobErrorCode } from './errors.ts';
export { type BlobMetrics, createBlobMetrics } from './metrics.ts';
export {
  BlobReader,
  type BlobReaderComponents,
  type BlockRef,
  type GetBlock,
  type ReadBlock,
  rootOf,
} from './server.ts';
export { blockBytesOf, blockCountOf, capacityOf, childrenOf, dagBytesOf, heightOf } from './shape.ts';
export { type ByteRange, checkRange } from './validate.ts';
