/** Requests of the main thread to the writer, and the answers. Bytes travel in one buffer beside it, which is moved. */
import type { Condition, HeldKind, Stamp } from '../../../protocols/storage/index.ts';
import type { Fault } from '../../disk/database-faults.ts';
import type { StorageKey } from '../../disk/sealing.ts';
import type { PartitionPlace, PutOutcome, Quota } from './interface.ts';

/** A range of the batch's bytes. */
export interface Slice {
  readonly at: number;
  readonly length: number;
}

export interface PlaceSlice {
  readonly namespaceId: Slice;
  readonly partition: number;
  readonly owner: string;
  readonly namespace: string;
}

export interface StampSlice {
  readonly ms: number;
  readonly counter: number;
  readonly digest: Slice;
}

export interface PutOperation extends StampSlice {
  readonly place: PlaceSlice;
  readonly key: Slice;
  readonly kind: HeldKind;
  readonly expiry: number | null;
  /** Bytes of the value, as lists show it. */
  readonly size: number;
  readonly contentType: string;
  /** The record's wire form. */
  readonly record: Slice;
  /** Its digests are copies: they do not travel with the bytes. */
  readonly condition: Condition | null;
  readonly isRepair: boolean;
  readonly quota: Quota;
  readonly now: number;
}

export interface FloorsOperation {
  readonly type: 'floors';
  readonly place: PlaceSlice;
  readonly floors: readonly { readonly stamp: StampSlice; readonly key: Slice }[];
}

export interface StateOperation {
  readonly type: 'state';
  readonly place: PlaceSlice;
  readonly state: Slice;
}

/** Removes up to UPKEEP_ROWS_MAX rows of a partition, and the partition once it has none. */
export interface DropOperation {
  readonly type: 'drop';
  readonly namespaceId: Slice;
  readonly partition: number;
}

export interface DiscardOperation {
  readonly type: 'discard';
  readonly namespaceId: Slice;
  readonly partition: number;
  readonly key: Slice;
}

/** Makes floors of values that have expired, or of tombstones from before a time; removes floors that nobody pays for. */
export interface SweepOperation {
  readonly type: 'expire' | 'collect' | 'forget';
  readonly time: number;
  readonly max: number;
}

/** Upkeep of the whole file. Done outside of a transaction, but for `repack`. */
export type CareOperation =
  /** Drops cached pages of the file. */
  | { readonly type: 'refresh' }
  /** Gives some free pages back to the file system, of those above `kept`. How many. */
  | { readonly type: 'vacuum'; readonly kept: number }
  /** Moves the log into the file and cuts it to nothing. */
  | { readonly type: 'checkpoint' }
  /** The last row where rows are worth moving together; 0 where they are not. */
  | { readonly type: 'sparse'; readonly isThorough: boolean }
  /** Moves some of the first rows, up to `last`, behind all others. How many. */
  | { readonly type: 'repack'; readonly last: number };

/**
 * A put as it travels: objects cost several times more to send than lists of numbers. Where its bytes begin: digest, key and record
 * follow one another.
 */
export type SentPut = readonly [
  place: PlaceSlice,
  quota: Quota,
  at: number,
  digestLength: number,
  keyLength: number,
  recordLength: number,
  ms: number,
  counter: number,
  kind: HeldKind,
  expiry: number | null,
  size: number,
  contentType: string,
  condition: Condition | null,
  isRepair: boolean,
  now: number,
];

export function receivePut(sent: SentPut): PutOperation {
  const [place, quota, at, digestLength, keyLength, recordLength, ms, counter, kind] = sent;
  const [, , , , , , , , , expiry, size, contentType, condition, isRepair, now] = sent;
  const digest = { at, length: digestLength };
  const key = { at: at + digestLength, length: keyLength };
  const record = { at: key.at + keyLength, length: recordLength };
  const bytes = { digest, key, record };
  return { place, quota, ms, counter, kind, expiry, size, contentType, condition, isRepair, now, ...bytes };
}

export type Operation =
  | SentPut
  | FloorsOperation
  | StateOperation
  | DropOperation
  | DiscardOperation
  | SweepOperation
  | CareOperation;

/** A put's outcome, or how many rows another operation touched; `corrupt` refuses one operation, not its batch. */
export type Answer =
  | 'stored'
  | 'held'
  | Exclude<PutOutcome, { status: 'stored' | 'held' }>
  | 'corrupt'
  | number;

export interface Batch {
  readonly operations: readonly Operation[];
  readonly bytes: Uint8Array;
  /** Whether it is to be told what changes. */
  readonly isFollowed: boolean;
  /** Bytes all records may use now; blobs have the rest. */
  readonly capacityBytes: number;
}

/** Settings of the writer at its start. */
export interface WriterInit {
  readonly path: string;
  readonly key: StorageKey;
  readonly unsponsoredBytes: number;
}

export type BatchReply =
  | { readonly answers: readonly Answer[]; readonly changes: Uint8Array<ArrayBuffer> | null }
  /** Nothing of the batch was written. */
  | { readonly fault: Fault; readonly message: string };

export type WriterRequest = Batch | 'close';

/** Puts the bytes of several operations into one buffer. */
export class Packer {
  readonly #parts: Uint8Array[] = [];
  readonly #places = new Map<PartitionPlace, PlaceSlice>();
  #length = 0;

  add(bytes: Uint8Array): Slice {
    const slice = { at: this.#length, length: bytes.byteLength };
    this.#parts.push(bytes);
    this.#length += bytes.byteLength;
    return slice;
  }

  /** Data shared by many operations of a batch travels once. */
  place(place: PartitionPlace): PlaceSlice {
    let packed = this.#places.get(place);
    if (packed === undefined) {
      const { namespaceId, partition, owner, namespace } = place;
      packed = { namespaceId: this.add(namespaceId), partition, owner, namespace };
      this.#places.set(place, packed);
    }
    return packed;
  }

  stamp({ ms, counter, digest }: Stamp): StampSlice {
    return { ms, counter, digest: this.add(digest) };
  }

  /** A copy in separate memory, so that it can be transferred to another thread. */
  pack(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.byteLength;
    }
    return bytes;
  }
}
