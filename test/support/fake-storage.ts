/** Storage in memory, for what a real node alone cannot be made to answer. */
import { createHash } from 'node:crypto';
import type { Upload } from '../../node/blobs/interface.ts';
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
import { type BlobLink, type ByteRange, cidText } from '../../protocols/blobs/index.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { INLINE_MAX_BYTES } from '../../protocols/storage/constants.ts';
import { checkKey, compareKeys } from '../../protocols/storage/keys.ts';
import { formatEtag, recordCid } from '../../protocols/storage/version.ts';
import { blobOf, bytesOfAll, piecesOf } from './blobs.ts';
import { OWNER } from './owner.ts';

const SELF = '12D3KooWFake';

export class FakeStorage implements Storage {
  /** Thrown by the next call of any method. */
  failure: Error | null = null;
  degraded = false;
  /** Run by the next get after it has read: for what happens in between. */
  afterGet: (() => Promise<unknown>) | null = null;
  /** Calls received, with their options. */
  readonly calls: { readonly method: string; readonly options: unknown }[] = [];
  /** Called before each chunk of a blob is read. */
  beforeChunk: ((start: number) => Promise<void> | void) | null = null;
  /** Open uploads, including the remains of abandoned ones. */
  readonly uploads = new Map<string, FakeUpload>();
  readonly #blobs = new Map<string, Buffer>();
  readonly #records = new Map<string, Map<string, StoredRecord>>();
  #counter = 0;

  submitSigned(): Promise<WriteReceipt> {
    return Promise.reject(new Error('no records are carried here'));
  }

  async put(
    name: RecordName,
    value: Uint8Array | AsyncIterable<Uint8Array>,
    options: PutOptions = {},
  ): Promise<WriteReceipt> {
    this.#begin('put', withoutSignal(options));
    const bytes = value instanceof Uint8Array ? Buffer.from(value) : await bytesOfAll(value);
    if (bytes.byteLength <= INLINE_MAX_BYTES) return this.#write(name, { value: bytes }, options);
    return this.#write(name, { link: await this.#keep(bytes) }, options);
  }

  async putBlob(name: RecordName, link: BlobLink, options: PutOptions = {}): Promise<WriteReceipt> {
    this.#begin('putBlob', withoutSignal(options));
    if (!this.#blobs.has(cidText(link.cid))) throw new CodedError('not_found', 'no such blob');
    return this.#write(name, { link }, options);
  }

  async beginUpload(): Promise<Upload> {
    const id = `upload-${this.uploads.size}-${this.#counter}`;
    this.#begin('beginUpload', {});
    const upload = new FakeUpload(id, {
      keep: (bytes) => this.#keep(bytes),
      forget: () => this.uploads.delete(id),
    });
    this.uploads.set(id, upload);
    return upload;
  }

  resumeUpload(_namespace: unknown, id: string): Upload {
    const upload = this.uploads.get(id);
    if (upload === undefined) throw new CodedError('not_found', 'no such upload');
    return upload;
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
    return receiptOf(this.#make({ value: new Uint8Array() }, {}), options);
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
    const next = entries.length > limit ? `after:${page.at(-1)?.key ?? ''}` : null;
    return { entries: page, cursor: next, degraded: this.degraded, copies: { live: 1, wanted: 3 } };
  }

  async where(name: RecordName): Promise<Where> {
    this.#begin('where', {});
    const etag = this.#of(name.namespace).get(name.key)?.etag ?? null;
    const holder = {
      id: SELF,
      role: 'replica',
      isLive: true,
      isSynced: true,
      etag,
      isTombstone: false,
      expiresAt: null,
      isWhole: etag === null ? null : true,
    } as const;
    return { partition: 3, wanted: 3, isSponsored: false, holders: [holder] };
  }

  status(): StorageStatus {
    this.#begin('status', {});
    return {
      bytes: 0,
      records: 0,
      blobs: { count: 0, bytes: 0 },
      uploads: { count: 0, bytes: 0 },
      capacityBytes: 2 ** 30,
      usedBytes: 0,
      availableBytes: 2 ** 30,
      freeBytes: 2 ** 30,
      members: 1,
      fellows: [],
      replicas: 3,
      partitions: { replica: 0, fallback: 0, unsynced: 0, underReplicated: 0, leaving: 0 },
      isReady: true,
      namespaces: [
        { owner: OWNER.did, namespace: 'default', keys: 0, bytes: 0, blobBytes: 0, availableBytes: 2 ** 30 },
      ],
    };
  }

  #write(name: RecordName, held: Held, options: PutOptions): WriteReceipt {
    checkKey(name.key);
    const records = this.#of(name.namespace);
    const etag = records.get(name.key)?.etag;
    if (options.ifAbsent && etag !== undefined) throw new CodedError('exists', 'there is one', { etag });
    this.#check(etag, options.ifVersion);
    const record = this.#make(held, options);
    records.set(name.key, record);
    return receiptOf(record, options);
  }

  async #keep(bytes: Buffer): Promise<BlobLink> {
    const { link } = await blobOf(piecesOf(bytes, bytes.byteLength));
    this.#blobs.set(cidText(link.cid), bytes);
    return link;
  }

