import { checkNamespace, checkOwner } from '../common/names.ts';
import {
  BLOCK_MAX_BYTES,
  ERROR_MESSAGE_MAX_LENGTH,
  FINGERPRINT_BYTES,
  PAGE_ITEMS_MAX,
  PARTITIONS,
  RECORD_MAX_BYTES,
  SMALL_FRAME_MAX_BYTES,
  VIEW_LENGTH,
} from './constants.ts';
import { ReplicaError } from './errors.ts';
import {
  check,
  decodeFrame,
  encodeFrame,
  type FrameBounds,
  malformed,
  readBoolean,
  readExpiry,
  readFrameHead,
  readKey,
  readStamp,
  readStampList,
  readTuple,
  stampItems,
} from './frame.ts';
import { type GoneMember, goneItems, readGone } from './gone.ts';
import { type Held, heldItems, readHeld } from './held.ts';
import { compareKeys } from './keys.ts';
import { comparePartitions } from './partition.ts';
import { type BlobProgress, progressItems, readProgress } from './progress.ts';
import {
  type HeldKind,
  KIND_BLOB,
  KIND_FLOOR,
  KIND_TOMBSTONE,
  KIND_VALUE,
  type PartitionId,
  type Stamp,
} from './record.ts';
import { REQUESTS, type RequestOf, type RequestType } from './request-types.ts';
import { cursorItems, readMessage, readPartitionCursor } from './requests.ts';
import { checkContentType } from './validate.ts';

/** How the replica that answers stands to the partition. */
export interface Standing {
  /** Its replica-set id for the partition: `viewOf`. */
  readonly setId: string;
  /** Whether it is a replica that has all that the former replicas had: only then does its word count. */
  readonly isSynced: boolean;
}

/** `held`: the same record was there already. `current` is what stands in the way: a record's stamp or a floor's. */
export type PutOutcome =
  | { readonly status: 'stored' | 'held' }
  | { readonly status: 'stale'; readonly current: Stamp }
  | { readonly status: 'condition'; readonly current: Stamp | null };

/** A live value, without it. */
export interface ListItem extends Stamp {
  readonly key: string;
  /** Bytes of the value. */
  readonly size: number;
  readonly expiry: number | null;
  readonly contentType: string;
}

/** Entry held under a key: a value (an expired one too), a tombstone or a floor. */
export interface VersionItem extends Stamp {
  readonly key: string;
  readonly kind: HeldKind;
}

/** Entries in bytewise order of their keys. There may be none although there are more: `next` alone says where to go on. */
export interface ListPage {
  readonly entries: readonly ListItem[];
  /** The `after` of the next page; null at the end. */
  readonly next: string | null;
}

/** Contents of a partition at a replica. */
export interface PartitionItem {
  readonly owner: string;
  readonly namespace: string;
  readonly partition: number;
  /** Values, tombstones and floors. */
  readonly count: number;
  readonly bytes: number;
}

export interface StateAnswer extends Standing {
  readonly isReplica: boolean;
  /** The view under which it became synced, if the replicas have been the same since; null otherwise. */
  readonly origin: string | null;
  /** Values, tombstones and floors. */
  readonly count: number;
  readonly bytes: number;
  /** XOR of the first `FINGERPRINT_BYTES` bytes of the digests of all of them. */
  readonly fingerprint: Uint8Array;
}

export interface Answers {
  get: Standing & { readonly held: Held };
  /** `isDurable`: it keeps what it took until that expires or is deleted; false of a namespace it has no sponsor for. */
  put: Standing & { readonly outcome: PutOutcome; readonly isDurable: boolean };
  list: Standing & ListPage;
  /** Records of the first requested keys, for at least one key: null for a key without a record. */
  fetch: { readonly records: readonly (Uint8Array | null)[] };
  /** `next` is where to go on; null at the end. */
  partitions: { readonly entries: readonly PartitionItem[]; readonly next: PartitionId | null };
  state: StateAnswer;
  handover: Standing;
  reconcile: Standing & { readonly message: Uint8Array };
  /** For the first of the requested ids, at least one: null where the replica holds no such item. */
  entries: { readonly entries: readonly (VersionItem | null)[] };
  /** One answer for each requested block, in their order. */
  has: { readonly has: readonly boolean[] };
  prefetch: BlobProgress;
  blob: BlobProgress;
  /** Null where the replica has it not. Its hash is the asker's to verify. */
  block: { readonly bytes: Uint8Array | null };
  /** Those that are gone for the shortest time, where there are more than fit. */
  gone: { readonly gone: readonly GoneMember[] };
}

