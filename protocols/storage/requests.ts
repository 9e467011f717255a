import { CID_BYTES, isBlockCid } from '../common/block-cid.ts';
import { checkNamespace, checkOwner } from '../common/names.ts';
import {
  ENTRY_IDS_MAX,
  FETCH_KEYS_MAX,
  FRAME_MAX_BYTES,
  HAS_BLOCKS_MAX,
  ITEM_ID_BYTES,
  PAGE_ITEMS_MAX,
  PAGE_MAX_BYTES,
  PARTITIONS,
  RECONCILE_MESSAGE_MAX_BYTES,
  RECORD_MAX_BYTES,
  SMALL_FRAME_MAX_BYTES,
} from './constants.ts';
import { StorageError } from './errors.ts';
import {
  check,
  decodeFrame,
  encodeFrame,
  malformed,
  readBoolean,
  readFrameHead,
  readKey,
  readPartition,
  readStamp,
  readTuple,
  stampItems,
} from './frame.ts';
import { checkPrefix } from './keys.ts';
import type { Condition, PartitionId } from './record.ts';

/** What may be asked of a replica. */
export interface Requests {
  /** The record of a key. */
  get: { readonly namespaceId: Uint8Array; readonly key: string };
  /** To keep a record; `asStandIn` for a home that is gone. */
  put: { readonly condition: Condition | null; readonly asStandIn: boolean; readonly record: Uint8Array };
  /** Live values, in the order of their keys. */
  list: PartitionId & { readonly prefix: string; readonly after: string | null; readonly limit: number };
  /** The records of some keys of a partition. */
  fetch: PartitionId & { readonly keys: readonly string[] };
  /** What partitions the replica holds anything of, in the order of namespace ids and numbers. */
  partitions: { readonly after: PartitionId | null; readonly limit: number };
  /** How the replica stands to a partition. */
  state: PartitionId;
  /** "I hold records of this partition and take you for a home of it: reconcile with me." */
  handover: { readonly owner: string; readonly namespace: string; readonly partition: number };
  /** A message of a reconciliation of all that is held, floors too: protocols/reconciliation. */
  reconcile: PartitionId & { readonly message: Uint8Array };
  /** What some of the ids stand for that a reconciliation told. */
  entries: PartitionId & { readonly ids: readonly Uint8Array[] };
  /** Which of these blocks of blobs the replica has, by their CIDs. */
  has: { readonly cids: readonly Uint8Array[] };
  /** A block of a blob, by its CID. */
  block: { readonly cid: Uint8Array };
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
  /** What one peer may ask each second, over longer times and at once. */
  readonly perSecond: number;
  readonly burst: number;
  readonly reason: string;
}

const LIST_ENTRY_ITEMS = 8;
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
    items: 2,
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
    items: 5,
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
    items: 2,
    perSecond: 1_000,
    burst: 10_000,
    reason: 'once for each partition when homes change',
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
    items: 1,
    answerMaxBytes: FRAME_MAX_BYTES,
    timeoutMs: UPKEEP_TIMEOUT_MS,
    perSecond: 1_000,
    burst: 2_000,
    reason: 'a gigabyte a second is more than a link carries; small blobs are one block each',
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

/** A request: DAG-CBOR `[1, id, type, …]`. */
export function encodeRequest<T extends RequestType>(id: number, request: RequestOf<T>): Uint8Array {
  return encodeFrame(id, REQUESTS[request.type].number, WRITE[request.type](request));
}

/**
 * Reads a request. Throws `StorageError`: as `readFrameHead`, and `frame_type` for a type that is not known here, which is
 * answered like every fault behind the head.
 */
export function decodeRequest(bytes: Uint8Array): { readonly id: number; readonly request: StorageRequest } {
  const { id, tag } = readFrameHead(bytes);
  const type = requestType(tag);
  if (type === null) throw new StorageError('frame_type', `request type ${tag} is not known here`);
  const { requestMaxBytes, requestMaxItems, items } = REQUESTS[type];
  const bounds = { maxBytes: requestMaxBytes, maxItems: requestMaxItems };
  return { id, request: READ[type](decodeFrame(bytes, bounds, items)) };
}

const WRITE: { readonly [T in RequestType]: (request: Requests[T]) => readonly unknown[] } = {
  get: ({ namespaceId, key }) => [namespaceId, key],
  put: ({ condition, asStandIn, record }) => [conditionItems(condition), asStandIn, record],
  list: ({ namespaceId, partition, prefix, after, limit }) => [namespaceId, partition, prefix, after, limit],
  fetch: ({ namespaceId, partition, keys }) => [namespaceId, partition, keys],
  partitions: ({ after, limit }) => [cursorItems(after), limit],
  state: ({ namespaceId, partition }) => [namespaceId, partition],
  handover: ({ owner, namespace, partition }) => [owner, namespace, partition],
  reconcile: ({ namespaceId, partition, message }) => [namespaceId, partition, message],
  entries: ({ namespaceId, partition, ids }) => [namespaceId, partition, ids],
  has: ({ cids }) => [cids],
  block: ({ cid }) => [cid],
};