  async *#read(bytes: Uint8Array, range: ByteRange): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = range.start; at < range.end; at += CHUNK_BYTES) {
      await this.beforeChunk?.(at);
      yield bytes.subarray(at, Math.min(at + CHUNK_BYTES, range.end));
    }
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

  #make(held: Held, { contentType = '', ttlMs }: PutOptions): StoredRecord {
    this.#counter += 1;
    const version = { ms: 1_700_000_000_000, counter: this.#counter };
    const blob = 'link' in held ? cidText(held.link.cid) : null;
    const value = 'link' in held ? null : Uint8Array.from(held.value);
    const bytes = value ?? this.#blobs.get(blob ?? '') ?? new Uint8Array();
    const digest = createHash('sha256').update(bytes).update(String(this.#counter)).digest();
    const size = bytes.byteLength;
    return {
      etag: formatEtag({ ...version, digest }),
      id: recordCid(digest),
      version,
      contentType,
      size,
      author: 'did:key:z6MkFake',
      time: version.ms,
      expiresAt: ttlMs === undefined ? null : version.ms + ttlMs,
      blob,
      value,
      degraded: false,
      read: (range = { start: 0, end: size }) => this.#read(bytes, range),
    };
  }
}

type Held = { readonly value: Uint8Array } | { readonly link: BlobLink };

const CHUNK_BYTES = 1024 * 1024;

function withoutSignal({ signal: _signal, ...options }: PutOptions): PutOptions {
  return options;
}

interface FakeUploadInit {
  readonly keep: (bytes: Buffer) => Promise<BlobLink>;
  readonly forget: () => void;
}

/** Keeps every byte that came. */
class FakeUpload implements Upload {
  readonly id: string;
  link: BlobLink | null = null;
  #bytes = Buffer.alloc(0);
  readonly #init: FakeUploadInit;

  constructor(id: string, init: FakeUploadInit) {
    this.id = id;
    this.#init = init;
  }

  get offset(): number {
    return this.#bytes.byteLength;
  }

  async append(source: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of source) this.#bytes = Buffer.concat([this.#bytes, chunk]);
  }

  async finish(source: AsyncIterable<Uint8Array>): Promise<BlobLink> {
    const link = await this.complete(source);
    await this.cancel();
    return link;
  }

  async complete(source: AsyncIterable<Uint8Array>): Promise<BlobLink> {
    await this.append(source);
    this.link = await this.#init.keep(this.#bytes);
    return this.link;
  }

  async cancel(): Promise<void> {
    this.#init.forget();
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
  const by = { replicas: [SELF], replicaSet: [SELF], wanted: 3 };
  return { etag, id, version, ...by, durability, durable: false, expiresAt };
}
