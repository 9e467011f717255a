import * as dagCbor from '@ipld/dag-cbor';
import { checkOwnerDid } from '../../../protocols/common/did.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { checkNamespace } from '../../../protocols/common/names.ts';
import {
  checkContentType,
  checkKey,
  checkPrefix,
  parseEtag,
  type Stamp,
  StorageError,
} from '../../../protocols/storage/index.ts';
import type { ListRequest, PutOptions, RecordName } from '../api/interface.ts';

/** A hundred years: what is to last longer has no end. */
export const TTL_MAX_MS = 100 * 365 * 24 * 60 * 60_000;
const LIST_LIMIT_DEFAULT = 100;
export const LIST_LIMIT_MAX = 1000;
const CURSOR_VERSION = 1;
/** A key, its head and the version, in base64url. */
const CURSOR_MAX_LENGTH = 1500;

/** Throws `bad_owner`, `bad_namespace`. */
export function checkNames({ owner, namespace }: Pick<RecordName, 'owner' | 'namespace'>): void {
  checkOwnerDid(owner);
  checkNamespace(namespace);
}

export function checkName(name: RecordName): void {
  checkNames(name);
  checkKey(name.key);
}

/** Throws `bad_ttl`, `bad_content_type`, and `bad_etag` for conditions that exclude each other. */
export function checkPut(options: PutOptions): void {
  const { ttlMs } = options;
  if (ttlMs !== undefined && (!Number.isSafeInteger(ttlMs) || ttlMs < 1 || ttlMs > TTL_MAX_MS)) {
    throw new CodedError('bad_ttl', `ttl must be 1 to ${TTL_MAX_MS} ms; without one a value has no end`);
  }
  checkType(options.contentType ?? '');
  if (options.ifAbsent === true && options.ifVersion !== undefined) {
    throw new CodedError('bad_etag', 'a value is either absent or has a version: ask for one of both');
  }
}

function checkType(contentType: string): void {
  try {
    checkContentType(contentType);
  } catch (error) {
    if (error instanceof StorageError) throw new CodedError('bad_content_type', error.message);
    throw error;
  }
}

/** Throws `bad_etag`. */
export function readEtag(etag: string): Stamp {
  const stamp = parseEtag(etag);
  if (stamp === null) throw new CodedError('bad_etag', 'the version is none that this store gave out');
  return stamp;
}

export interface ReadListRequest {
  readonly prefix: string;
  readonly after: string | null;
  readonly limit: number;
}

/** Throws `bad_owner`, `bad_namespace`, `bad_key`, `bad_limit`, `bad_cursor`. */
export function readList(request: ListRequest): ReadListRequest {
  checkNames(request);
  const { prefix = '', limit = LIST_LIMIT_DEFAULT, cursor } = request;
  checkPrefix(prefix);
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > LIST_LIMIT_MAX) {
    throw new CodedError('bad_limit', `limit must be 1 to ${LIST_LIMIT_MAX}`);
  }
  return { prefix, limit, after: cursor === undefined ? null : readCursor(cursor) };
}

export function writeCursor(key: string): string {
  return Buffer.from(dagCbor.encode([CURSOR_VERSION, key])).toString('base64url');
}

function readCursor(cursor: string): string {
  try {
    if (cursor.length > CURSOR_MAX_LENGTH) throw new Error('it is too long');
    const decoded: unknown = dagCbor.decode(Buffer.from(cursor, 'base64url'));
    if (!Array.isArray(decoded) || decoded.length !== 2 || decoded[0] !== CURSOR_VERSION) {
      throw new Error('it is of another kind');
    }
    const key: unknown = decoded[1];
    if (typeof key !== 'string') throw new Error('it holds no key');
    checkKey(key);
    return key;
  } catch (error) {
    const message = 'the cursor is none that a list gave out';
    throw new CodedError('bad_cursor', message, undefined, { cause: error });
  }
}
