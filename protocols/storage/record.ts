import { type BlobLink, decodeBlobLink } from '../common/blob-link.ts';

/** Clock part of a record: a hybrid logical clock, milliseconds since the Unix epoch first. */
export interface Version {
  readonly ms: number;
  /** 0 to 65 535: tells apart what one millisecond holds. */
  readonly counter: number;
}

/** Orders the records of one key the same way everywhere: by version, then by digest bytewise. */
export interface Stamp extends Version {
  /** SHA-256 of the record's body, 32 bytes. */
  readonly digest: Uint8Array;
}

/** A value, in the record itself. */
export const KIND_VALUE = 0;
/** A deletion: without value. */
export const KIND_TOMBSTONE = 1;
/** A value that is a blob: the record holds the link to it (blobs/SPEC.md). */
export const KIND_BLOB = 2;
/**
 * Remainder of a deleted or expired record: its key and stamp. Held and listed, never signed; beyond the kinds of records to
 * come.
 */
export const KIND_FLOOR = 16;

export type RecordKind = typeof KIND_VALUE | typeof KIND_TOMBSTONE | typeof KIND_BLOB;
/** Kinds a replica may hold under a key. */
export type HeldKind = RecordKind | typeof KIND_FLOOR;

/** Whether there is a value under a key that holds this, wherever its bytes are. */
export function isValueKind(kind: HeldKind): boolean {
  return kind === KIND_VALUE || kind === KIND_BLOB;
}

/** The blob that is the value of a record; null where the record holds its value itself, or has none. */
export function blobOf({ kind, value }: Pick<RecordBody, 'kind' | 'value'>): BlobLink | null {
  return kind === KIND_BLOB ? decodeBlobLink(value) : null;
}

/** Bytes of a record's value, wherever they are. */
export function sizeOf(record: Pick<RecordBody, 'kind' | 'value'>): number {
  return blobOf(record)?.size ?? record.value.byteLength;
}

/** Where a record belongs: unique in a swarm. */
export interface RecordName {
  /** DID of the namespace's owner. */
  readonly owner: string;
  readonly namespace: string;
  /** 1 to 1 024 bytes of UTF-8; any character, except U+FEFF as the first. */
  readonly key: string;
}

/** Body an author signs. */
export interface RecordBody extends RecordName, Version {
  /** Multikey of the author, 34 bytes. */
  readonly author: Uint8Array;
  /** The author's clock when it signed, milliseconds since the Unix epoch. */
  readonly time: number;
  /** From then on nobody serves it; null for never. */
  readonly expiry: number | null;
  readonly kind: RecordKind;
  /** Media type of the value; empty stands for application/octet-stream. */
  readonly contentType: string;
  /** Empty in a tombstone; of a blob the link to it. */
  readonly value: Uint8Array;
  /** Delegation chain from the namespace's holder to the author; empty where that is the author. */
  readonly chain: readonly Uint8Array[];
  /** Signed room for extensions. */
  readonly ext: Readonly<Record<string, unknown>>;
}

/** A record with what names and proves it. */
export interface SignedRecord extends RecordBody, Stamp {
  readonly signature: Uint8Array;
  /** The wire form. */
  readonly bytes: Uint8Array;
}

/** One of the parts of a namespace that are placed, replicated and reconciled apart from each other. */
export interface PartitionId {
  /** 32 bytes. */
  readonly namespaceId: Uint8Array;
  /** 0 to 15. */
  readonly partition: number;
}

/**
 * Condition that the held entry must meet for a put. A floor, a tombstone and an expired value are no live value.
 *
 * - `absent`: no live value.
 * - `match`: a live value with exactly this stamp.
 * - `notAbove`: nothing whose stamp (a floor's and a tombstone's too) is above this one.
 */
export type Condition =
  | { readonly kind: 'absent' }
  | { readonly kind: 'match'; readonly stamp: Stamp }
  | { readonly kind: 'notAbove'; readonly stamp: Stamp };
