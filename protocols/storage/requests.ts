import { CID_BYTES, isBlockCid } from '../common/block-cid.ts';
import { checkNamespace, checkOwner } from '../common/names.ts';
import {
  ENTRY_IDS_MAX,
  FETCH_KEYS_MAX,
  HAS_BLOCKS_MAX,
  ITEM_ID_BYTES,
  LINKING_RECORD_MAX_BYTES,
  PAGE_ITEMS_MAX,
  PARTITIONS,
  RECONCILE_MESSAGE_MAX_BYTES,
  RECORD_MAX_BYTES,
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
import type { Condition, PartitionId, RecordName } from './record.ts';
import {
  type PartitionName,
  REQUESTS,
  type RequestOf,
  type Requests,
  type RequestType,
  requestType,
  type StorageRequest,
} from './request-types.ts';

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
  get: ({ owner, namespace, key }) => [owner, namespace, key],
  put: ({ condition, asFallback, record }) => [conditionItems(condition), asFallback, record],
  list: ({ owner, namespace, partition, prefix, after, limit }) => [
    owner,
    namespace,
    partition,
    prefix,
    after,
    limit,
  ],
  fetch: ({ namespaceId, partition, keys }) => [namespaceId, partition, keys],
  partitions: ({ after, limit }) => [cursorItems(after), limit],
  state: ({ owner, namespace, partition }) => [owner, namespace, partition],
  handover: ({ owner, namespace, partition }) => [owner, namespace, partition],
  reconcile: ({ namespaceId, partition, message }) => [namespaceId, partition, message],
  entries: ({ namespaceId, partition, ids }) => [namespaceId, partition, ids],
  has: ({ cids }) => [cids],
  block: ({ cid, isPublic }) => [cid, isPublic],
  prefetch: ({ record }) => [record],
  blob: ({ cid }) => [cid],
  gone: () => [],
};

const READ: { readonly [T in RequestType]: (items: unknown[]) => RequestOf<T> } = {
  get: ([owner, namespace, key]) => ({ type: 'get', ...readNames(owner, namespace), key: readKey(key) }),
  put: ([condition, asFallback, record]) => ({
    type: 'put',
    condition: readCondition(condition),
    asFallback: readBoolean('as fallback replica', asFallback),
    record: check.bytes('record', record, RECORD_MAX_BYTES, 1),
  }),
  list: ([owner, namespace, partition, prefix, after, limit]) => ({
    type: 'list',
    ...readPartitionName(owner, namespace, partition),
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
  state: (items) => ({ type: 'state', ...readPartitionName(...items) }),
  handover: (items) => ({ type: 'handover', ...readPartitionName(...items) }),
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
  block: ([cid, isPublic]) => ({
    type: 'block',
    cid: readCid(cid),
    isPublic: readBoolean('is public', isPublic),
  }),
  prefetch: ([record]) => ({
    type: 'prefetch',
    record: check.bytes('record', record, LINKING_RECORD_MAX_BYTES, 1),
  }),
  blob: ([cid]) => ({ type: 'blob', cid: readCid(cid) }),
  gone: () => ({ type: 'gone' }),
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

/** Its contents are read by protocols/reconciliation. */
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

function readNames(owner: unknown, namespace: unknown): Omit<RecordName, 'key'> {
  const names = { owner: check.text('owner', owner), namespace: check.text('namespace', namespace) };
  check.named(() => checkOwner(names.owner));
  check.named(() => checkNamespace(names.namespace));
  return names;
}

function readPartitionName(owner?: unknown, namespace?: unknown, partition?: unknown): PartitionName {
  const number = check.integer('partition', partition, 0, PARTITIONS - 1);
  return { ...readNames(owner, namespace), partition: number };
}