const HELD_KINDS: readonly HeldKind[] = [KIND_VALUE, KIND_TOMBSTONE, KIND_BLOB, KIND_FLOOR];

/** Second item of an answer's head. */
const OK = 0;
const ERROR = 1;
const ERROR_BOUNDS: FrameBounds = { maxBytes: SMALL_FRAME_MAX_BYTES, maxItems: 8 };
const ERROR_CODE = /^[a-z_]{1,64}$/;
/** Visible ASCII and spaces: it is shown in logs. */
const ERROR_MESSAGE = new RegExp(`^[ -~]{0,${ERROR_MESSAGE_MAX_LENGTH}}$`);
const VIEW = new RegExp(`^[0-9a-f]{${VIEW_LENGTH}}$`);

/** An answer: DAG-CBOR `[1, id, 0, …]`. */
export function encodeAnswer<T extends RequestType>(id: number, type: T, answer: Answers[T]): Uint8Array {
  return encodeFrame(id, OK, WRITE[type](answer));
}

/** A refusal: DAG-CBOR `[1, id, 1, code, message]`. */
export function encodeError(id: number, code: string, message: string): Uint8Array {
  const plain = message.replaceAll(/[^ -~]/g, '?').slice(0, ERROR_MESSAGE_MAX_LENGTH);
  return encodeFrame(id, ERROR, [code, plain]);
}

/**
 * Reads the answer to `request`, and holds it against that: a page is behind where it was to begin, in order, and gets on.
 * Throws `StorageError` for what is no answer to it, `ReplicaError` for a refusal.
 */
export function decodeAnswer<T extends RequestType>(bytes: Uint8Array, request: RequestOf<T>): Answers[T] {
  const { tag } = readFrameHead(bytes);
  if (tag === ERROR) throw readError(bytes);
  if (tag !== OK) throw malformed('an answer must be 0 or 1');
  const { answerMaxBytes, answerMaxItems } = REQUESTS[request.type];
  const bounds = { maxBytes: answerMaxBytes, maxItems: answerMaxItems };
  return READ[request.type](decodeFrame(bytes, bounds, ANSWER_ITEMS[request.type]), request);
}

function readError(bytes: Uint8Array): ReplicaError {
  const [code, message] = decodeFrame(bytes, ERROR_BOUNDS, 2);
  const [codeText, messageText] = [check.text('code', code), check.text('message', message)];
  if (!ERROR_CODE.test(codeText)) throw malformed('code must be [a-z_]{1,64}');
  if (!ERROR_MESSAGE.test(messageText)) {
    throw malformed(`message must be 0 to ${ERROR_MESSAGE_MAX_LENGTH} visible ASCII characters`);
  }
  return new ReplicaError(codeText, messageText);
}

/** Items behind the head. */
const ANSWER_ITEMS: { readonly [T in RequestType]: number } = {
  get: 4,
  put: 5,
  list: 4,
  fetch: 1,
  partitions: 2,
  state: 7,
  handover: 2,
  reconcile: 3,
  entries: 1,
  has: 1,
  block: 1,
  prefetch: 2,
  blob: 2,
  gone: 1,
};

