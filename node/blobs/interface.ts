/** The blobs of one node, as the storage service uses them. */
import type { BlobLink, ByteRange, GetBlock } from '../../protocols/blobs/index.ts';
import type { Stamp } from '../../protocols/storage/index.ts';

/** The record that needs a blob, by its stamp. */
export interface Reference {
  /** 32 bytes. */
  readonly namespaceId: Uint8Array;
  readonly key: string;
  readonly stamp: Stamp;
}

/** A blob on this node's disk, or a part of one. */
export interface BlobInfo extends BlobLink {
  /** Blocks that are here. */
  readonly blocks: number;
  /** All of them are. */
  readonly isComplete: boolean;
  /** References and uploads that need it. */
  readonly uses: number;
}

export interface UploadOptions {
  /** Whether somebody may go on with it after a break, by its id; true unless said. Otherwise a restart of the node ends it. */
  readonly isResumable?: boolean;
}

/** Bytes on their way in. One caller at a time. */
export interface Upload {
  /** By which it is resumed, over restarts. */
  readonly id: string;
  /** Bytes of it that are on disk: those that come next begin here. */
  readonly offset: number;
  /** The finished blob, once the upload is complete; nothing can be added then. */
  readonly link: BlobLink | null;
  /**
   * Takes what `source` gives, from `offset` on, to its end; then it is a blob, which nothing refers to yet. When `source` or the signal breaks it
   * off, what was synced stays of one that is resumable. `size`: bytes that the source will give, where that is known; room is kept for
   * them until it ends. Throws `no_room`, `over_quota`, before the first byte is taken where `size` says it; `blob_too_large`.
   */
  finish(source: AsyncIterable<Uint8Array>, signal: AbortSignal, size?: number): Promise<BlobLink>;
  /** As `finish`, but the upload stays with its link, and the blob with it, until it is cancelled or its life has ended. */
  complete(source: AsyncIterable<Uint8Array>, signal: AbortSignal, size?: number): Promise<BlobLink>;
  /** Takes what `source` gives and waits for more; what does not fill a chunk has to be sent again: `offset` says from where. */
  append(source: AsyncIterable<Uint8Array>, signal: AbortSignal, size?: number): Promise<void>;
  /** Ends it. Its bytes that nothing else needs are off the disk when this resolves. */
  cancel(): Promise<void>;
}

