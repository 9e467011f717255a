/** Storage as the gateway and applications see it. */
import type { BlobLink, ByteRange } from '../../../protocols/blobs/index.ts';
import type { Upload, UploadOptions } from '../../blobs/interface.ts';

/** A key of a namespace. `owner` is a DID. */
export interface RecordName {
  readonly owner: string;
  readonly namespace: string;
  /** 1 to 1 024 bytes of UTF-8, compared bytewise. */
  readonly key: string;
}

/** A namespace by its genesis. */
export type NamespaceRef = Pick<RecordName, 'owner' | 'namespace'>;

/** How many replicas must have a write on their disk before it is acknowledged. */
export type Durability = 'one' | 'majority' | 'all';
/** `majority` fails where a majority cannot be asked; `one` takes the nearest copy. */
export type Consistency = 'one' | 'majority';

/** The time and author of a write: compared first by `ms`, then by `counter`. */
export interface RecordVersion {
  readonly ms: number;
  readonly counter: number;
}

export interface PutOptions {
  readonly contentType?: string;
  /** Milliseconds after which it is gone; for ever when missing. */
  readonly ttlMs?: number;
  /** `majority` when missing. */
  readonly durability?: Durability;
  /** Only when there is no value yet. */
  readonly ifAbsent?: boolean;
  /** Only when this is the value's ETag. */
  readonly ifVersion?: string;
  /** Links (protocols/identity/SPEC.md) from the namespace's holder to this node's owner: signed under these, and no others. */
  readonly chain?: readonly Uint8Array[];
  /** Announced bytes of a streamed value, where known: a value that cannot fit is refused before its body is read. */
  readonly size?: number;
  /** Aborts the write. */
  readonly signal?: AbortSignal;
}

export interface BeginOptions extends UploadOptions {
  /** Bytes it will have, where that is known. */
  readonly size?: number;
}

export type DeleteOptions = Pick<PutOptions, 'durability' | 'ifVersion' | 'chain'>;

export interface WriteReceipt {
  readonly etag: string;
  /** CID of the record. */
  readonly id: string;
  readonly version: RecordVersion;
  /** Peer ids of the replicas that have it on disk. */
  readonly replicas: readonly string[];
  /** Peer ids of all replicas. */
  readonly replicaSet: readonly string[];
  /** How many replicas the key should have; with fewer it is under-replicated. */
  readonly wanted: number;
  readonly durability: Durability;
  /** False where a node may drop it before its time: an unsponsored namespace. */
  readonly durable: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number | null;
}

/** Facts about a value without the value. */
export interface RecordHead {
  readonly etag: string;
  readonly id: string;
  readonly version: RecordVersion;
  readonly contentType: string;
  readonly size: number;
  /** CID of the blob that is the value; null where the record holds it itself. */
  readonly blob: string | null;
  /** did:key of who signed it. */
  readonly author: string;
  readonly time: number;
  readonly expiresAt: number | null;
}