const WRITE: { readonly [T in RequestType]: (answer: Answers[T]) => readonly unknown[] } = {
  get: ({ setId, isSynced, held }) => [setId, isSynced, ...heldItems(held)],
  put: ({ setId, isSynced, outcome, isDurable }) => [setId, isSynced, ...outcomeItems(outcome), isDurable],
  list: ({ setId, isSynced, entries, next }) => [setId, isSynced, entries.map(listItems), next],
  fetch: ({ records }) => [records],
  partitions: ({ entries, next }) => [entries.map(partitionItems), cursorItems(next)],
  state: ({ setId, isSynced, isReplica, origin, count, bytes, fingerprint }) => {
    return [setId, isSynced, isReplica, origin, count, bytes, fingerprint];
  },
  handover: ({ setId, isSynced }) => [setId, isSynced],
  reconcile: ({ setId, isSynced, message }) => [setId, isSynced, message],
  entries: ({ entries }) => [entries.map((entry) => entry && versionItems(entry))],
  has: ({ has }) => [has],
  block: ({ bytes }) => [bytes],
  prefetch: progressItems,
  blob: progressItems,
  gone: ({ gone }) => [goneItems(gone)],
};

const READ: { readonly [T in RequestType]: (items: unknown[], request: RequestOf<T>) => Answers[T] } = {
  get: ([setId, isSynced, held, expiry]) => ({
    ...readStanding(setId, isSynced),
    held: readHeld(held, expiry),
  }),
  put: ([setId, isSynced, status, current, isDurable]) => ({
    ...readStanding(setId, isSynced),
    outcome: readOutcome(status, current),
    isDurable: readBoolean('is durable', isDurable),
  }),
  list: ([setId, isSynced, entries, next], request) => ({
    ...readStanding(setId, isSynced),
    ...readListPage(entries, next, request),
  }),
  fetch: ([records], request) => ({ records: readRecords(records, request) }),
  partitions: ([entries, next], request) => readPartitions(entries, next, request),
  state: ([setId, isSynced, isReplica, origin, count, bytes, fingerprint]) => ({
    ...readStanding(setId, isSynced),
    isReplica: readBoolean('is a replica', isReplica),
    origin: origin === null ? null : readView('origin', origin),
    count: check.integer('count', count, 0),
    bytes: check.integer('bytes', bytes, 0),
    fingerprint: check.bytes('fingerprint', fingerprint, FINGERPRINT_BYTES),
  }),
  handover: ([setId, isSynced]) => readStanding(setId, isSynced),
  reconcile: ([setId, isSynced, message]) => ({
    ...readStanding(setId, isSynced),
    message: readMessage(message),
  }),
  entries: ([entries], request) => ({ entries: readEntries(entries, request) }),
  has: ([has], request) => ({ has: readHas(has, request) }),
  block: ([bytes]) => ({ bytes: bytes === null ? null : check.bytes('block', bytes, BLOCK_MAX_BYTES, 0) }),
  prefetch: readProgress,
  blob: readProgress,
  gone: ([gone]) => ({ gone: readGone(gone) }),
};

function readHas(value: unknown, { cids }: RequestOf<'has'>): boolean[] {
  return readTuple('has', value, cids.length).map((one) => readBoolean('has', one));
}

function readStanding(setId: unknown, isSynced: unknown): Standing {
  return { setId: readView('view', setId), isSynced: readBoolean('is synced', isSynced) };
}

function readView(name: string, value: unknown): string {
  const text = check.text(name, value);
  if (!VIEW.test(text)) throw malformed(`${name} must be ${VIEW_LENGTH} hex digits`);
  return text;
}

const STATUSES = ['stored', 'held', 'stale', 'condition'] as const;

function outcomeItems(outcome: PutOutcome): [number, unknown] {
  const current = 'current' in outcome && outcome.current !== null ? stampItems(outcome.current) : null;
  return [STATUSES.indexOf(outcome.status), current];
}

function readOutcome(number: unknown, value: unknown): PutOutcome {
  const status = STATUSES[check.integer('outcome', number, 0, STATUSES.length - 1)] ?? 'stored';
  const current = value === null ? null : readStampList('current', value);
  if (status === 'condition') return { status, current };
  if (status === 'stale' && current !== null) return { status, current };
  if (status === 'stale' || current !== null) throw malformed('only what is refused has a current stamp');
  return { status };
}

