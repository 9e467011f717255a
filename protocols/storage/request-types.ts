import { CID_BYTES } from '../common/block-cid.ts';
import { DID_MAX_LENGTH } from '../common/did.ts';
import {
  ENTRY_IDS_MAX,
  FETCH_KEYS_MAX,
  FRAME_MAX_BYTES,
  GONE_MAX,
  HAS_BLOCKS_MAX,
  ITEM_ID_BYTES,
  LINKING_RECORD_MAX_BYTES,
  PAGE_ITEMS_MAX,
  PAGE_MAX_BYTES,
  PEER_ID_MAX_LENGTH,
  PREFIX_MAX_LENGTH,
  RECONCILE_MESSAGE_MAX_BYTES,
  SMALL_FRAME_MAX_BYTES,
} from './constants.ts';
import type { Condition, PartitionId, RecordName } from './record.ts';

/** A partition by the names of its namespace: the peer asked may not know the namespace, and must find its replicas. */
export type PartitionName = Omit<RecordName, 'key'> & { readonly partition: number };

/** Requests a replica can receive. */
export interface Requests {
  /** The record of a key. */
  get: RecordName;
  /** To keep a record; `asFallback` for a replica that is gone. */
  put: { readonly condition: Condition | null; readonly asFallback: boolean; readonly record: Uint8Array };
  /** Live values, in the order of their keys. */
  list: PartitionName & { readonly prefix: string; readonly after: string | null; readonly limit: number };
  /** The records of some keys of a partition. */
  fetch: PartitionId & { readonly keys: readonly string[] };
  /** Partitions of which the replica holds something, in the order of namespace ids and numbers. */
  partitions: { readonly after: PartitionId | null; readonly limit: number };
  /** How the replica stands to a partition. */
  state: PartitionName;
  /** "I hold records of this partition and take you for a replica of it: reconcile with me." */
  handover: PartitionName;
  /** A message of a reconciliation of all that is held, floors too: protocols/reconciliation. */
  reconcile: PartitionId & { readonly message: Uint8Array };
  /** Entries of some ids from a reconciliation. */
  entries: PartitionId & { readonly ids: readonly Uint8Array[] };
  /** Which of these blocks of blobs the replica has, by their CIDs. */
  has: { readonly cids: readonly Uint8Array[] };
  /** A block of a blob, by its CID; `isPublic`: only if anyone may read a blob that has it. */
  block: { readonly cid: Uint8Array; readonly isPublic: boolean };
  /** To get the blob of a record that is about to be put: of the asker, or of who else has it. */
  prefetch: { readonly record: Uint8Array };
  /** The replica's part of a blob, by its CID. */
  blob: { readonly cid: Uint8Array };
  /** Down members that still count as replicas: a node that joined later cannot know of them. */
  gone: object;
}

export type RequestType = keyof Requests;
export type RequestOf<T extends RequestType> = Requests[T] & { readonly type: T };
export type StorageRequest = { [T in RequestType]: RequestOf<T> }[RequestType];

/** A request as a receiver, a caller and a limiter see it. */
export interface RequestDescriptor {
  /** On the wire. A number is never used again for something else. */
  readonly number: number;
  /** Items behind the head. */
  readonly items: number;
  readonly requestMaxBytes: number;
  /** All items of CBOR in a request. */
  readonly requestMaxItems: number;
  readonly answerMaxBytes: number;
  readonly answerMaxItems: number;
  /** From the request's last byte to the answer's. */
  readonly timeoutMs: number;
  /** Requests one peer may send each second, on average and in a burst. */
  readonly perSecond: number;
  readonly burst: number;
  readonly reason: string;
}

const LIST_ENTRY_ITEMS = 8;
/** A list of four, for each member that is gone. */
const GONE_ITEMS = 5;
const SMALL_ITEMS = 24;
/** Foreground requests: a client waits for them. */
const FOREGROUND_TIMEOUT_MS = 5_000;
/** Upkeep may wait behind the foreground. */
const UPKEEP_TIMEOUT_MS = 20_000;

const SMALL = {
  requestMaxBytes: SMALL_FRAME_MAX_BYTES,
  requestMaxItems: SMALL_ITEMS,
  answerMaxBytes: SMALL_FRAME_MAX_BYTES,
  answerMaxItems: SMALL_ITEMS,
  timeoutMs: FOREGROUND_TIMEOUT_MS,
} as const;
const PAGE = {
  ...SMALL,
  answerMaxBytes: PAGE_MAX_BYTES,
  answerMaxItems: SMALL_ITEMS + PAGE_ITEMS_MAX * LIST_ENTRY_ITEMS,
} as const;