export interface StoredRecord extends RecordHead {
  /** Null when the value is a blob. */
  readonly value: Uint8Array | null;
  /** The value, or a part of it, verified. Throws `blob_unavailable` when no reachable node has one of its blocks. */
  read(range?: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined>;
  /** No majority answered: this is the newest verified copy found, and a newer one may exist. */
  readonly degraded: boolean;
}

export interface ListRequest {
  readonly owner: string;
  readonly namespace: string;
  /** Literal, bytewise. */
  readonly prefix?: string;
  /** Entries of this page; 1 to 1 000. */
  readonly limit?: number;
  /** Cursor of the previous page. */
  readonly cursor?: string;
}

export interface ListEntry {
  readonly key: string;
  readonly etag: string;
  readonly version: RecordVersion;
  readonly size: number;
  readonly contentType: string;
  readonly expiresAt: number | null;
}

export interface ListPage {
  /** In bytewise order of their keys. */
  readonly entries: readonly ListEntry[];
  /** Cursor of the next page; null at the end. */
  readonly cursor: string | null;
  /** True where no majority of some partition answered: a value that one replica alone acknowledged may be missing. */
  readonly degraded: boolean;
  /** Live replicas of the partition with the fewest, and the wanted number of replicas. */
  readonly copies: { readonly live: number; readonly wanted: number };
}

/** One node's part in keeping a key. */
export interface Holder {
  readonly id: string;
  readonly role: 'replica' | 'fallback';
  readonly isLive: boolean;
  /** Whether it counts: it has all that the former replicas had. Null when it did not answer. */
  readonly isSynced: boolean | null;
  /** ETag of what it holds: null for nothing or no answer; tombstones have one, too. */
  readonly etag: string | null;
  readonly isTombstone: boolean;
  /** When it drops the value, in ms of Unix time: after a day at a node that the owner did not choose. Null: never, or no value. */
  readonly expiresAt: number | null;
  /** Whether it has all of the blob that is the value. Null when there is no blob, or it did not answer. */
  readonly isWhole: boolean | null;
}

export interface Where {
  readonly partition: number;
  /** How many replicas there are to be. */
  readonly wanted: number;
  /** Whether the replicas are sponsors of the namespace, so that it is durable there; otherwise all copies are best effort. */
  readonly isSponsored: boolean;
  readonly holders: readonly Holder[];
}

/** Usage of this node by one wallet. */
export interface WalletShare {
  /** Its DID; of one that delegated nothing, the beginning of the names of the namespaces that the operator holds for it. */
  readonly wallet: string;
  readonly namespaces: number;
  readonly keys: number;
  /** Records and blobs, in all its namespaces together. */
  readonly bytes: number;
}

export interface StorageStatus {
  /** Records on this node's disk, and their bytes. */
  readonly bytes: number;
  readonly records: number;
  /** Blobs on it, and what their blocks take; those of uploads are counted with them. */
  readonly blobs: { readonly count: number; readonly bytes: number };
  /** Uploads under way, and the bytes of them that are here. */
  readonly uploads: { readonly count: number; readonly bytes: number };
  /** Bytes this node offers; 0 where it keeps nothing. */
  readonly capacityBytes: number;
  /** Records and blobs together. */
  readonly usedBytes: number;
  /** Bytes that it can still store, by the offered capacity and by the disk. */
  readonly availableBytes: number;
  /** Left on the file system. */
  readonly freeBytes: number;
  /** Nodes that keep records, whoever runs them; this one included. */
  readonly members: number;
  /** The other nodes of this node's operator that have had their share: its replicas beside this one. */
  readonly fellows: readonly { readonly id: string; readonly isLive: boolean }[];
  readonly replicas: number;
  readonly partitions: {
    readonly replica: number;
    readonly fallback: number;
    readonly unsynced: number;
    /** Partitions that it replicates as a sponsor: with fewer live replicas than wanted. */
    readonly underReplicated: number;
    /** No replica any more, and kept since what was promised has no successor that has all of it. */
    readonly leaving: number;
  };
  /** Whether this node has its share of what its operator sponsors; it counts as a replica only then. */
  readonly isReady: boolean;
  readonly namespaces: readonly {
    readonly owner: string;
    readonly namespace: string;
    /** On this node. */
    readonly keys: number;
    /** Bytes of records. */
    readonly bytes: number;
    /** Bytes of blobs that it refers to or that are on their way to it, each counted once. */
    readonly blobBytes: number;
    /** Bytes that the namespace may still store here, while the node has room. */
    readonly availableBytes: number;
  }[];
}

/**
 * Signed, replicated key-value records. Errors are `CodedError`s: `bad_namespace`, `bad_owner`, `bad_key`, `bad_ttl`,
 * `bad_content_type`, `bad_etag`, `bad_cursor`, `bad_limit`, `too_large`, `bad_clock`, `exists` (detail.etag), `precondition_failed`
 * (detail.etag when there is a value), `over_quota`, `no_room`, `insufficient_replicas` (detail: acknowledged, needed, replicas; nothing is
 * stored for sure), `outcome_unknown` (it may be stored or not), `list_incomplete`, `corrupt`, `not_found`, `blob_unavailable`, `overloaded`, `not_running`, `forbidden` (the
 * namespace's owner, or the chain that is given, does not let this node do that).
 */
export interface Storage {
  /** Takes a value of any length: a long one becomes a blob behind the record, sent by way of this node's disk. */
  put(
    name: RecordName,
    value: Uint8Array | AsyncIterable<Uint8Array>,
    options?: PutOptions,
  ): Promise<WriteReceipt>;
  /**
   * Makes an existing blob the value: one at this node, of a finished upload, or at the replicas. Throws `not_found`.
   */
  putBlob(name: RecordName, link: BlobLink, options?: PutOptions): Promise<WriteReceipt>;
  /** Bytes that come piece by piece, over restarts of this node; finished, they are a blob for `putBlob`. Throws `over_quota`, `no_room`. */
  beginUpload(namespace: NamespaceRef, options?: BeginOptions): Promise<Upload>;
  /** Throws `not_found`. */
  resumeUpload(namespace: NamespaceRef, id: string): Upload;
  /** Null when there is no value. Without `consistency` a majority is asked, and when that fails the best copy is `degraded`. */
  get(name: RecordName, options?: { readonly consistency?: Consistency }): Promise<StoredRecord | null>;
  /**
   * Writes a record (protocols/storage/SPEC.md) that its author signed elsewhere, just now; `precondition_failed` (detail.etag) when what is
   * there is not below it. Also throws `bad_record`.
   */
  submitSigned(bytes: Uint8Array, options?: { readonly durability?: Durability }): Promise<WriteReceipt>;
  /** Writes a tombstone, also for a key without a value. */
  delete(name: RecordName, options?: DeleteOptions): Promise<WriteReceipt>;
  /** Complete within what it covers, or `list_incomplete`. */
  list(request: ListRequest): Promise<ListPage>;
  /** Replicas of a key, and their versions. */
  where(name: RecordName): Promise<Where>;
  status(): StorageStatus;
}

/** The state of a restored node until it has reconciled with other replicas. */
export interface RecoveryStatus {
  /** The moment of which its records are, milliseconds since the Unix epoch. */
  readonly asOf: number;
  /** `reconciling`: what it holds counts for nothing yet; `alone`: there is no other replica, and it serves what the backup held. */
  readonly state: 'reconciling' | 'alone';
}