function listItems(item: ListItem): unknown[] {
  return [item.key, ...stampItems(item), item.size, item.expiry, item.contentType];
}

function readListItem(value: unknown): ListItem {
  const [key, ms, counter, digest, size, expiry, contentType] = readTuple('entry', value, 7);
  const type = check.text('content type', contentType);
  check.named(() => checkContentType(type));
  return {
    key: readKey(key),
    ...readStamp(ms, counter, digest),
    size: check.integer('size', size, 0),
    expiry: readExpiry(expiry),
    contentType: type,
  };
}

/** A page is behind where it was to begin, in order, and gets on. */
function readListPage(
  entries: unknown,
  next: unknown,
  { prefix, after, limit }: RequestOf<'list'>,
): ListPage {
  const page = check.array('entries', entries, limit).map(readListItem);
  if (!page.every(({ key }) => key.startsWith(prefix))) throw malformed('keys must begin with the prefix');
  let last = after;
  for (const { key } of page) {
    if (last !== null && compareKeys(key, last) <= 0) throw malformed('keys must be ascending');
    last = key;
  }
  if (next === null) return { entries: page, next };
  const cursor = readKey(next, 'next');
  const isBehind = last === null || compareKeys(cursor, last) >= 0;
  const isFurther = after === null || compareKeys(cursor, after) > 0;
  if (!isBehind || !isFurther) throw malformed('next must be behind the page');
  return { entries: page, next: cursor };
}

function versionItems(item: VersionItem): unknown[] {
  return [item.key, ...stampItems(item), item.kind];
}

function readVersionItem(value: unknown): VersionItem {
  const [key, ms, counter, digest, kind] = readTuple('entry', value, 5);
  return { key: readKey(key), ...readStamp(ms, counter, digest), kind: readHeldKind(kind) };
}

function readHeldKind(value: unknown): HeldKind {
  const kind = HELD_KINDS.find((one) => one === value);
  if (kind === undefined) throw malformed('kind must be 0, 1, 2 or 16');
  return kind;
}

function readEntries(value: unknown, { ids }: RequestOf<'entries'>): (VersionItem | null)[] {
  const entries = check.array('entries', value, ids.length);
  if (entries.length === 0) throw malformed('entries must hold at least one');
  return entries.map((entry) => (entry === null ? null : readVersionItem(entry)));
}

function readRecords(value: unknown, { keys }: RequestOf<'fetch'>): (Uint8Array | null)[] {
  const records = check.array('records', value, keys.length);
  if (records.length === 0) throw malformed('records must hold at least one');
  return records.map((record) =>
    record === null ? null : check.bytes('record', record, RECORD_MAX_BYTES, 1),
  );
}

function partitionItems({ owner, namespace, partition, count, bytes }: PartitionItem): unknown[] {
  return [owner, namespace, partition, count, bytes];
}

function readPartitionItem(value: unknown): PartitionItem {
  const [owner, namespace, partition, count, bytes] = readTuple('entry', value, 5);
  const names = { owner: check.text('owner', owner), namespace: check.text('namespace', namespace) };
  check.named(() => checkOwner(names.owner));
  check.named(() => checkNamespace(names.namespace));
  return {
    ...names,
    partition: check.integer('partition', partition, 0, PARTITIONS - 1),
    count: check.integer('count', count, 0),
    bytes: check.integer('bytes', bytes, 0),
  };
}

function readPartitions(
  entries: unknown,
  next: unknown,
  request: RequestOf<'partitions'>,
): Answers['partitions'] {
  const page = check
    .array('entries', entries, Math.min(request.limit, PAGE_ITEMS_MAX))
    .map(readPartitionItem);
  const cursor = readPartitionCursor(next);
  const { after } = request;
  if (cursor !== null && after !== null && comparePartitions(cursor, after) <= 0) {
    throw malformed('the next page must be behind this one');
  }
  return { entries: page, next: cursor };
}