export interface FetchOptions {
  readonly namespaceId: Uint8Array;
  /** Requests blocks that this node lacks. */
  readonly getBlock: GetBlock;
  /** It holds what it gives against the CID itself. */
  readonly isHashed?: boolean;
  readonly signal: AbortSignal;
  /** Called after each block that came: a timer that measures progress starts again. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * How far a collection goes. `ended`: uploads that ended, and blobs that were refused. `released`: what records referred to until shortly,
 * as well. `files`: files that the catalogue does not know, as well, for which each file is looked at.
 */
export type CollectReach = 'ended' | 'released' | 'files';

export interface CollectReport {
  readonly blobs: number;
  readonly blocks: number;
  /** Given back to the file system. */
  readonly bytes: number;
  readonly uploads: number;
}

export interface ScrubOptions {
  /** Where an earlier one was broken off. */
  readonly after?: number;
  readonly bytesPerSecond: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (done: {
    readonly blocks: number;
    readonly bytes: number;
    readonly position: number;
  }) => void;
}

export interface ScrubReport {
  readonly blocks: number;
  readonly bytes: number;
  readonly broken: number;
  /** CIDs of the first of them. */
  readonly named: readonly string[];
}

/** A blob, and a namespace with records that refer to it. */
export interface Share {
  /** 32 bytes. */
  readonly namespaceId: Uint8Array;
  /** By which the store finds the two again. */
  readonly namespace: number;
  readonly blob: number;
}

export interface BlobUsage {
  /** Used capacity. */
  readonly bytes: number;
  readonly blocks: number;
  readonly blobs: number;
  /** Free on the file system, for this process. */
  readonly freeBytes: number;
  /** Bytes that may still be stored: in the capacity, and on the disk without what is reserved on it. */
  readonly availableBytes: number;
  /** Uploads under way, and the bytes of them that are here. */
  readonly uploads: { readonly count: number; readonly bytes: number };
}

/** The store's counters. True counters: they only grow. */
export interface BlobStoreMetrics {
  blocksWritten: number;
  bytesWritten: number;
  blocksRead: number;
  /** Blocks on disk that were not what was written. */
  corruptions: number;
  blocksFetched: number;
  blocksCollected: number;
  /** Blobs refused for want of room. */
  refusals: number;
  blocksScrubbed: number;
  /** Damaged catalogues that were set aside. */
  resets: number;
}

/**
 * Blobs on this node's disk, encrypted. Reads are verified; a block that differs from what was written is an error, and counts as
 * missing from then on.
 *
 * Errors are `CodedError`s: `corrupt` (a block does not read), `over_quota` and `no_room` (detail: reason, one of `quota`, `capacity` and `disk`;
 * wantedBytes and freeBytes where they are known), `overloaded` (too many uploads), `not_found`, `closed`, and those of the protocol.
 */
export interface BlobStore {
  begin(namespaceId: Uint8Array, options?: UploadOptions): Upload;
  /** Makes sure that a value of so many bytes fits, for which it removes what was released. Throws `over_quota`, `no_room`. */
  makeRoom(namespaceId: Uint8Array, bytes: number): Promise<void>;
  /** Throws `not_found` for an upload of another namespace, too. */
  resume(namespaceId: Uint8Array, id: string): Upload;
  /** Null where nothing of it is here. */
  stat(cid: Uint8Array): BlobInfo | null;
  /** Which of these blocks are here. */
  has(cids: readonly Uint8Array[]): boolean[];
  /** A block, verified. */
  block(cid: Uint8Array): Promise<Uint8Array>;
  /** Bytes of a blob that is here, verified. Throws `not_found`, `corrupt`. */
  read(link: BlobLink, range: ByteRange, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined>;
  /** Gets what is missing of a blob; goes on where an earlier call broke off. */
  fetch(link: BlobLink, options: FetchOptions): Promise<void>;
  /** On disk before it returns. Throws `not_found` where the blob is not complete, `over_quota`. Idempotent. */
  hold(reference: Reference, cid: Uint8Array): void;
  /** As `hold`, of a blob that nobody could give yet: it is among what is `wanted` until somebody does. */
  want(reference: Reference, link: BlobLink): void;
  /** Blobs that something refers to and that are not complete, with one of their references. */
  wanted(limit: number): readonly { readonly link: BlobLink; readonly reference: Reference }[];
  /** The same of one namespace, with all of their references in it. */
  lacking(
    namespaceId: Uint8Array,
    limit: number,
  ): readonly { readonly link: BlobLink; readonly reference: Reference }[];
  /** Stamps of the references of one key, one for each version of its record. */
  stampsOf(namespaceId: Uint8Array, key: string): readonly Stamp[];
  /** Whether there was such a reference. */
  release(reference: Reference): boolean;
  /** References from before `before`, in the order of their positions: whoever keeps the records says which of them are gone. */
  references(query: {
    readonly after: number;
    readonly before: number;
    readonly limit: number;
  }): readonly { readonly position: number; readonly reference: Reference }[];
  /** Keeps a blob that is on its way to its replicas, until what it gives is called; then one that nothing refers to is removed. */
  retain(cid: Uint8Array): () => Promise<void>;
  /**
   * Namespaces and blobs that share this block; none where the block is missing or unreadable. At most `limit` blobs, the oldest
   * first, and namespaces are looked at: the same bytes may be in any number of them.
   */
  sharesOf(block: Uint8Array, limit: number): readonly Share[];
  /** The newest references of one. */
  referencesOf(share: Share, limit: number): readonly Reference[];
  /** Roots of whole blobs that records refer to since before a time, oldest first; one that several refer to comes so often. */
  roots(query: { readonly after: number; readonly before: number; readonly limit: number }): readonly {
    readonly position: number;
    readonly cid: Uint8Array;
  }[];
  /** Removes what nobody refers to: uploads that ended, blobs, blocks that no other blob has. Nothing while a backup runs. */
  collect(reach?: CollectReach): Promise<CollectReport>;
  /** Gives disk that the catalogue does not use back to the file system, some at a time. Bytes. */
  compact(signal: AbortSignal): Promise<number>;
  /** Blocks that are needed and no good. */
  brokenCount(): number;
  /** The catalogue's database. */
  readonly cataloguePath: string;
  /** Reads and verifies every block. */
  scrub(options: ScrubOptions): Promise<ScrubReport>;
  /** Used capacity. */
  readonly usedBytes: number;
  namespaceBytes(namespaceId: Uint8Array): number;
  usage(): BlobUsage;
  readonly metrics: BlobStoreMetrics;
  /** Operations under way end with `closed`. Idempotent. */
  close(): Promise<void>;
}