const READ: { readonly [T in RequestType]: (items: unknown[]) => RequestOf<T> } = {
  get: ([id, key]) => ({ type: 'get', namespaceId: readPartition(id, 0).namespaceId, key: readKey(key) }),
  put: ([condition, asStandIn, record]) => ({
    type: 'put',
    condition: readCondition(condition),
    asStandIn: readBoolean('as stand-in', asStandIn),
    record: check.bytes('record', record, RECORD_MAX_BYTES, 1),
  }),
  list: ([id, partition, prefix, after, limit]) => ({
    type: 'list',
    ...readPartition(id, partition),
    prefix: readPrefix(prefix),
    after: readAfter(after),
    limit: readLimit(limit),
  }),
  fetch: ([id, partition, keys]) => ({
    type: 'fetch',
    ...readPartition(id, partition),
    keys: readKeys(keys),
  }),
  partitions: ([after, limit]) => ({
    type: 'partitions',
    after: readPartitionCursor(after),
    limit: readLimit(limit),
  }),
  state: ([id, partition]) => ({ type: 'state', ...readPartition(id, partition) }),
  handover: ([owner, namespace, partition]) => readHandover(owner, namespace, partition),
  reconcile: ([id, partition, message]) => ({
    type: 'reconcile',
    ...readPartition(id, partition),
    message: readMessage(message),
  }),
  entries: ([id, partition, ids]) => ({
    type: 'entries',
    ...readPartition(id, partition),
    ids: readIds(ids),
  }),
  has: ([cids]) => ({ type: 'has', cids: readCids(cids) }),
  block: ([cid]) => ({ type: 'block', cid: readCid(cid) }),
};

const CONDITIONS = ['absent', 'match', 'notAbove'] as const;

function conditionItems(condition: Condition | null): unknown[] | null {
  if (condition === null) return null;
  const number = CONDITIONS.indexOf(condition.kind);
  return condition.kind === 'absent' ? [number] : [number, ...stampItems(condition.stamp)];
}

function readCondition(value: unknown): Condition | null {
  if (value === null) return null;
  const [number, ...rest] = check.array('condition', value, 4);
  const kind = CONDITIONS[check.integer('condition', number, 0, CONDITIONS.length - 1)];
  if (kind === undefined || kind === 'absent') {
    if (rest.length > 0) throw malformed('condition must hold 1');
    return { kind: 'absent' };
  }
  const [ms, counter, digest] = readTuple('condition', rest, 3);
  return { kind, stamp: readStamp(ms, counter, digest) };
}

function readPrefix(value: unknown): string {
  const prefix = check.text('prefix', value);
  check.named(() => checkPrefix(prefix));
  return prefix;
}

function readLimit(value: unknown): number {
  return check.integer('limit', value, 1, PAGE_ITEMS_MAX);
}

function readAfter(value: unknown): string | null {
  return value === null ? null : readKey(value, 'after');
}

function readKeys(value: unknown): string[] {
  const keys = check.array('keys', value, FETCH_KEYS_MAX).map((key) => readKey(key));
  if (keys.length === 0) throw malformed('keys must hold at least one');
  return keys;
}

/** What it says is read by protocols/reconciliation. */
export function readMessage(value: unknown): Uint8Array {
  return check.bytes('message', value, RECONCILE_MESSAGE_MAX_BYTES, 1);
}

function readIds(value: unknown): Uint8Array[] {
  const ids = check.array('ids', value, ENTRY_IDS_MAX).map((id) => check.bytes('id', id, ITEM_ID_BYTES));
  if (ids.length === 0) throw malformed('ids must hold at least one');
  return ids;
}

function readCid(value: unknown): Uint8Array {
  const cid = check.bytes('cid', value, CID_BYTES);
  if (!isBlockCid(cid)) throw malformed('cid must be of version 1, raw or dag-pb, and sha2-256');
  return cid;
}

function readCids(value: unknown): Uint8Array[] {
  const cids = check.array('cids', value, HAS_BLOCKS_MAX).map(readCid);
  if (cids.length === 0) throw malformed('cids must hold at least one');
  return cids;
}

export function cursorItems(cursor: PartitionId | null): unknown[] | null {
  return cursor === null ? null : [cursor.namespaceId, cursor.partition];
}

export function readPartitionCursor(value: unknown): PartitionId | null {
  if (value === null) return null;
  const [id, partition] = readTuple('cursor', value, 2);
  return readPartition(id, partition);
}

function readHandover(owner: unknown, namespace: unknown, partition: unknown): RequestOf<'handover'> {
  const names = { owner: check.text('owner', owner), namespace: check.text('namespace', namespace) };
  check.named(() => checkOwner(names.owner));
  check.named(() => checkNamespace(names.namespace));
  return { type: 'handover', ...names, partition: check.integer('partition', partition, 0, PARTITIONS - 1) };
}