/** Every request, with its bounds and quotas. */
export const REQUESTS: { readonly [T in RequestType]: RequestDescriptor } = {
  get: {
    ...SMALL,
    number: 1,
    items: 3,
    answerMaxBytes: FRAME_MAX_BYTES,
    perSecond: 5_000,
    burst: 10_000,
    reason: 'the reads that one gateway passes on to one replica',
  },
  put: {
    ...SMALL,
    number: 2,
    items: 3,
    requestMaxBytes: FRAME_MAX_BYTES,
    timeoutMs: 2 * FOREGROUND_TIMEOUT_MS,
    perSecond: 5_000,
    burst: 10_000,
    reason: 'half of what one thread verifies; the disk holds it back before',
  },
  list: {
    ...PAGE,
    number: 3,
    items: 6,
    perSecond: 800,
    burst: 3_200,
    reason: 'fifty lists of 16 partitions',
  },
  fetch: {
    ...SMALL,
    number: 5,
    items: 3,
    requestMaxBytes: 2 * SMALL_FRAME_MAX_BYTES + FETCH_KEYS_MAX * 1024,
    requestMaxItems: SMALL_ITEMS + FETCH_KEYS_MAX,
    answerMaxBytes: FRAME_MAX_BYTES,
    answerMaxItems: SMALL_ITEMS + FETCH_KEYS_MAX,
    timeoutMs: UPKEEP_TIMEOUT_MS,
    perSecond: 100,
    burst: 200,
    reason: 'a hundred megabytes a second are more than a node takes from one peer',
  },
  partitions: {
    ...PAGE,
    number: 6,
    items: 2,
    timeoutMs: UPKEEP_TIMEOUT_MS,
    perSecond: 5,
    burst: 100,
    reason: 'who joins asks for all, then now and then',
  },
  state: {
    ...SMALL,
    number: 7,
    items: 3,
    perSecond: 1_000,
    burst: 10_000,
    reason: 'once for each partition when replicas change',
  },
  handover: {
    ...SMALL,
    number: 8,
    items: 3,
    timeoutMs: UPKEEP_TIMEOUT_MS,
    perSecond: 100,
    burst: 2_000,
    reason: 'once for each partition that moves; each may cause a reconciliation',
  },
  reconcile: {
    ...SMALL,
    number: 9,
    items: 3,
    requestMaxBytes: SMALL_FRAME_MAX_BYTES + RECONCILE_MESSAGE_MAX_BYTES,
    answerMaxBytes: SMALL_FRAME_MAX_BYTES + RECONCILE_MESSAGE_MAX_BYTES,
    timeoutMs: UPKEEP_TIMEOUT_MS,
    perSecond: 100,
    burst: 1_000,
    reason: 'a hundred thousand items compared a second are more than are ever moved',
  },
  entries: {
    ...PAGE,
    number: 10,
    items: 3,
    requestMaxBytes: SMALL_FRAME_MAX_BYTES + ENTRY_IDS_MAX * (ITEM_ID_BYTES + 2),
    requestMaxItems: SMALL_ITEMS + ENTRY_IDS_MAX,
    timeoutMs: UPKEEP_TIMEOUT_MS,
    perSecond: 200,
    burst: 1_000,
    reason: 'fifty thousand entries a second are more than are ever fetched',
  },
  has: {
    ...SMALL,
    number: 11,
    items: 1,
    requestMaxBytes: SMALL_FRAME_MAX_BYTES + HAS_BLOCKS_MAX * CID_BYTES,
    requestMaxItems: SMALL_ITEMS + HAS_BLOCKS_MAX,
    answerMaxItems: SMALL_ITEMS + HAS_BLOCKS_MAX,
    perSecond: 100,
    burst: 400,
    reason: 'asked before blocks are, which cost more',
  },
  block: {
    ...SMALL,
    number: 12,
    items: 2,
    answerMaxBytes: FRAME_MAX_BYTES,
    timeoutMs: UPKEEP_TIMEOUT_MS,
    perSecond: 1_000,
    burst: 2_000,
    reason: 'a gigabyte a second is more than a link carries; small blobs are one block each',
  },
  prefetch: {
    ...SMALL,
    number: 13,
    items: 1,
    requestMaxBytes: SMALL_FRAME_MAX_BYTES + LINKING_RECORD_MAX_BYTES,
    timeoutMs: UPKEEP_TIMEOUT_MS,
    perSecond: 200,
    burst: 1_000,
    reason: 'each may make the replica fetch a blob; asked again while it does',
  },
  blob: {
    ...SMALL,
    number: 14,
    items: 1,
    perSecond: 1_000,
    burst: 2_000,
    reason: 'one for each replica of a value whose whereabouts are asked',
  },
  gone: {
    ...SMALL,
    number: 15,
    items: 0,
    answerMaxBytes:
      SMALL_FRAME_MAX_BYTES + GONE_MAX * (PEER_ID_MAX_LENGTH + PREFIX_MAX_LENGTH + DID_MAX_LENGTH + 20),
    answerMaxItems: SMALL_ITEMS + GONE_MAX * GONE_ITEMS,
    perSecond: 1,
    burst: 10,
    reason: 'who joins asks, and again while others see other replicas',
  },
};

/** Numbers of requests that are no more, so that none is used again. */
export const RETIRED_REQUESTS: readonly number[] = [
  // versions: a list of all that is held, page by page
  4,
];

const TYPES = new Map(
  (Object.keys(REQUESTS) as RequestType[]).map((type) => [REQUESTS[type].number, type] as const),
);

/** The request that a number on the wire stands for; null for one of a later version. */
export function requestType(number: number): RequestType | null {
  return TYPES.get(number) ?? null;
}
