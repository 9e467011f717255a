/** Storage in memory, for what a real node alone cannot be made to answer. */
import { createHash } from 'node:crypto';
import type {
  DeleteOptions,
  ListPage,
  ListRequest,
  PutOptions,
  RecordName,
  Storage,
  StorageStatus,
  StoredRecord,
  Where,
  WriteReceipt,
} from '../../node/index.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { checkKey, compareKeys } from '../../protocols/storage/keys.ts';
import { formatEtag, recordCid } from '../../protocols/storage/version.ts';

const SELF = '12D3KooWFake';

export class FakeStorage implements Storage {
  /** Thrown by the next call of any method. */
  failure: Error | null = null;
  degraded = false;
  /** Run by the next get after it has read: for what happens in between. */
  afterGet: (() => Promise<unknown>) | null = null;
  /** What was asked for, and with which options. */
  readonly calls: { readonly method: string; readonly options: unknown }[] = [];
  readonly #records = new Map<string, Map<string, StoredRecord>>();
  #counter = 0;

  putBlob(): Promise<WriteReceipt> {
    return Promise.reject(new Error('no blobs are kept here'));
  }

  beginUpload(): never {
    throw new Error('no blobs are kept here');
  }

  resumeUpload(): never {
    throw new Error('no blobs are kept here');
  }

  carry(): Promise<WriteReceipt> {
    return Promise.reject(new Error('no records are carried here'));
  }

  async put(
    name: RecordName,
    value: Uint8Array | AsyncIterable<Uint8Array>,
    options: PutOptions = {},
  ): Promise<WriteReceipt> {
    this.#begin('put', options);
    if (!(value instanceof Uint8Array)) throw new Error('values come at once here');
    checkKey(name.key);
    const records = this.#of(name.namespace);
    const etag = records.get(name.key)?.etag;
    if (options.ifAbsent && etag !== undefined) throw new CodedError('exists', 'there is one', { etag });
    this.#check(etag, options.ifVersion);
    const record = this.#make(value, options);
    records.set(name.key, record);
    return receiptOf(record, options);
  }

  async get(name: RecordName, options = {}): Promise<StoredRecord | null> {
    this.#begin('get', options);
    const record = this.#of(name.namespace).get(name.key) ?? null;
    const after = this.afterGet;
    this.afterGet = null;
    await after?.();
    return record && { ...record, degraded: this.degraded };
  }

  async delete(name: RecordName, options: DeleteOptions = {}): Promise<WriteReceipt> {
    this.#begin('delete', options);
    const records = this.#of(name.namespace);
    this.#check(records.get(name.key)?.etag, options.ifVersion);
    records.delete(name.key);
    return receiptOf(this.#make(new Uint8Array(), {}), options);
  }

  async list({ namespace, prefix = '', limit = 100, cursor }: ListRequest): Promise<ListPage> {
    this.#begin('list', { prefix, limit, cursor });
    if (cursor !== undefined && !cursor.startsWith('after:')) throw new CodedError('bad_cursor', 'not mine');
    const after = cursor?.slice('after:'.length);
    const entries = [...this.#of(namespace)]
      .filter(([key]) => key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0))
      .toSorted(([a], [b]) => compareKeys(a, b))
      .map(([key, record]) => toEntry(key, record));
    const page = entries.slice(0, limit);
    return { entries: page, cursor: entries.length > limit ? `after:${page.at(-1)?.key ?? ''}` : null };
  }

  async where(name: RecordName): Promise<Where> {
    this.#begin('where', {});
    const etag = this.#of(name.namespace).get(name.key)?.etag ?? null;
    const holder = {
      id: SELF,
      role: 'home',
      isLive: true,
      isSynced: true,
      etag,
      isTombstone: false,
      isWhole: null,
    } as const;
    return { partition: 3, holders: [holder] };
  }

  status(): StorageStatus {
    this.#begin('status', {});
    return {
      bytes: 0,
      records: 0,
      capacityBytes: 2 ** 30,
      freeBytes: 2 ** 30,
      members: 1,
      replicas: 3,
      partitions: { home: 0, standIn: 0, unsynced: 0 },
      namespaces: [{ owner: '', namespace: 'default', keys: 0, bytes: 0 }],
    };
  }

  #begin(method: string, options: unknown): void {
    this.calls.push({ method, options });
    const { failure } = this;
    this.failure = null;
    if (failure !== null) throw failure;
  }

  #of(namespace: string): Map<string, StoredRecord> {
    const records = this.#records.get(namespace) ?? new Map<string, StoredRecord>();
    this.#records.set(namespace, records);
    return records;
  }

  #check(etag: string | undefined, expected: string | undefined): void {
    if (expected === undefined || expected === etag) return;
    throw new CodedError('precondition_failed', 'another', etag === undefined ? undefined : { etag });
  }

  #make(value: Uint8Array, { contentType = '', ttlMs }: PutOptions): StoredRecord {
    this.#counter += 1;
    const version = { ms: 1_700_000_000_000, counter: this.#counter };
    const digest = createHash('sha256').update(value).update(String(this.#counter)).digest();
    return {
      etag: formatEtag({ ...version, digest }),
      id: recordCid(digest),
      version,
      contentType,
      size: value.byteLength,
      author: 'did:key:z6MkFake',
      time: version.ms,
      expiresAt: ttlMs === undefined ? null : version.ms + ttlMs,
      blob: null,
      value: Uint8Array.from(value),
      read: async function* () {
        yield Uint8Array.from(value);
      },
      degraded: false,
    };
  }
}

function toEntry(
  key: string,
  { etag, version, size, contentType, expiresAt }: StoredRecord,
): ListPage['entries'][number] {
  return { key, etag, version, size, contentType, expiresAt };
}

function receiptOf(record: StoredRecord, { durability = 'majority' }: PutOptions): WriteReceipt {
  const { etag, id, version, expiresAt } = record;
  return { etag, id, version, replicas: [SELF], homes: [SELF], durability, durable: false, expiresAt };
}
