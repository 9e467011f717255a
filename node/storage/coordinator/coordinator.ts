import { type ByteRange, checkRange, cidText } from '../../../protocols/blobs/index.ts';
import type { TimerClock } from '../../../protocols/common/clock.ts';
import { ConcurrencyLimit } from '../../../protocols/common/concurrency-limit.ts';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import { didKey } from '../../../protocols/common/did-key.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import {
  blobOf,
  compareRecords,
  formatEtag,
  type HybridClock,
  isNew,
  isValueKind,
  type KIND_BLOB,
  KIND_TOMBSTONE,
  type KIND_VALUE,
  PARTITIONS,
  type PartitionId,
  type Partitions,
  type RecordAdmission,
  type RecordDraft,
  type RecordKind,
  type RecordSigner,
  recordCid,
  type SignedRecord,
  type Stamp,
  StorageError,
  sizeOf,
} from '../../../protocols/storage/index.ts';
import type { Credentials } from '../../identity/credentials.ts';
import type { OperationKind } from '../api/counters.ts';
import type {
  Consistency,
  DeleteOptions,
  Durability,
  ListPage,
  ListRequest,
  PutOptions,
  RecordName,
  StoredRecord,
  Where,
  WriteReceipt,
} from '../api/interface.ts';
import { OPERATIONS_MAX } from '../api/limits.ts';
import type { BlobSource } from '../blobs/blob-source.ts';
import { Deadline } from '../rpc/deadline.ts';
import { checkName, readEtag, readList, writeCursor } from '../rpc/requests.ts';
import { KeyLocator } from './key-locator.ts';
import { Lister } from './lister.ts';
import type { QuorumInit } from './quorum.ts';
import { receiptOf } from './receipts.ts';
import { type ReadResult, RecordReader, type RecordReaderComponents } from './record-reader.ts';
import { VersionConflict, Writer } from './writer.ts';

export interface CoordinatorComponents extends RecordReaderComponents {
  readonly admission: RecordAdmission;
  readonly clock: TimerClock;
  readonly crypto: Crypto;
  readonly partitions: Partitions;
  readonly signer: RecordSigner;
  readonly credentials: Credentials;
  readonly versions: HybridClock;
  readonly source: BlobSource;
}

export interface CoordinatorInit extends QuorumInit {
  /** Peer id of this node. */
  readonly self: string;
  /** Time limit of a client's request. */
  readonly deadlineMs: number;
}

/** A value as its record holds it: its bytes, or the link to its blob. */
export interface Content {
  readonly kind: typeof KIND_VALUE | typeof KIND_BLOB;
  readonly value: Uint8Array;
}

/** Content of a client's write. */
interface Draft {
  readonly kind: RecordKind;
  readonly value: Uint8Array;
  readonly contentType: string;
  readonly ttlMs: number | null;
  /** The chain under which the client wants it signed. */
  readonly given: readonly Uint8Array[] | undefined;
}

interface Condition {
  readonly ifAbsent?: boolean | undefined;
  readonly ifVersion?: string | undefined;
}

const NO_VALUE = new Uint8Array();
const NEVER = new AbortController().signal;
/** Peer id for objects that clients signed and submitted themselves. */
const CLIENTS = 'clients';
/** Attempts of a conditional write that meets concurrent writes: each attempt checks the condition anew. */
const CONDITION_TRIES = 3;

/** Carries out the requests of this node's clients at the replicas; this node may be one of them. */
export class Coordinator {
  readonly #components: CoordinatorComponents;
  readonly #deadlineMs: number;
  readonly #wanted: number;
  readonly #reader: RecordReader;
  readonly #writer: Writer;
  readonly #lister: Lister;
  readonly #whereabouts: KeyLocator;
  readonly #operations = new ConcurrencyLimit({ max: OPERATIONS_MAX });

  constructor(components: CoordinatorComponents, init: CoordinatorInit) {
    this.#components = components;
    this.#deadlineMs = init.deadlineMs;
    this.#wanted = init.replicas;
    this.#reader = new RecordReader(components, init);
    this.#writer = new Writer(components, init);
    this.#whereabouts = new KeyLocator({ ...components, reader: this.#reader }, init);
    const read = (partition: PartitionId, key: string, deadline: Deadline): Promise<ReadResult> => {
      return this.#reader.read(partition, key, deadline, 'majority');
    };
    this.#lister = new Lister({ ...components, read }, init);
  }

  /** Requests of clients under way. */
  get underway(): number {
    return this.#operations.size;
  }

  /** The name and the options must have been checked. */
  put(name: RecordName, content: Content, options: PutOptions): Promise<WriteReceipt> {
    return this.#operation('put', (deadline) => {
      const { durability = 'majority', ifAbsent, ifVersion } = options;
      return this.#write(name, draftOf(content, options), durability, { ifAbsent, ifVersion }, deadline);
    });
  }

  /** Throws what `put` would now, without writing. */
  check(name: RecordName, { chain, ifAbsent, ifVersion }: PutOptions): Promise<void> {
    return this.#operation('get', async (deadline) => {
      await this.#chainFor(name, chain);
      await this.#expectedVersion(
        this.#components.partitions.of(name),
        name.key,
        { ifAbsent, ifVersion },
        deadline,
      );
    });
  }

  /** Signs the record that `put` would write now. */
  async sign(name: RecordName, content: Content, options: PutOptions): Promise<SignedRecord> {
    const { versions } = this.#components;
    const chain = await this.#chainFor(name, options.chain);
    return this.#sign(name, draftOf(content, options), versions.next(), chain);
  }

  delete(name: RecordName, options: DeleteOptions): Promise<WriteReceipt> {
    return this.#operation('delete', async (deadline) => {
      checkName(name);
      const { durability = 'majority', ifVersion, chain: given } = options;
      const draft: Draft = { kind: KIND_TOMBSTONE, value: NO_VALUE, contentType: '', ttlMs: null, given };
      return this.#write(name, draft, durability, { ifVersion }, deadline);
    });
  }

  /** A record that somebody signed elsewhere, just now. */
  async read(bytes: Uint8Array): Promise<SignedRecord> {
    const { admission, clock } = this.#components;
    const record = await admission.admit(bytes, CLIENTS, 'pushed').catch((error: unknown) => {
      throw error instanceof StorageError ? refusedRecord(error) : error;
    });
    if (isNew(record, clock.now())) return record;
    throw new CodedError('bad_clock', 'the record was signed too long ago: sign it with the time of now');
  }

  /** Writes a record that somebody signed elsewhere. */
  submitSigned(record: SignedRecord, durability: Durability): Promise<WriteReceipt> {
    return this.#operation('put', async (deadline) => {
      const { partitions } = this.#components;
      const write = { partition: partitions.of(record), durability, record };
      try {
        return receiptOf(await this.#writer.submitSigned(write, deadline), durability, this.#wanted);
      } catch (error) {
        throw error instanceof VersionConflict ? refusal({}, error.current) : error;
      }
    });
  }

  get(name: RecordName, consistency: Consistency | undefined): Promise<StoredRecord | null> {
    return this.#operation('get', async (deadline) => {
      checkName(name);
      const partition = this.#components.partitions.of(name);
      const result = await this.#reader.read(partition, name.key, deadline, consistency);
      if (result.record !== null && isLive(result.record)) {
        return this.#show(result.record, partition, result);
      }
      // nobody can be told that what is not there may be there after all
      if (result.degraded) {
        const message =
          'the copies that could be asked hold no value, and no majority could be asked; try again';
        throw new CodedError('insufficient_replicas', message);
      }
      return null;
    });
  }

  list(request: ListRequest): Promise<ListPage> {
    return this.#operation('list', async (deadline) => {
      const { prefix, after, limit } = readList(request);
      const namespaceId = this.#components.partitions.namespaceId(request);
      const query = { namespaceId, prefix, after, limit };
      const { entries, isEnd, degraded } = await this.#lister.list(query, deadline);
      const last = entries.at(-1);
      return {
        entries: entries.map((entry) => ({
          key: entry.key,
          etag: formatEtag(entry),
          version: { ms: entry.ms, counter: entry.counter },
          size: entry.size,
          contentType: entry.contentType,
          expiresAt: entry.expiry,
        })),
        cursor: isEnd || last === undefined ? null : writeCursor(last.key),
        degraded,
        copies: { live: this.#fewestCopies(namespaceId), wanted: this.#wanted },
      };
    });
  }

  /** Reads a key at a majority, for maintenance. */
  reread(partition: PartitionId, key: string, deadline: Deadline): Promise<ReadResult> {
    return this.#reader.read(partition, key, deadline, 'majority');
  }

  where(name: RecordName): Promise<Where> {
    return this.#operation('get', (deadline) => {
      checkName(name);
      return this.#whereabouts.find(this.#components.partitions.of(name), name.key, deadline);
    });
  }

  async #write(
    name: RecordName,
    draft: Draft,
    durability: Durability,
    condition: Condition,
    deadline: Deadline,
  ): Promise<WriteReceipt> {
    const partition = this.#components.partitions.of(name);
    const chain = await this.#chainFor(name, draft.given);
    const sign = (version: { ms: number; counter: number }): Promise<SignedRecord> => {
      return this.#sign(name, draft, version, chain);
    };
    for (let tries = 1; ; tries++) {
      // again after another write came first: the condition may still hold
      const expectedVersion = await this.#expectedVersion(partition, name.key, condition, deadline);
      try {
        const result = await this.#writer.write({ partition, durability, sign, expectedVersion }, deadline);
        return receiptOf(result, durability, this.#wanted);
      } catch (error) {
        if (!(error instanceof VersionConflict)) throw error;
        if (tries >= CONDITION_TRIES) throw refusal(condition, error.current);
      }
    }
  }

  #chainFor(
    { owner, namespace, key }: RecordName,
    given: readonly Uint8Array[] | undefined,
  ): Promise<readonly Uint8Array[]> {
    const asked = { owner, namespace, action: 'write', resource: key } as const;
    return this.#components.credentials.chainFor(asked, given);
  }

  /** The version that a conditional write has to replace: read at a majority, and as the condition wants it. */
  async #expectedVersion(
    partition: PartitionId,
    key: string,
    condition: Condition,
    deadline: Deadline,
  ): Promise<{ readonly stamp: Stamp | null } | null> {
    const { ifAbsent, ifVersion } = condition;
    if (ifAbsent !== true && ifVersion === undefined) return null;
    const expected = ifVersion === undefined ? null : readEtag(ifVersion);
    const { stamp, record } = await this.#reader.read(partition, key, deadline, 'majority');
    const live = record !== null && isLive(record) ? record : null;
    const holds = expected === null ? live === null : live !== null && compareRecords(live, expected) === 0;
    if (!holds) throw refusal(condition, live);
    return { stamp };
  }

  async #sign(
    { owner, namespace, key }: RecordName,
    { kind, value, contentType, ttlMs }: Draft,
    { ms, counter }: { ms: number; counter: number },
    chain: readonly Uint8Array[],
  ): Promise<SignedRecord> {
    const { clock, signer, admission } = this.#components;
    const time = clock.now();
    const expiry = ttlMs === null ? null : time + ttlMs;
    const names = { owner, namespace, key, ms, counter, time, expiry };
    const draft: RecordDraft = { ...names, kind, contentType, value, chain };
    const record = await signer.sign(draft);
    admission.trust(record);
    return record;
  }

  #show(record: SignedRecord, partition: PartitionId, { expiry, degraded }: ReadResult): StoredRecord {
    const { source } = this.#components;
    const link = blobOf(record);
    const size = sizeOf(record);
    return {
      etag: formatEtag(record),
      id: recordCid(record.digest),
      version: { ms: record.ms, counter: record.counter },
      contentType: record.contentType,
      size,
      blob: link === null ? null : cidText(link.cid),
      author: didKey(record.author),
      time: record.time,
      expiresAt: expiry,
      value: link === null ? record.value : null,
      read: (range = { start: 0, end: size }, signal = NEVER) => {
        if (link !== null) return source.read(link, partition, range, signal);
        return bytesIn(record.value, range);
      },
      degraded,
    };
  }

  #fewestCopies(namespaceId: Uint8Array): number {
    const { places } = this.#components;
    const counts = Array.from({ length: PARTITIONS }, (_, partition) => {
      return places.of({ namespaceId, partition }).replicas.filter(({ isLive: isThere }) => isThere).length;
    });
    return Math.min(...counts);
  }

  async #operation<T>(kind: OperationKind, work: (deadline: Deadline) => Promise<T>): Promise<T> {
    const { metrics } = this.#components;
    const release = this.#operations.tryAcquire();
    if (release === null) {
      metrics.operationsFailed[kind] += 1;
      throw new CodedError('overloaded', 'too many storage requests are under way here; try again');
    }
    const deadline = new Deadline(this.#components, { ms: this.#deadlineMs });
    try {
      const result = await work(deadline);
      metrics.operationsOk[kind] += 1;
      return result;
    } catch (error) {
      metrics.operationsFailed[kind] += 1;
      throw error;
    } finally {
      release();
      deadline.answered();
    }
  }
}

function isLive({ kind }: SignedRecord): boolean {
  return isValueKind(kind);
}

function draftOf({ kind, value }: Content, options: PutOptions): Draft {
  const { contentType = '', ttlMs, chain } = options;
  return { kind, value, contentType, ttlMs: ttlMs ?? null, given: chain };
}

async function* bytesIn(value: Uint8Array, range: ByteRange): AsyncGenerator<Uint8Array, void, undefined> {
  const { start, end } = checkRange(range, value.byteLength);
  yield value.subarray(start, end);
}

/** The error for a client whose record is refused. */
function refusedRecord({ code, message }: StorageError): CodedError {
  if (code === 'overloaded') return new CodedError(code, message);
  if (code === 'record_clock') return new CodedError('bad_clock', message);
  if (code === 'record_unauthorised' || code === 'record_chain') return new CodedError('forbidden', message);
  return new CodedError('bad_record', message);
}

/** Why a condition does not hold. */
function refusal({ ifAbsent }: Condition, current: Stamp | null): CodedError {
  const detail = current === null ? undefined : { etag: formatEtag(current) };
  if (ifAbsent === true) return new CodedError('exists', 'there is a value already', detail);
  const message = current === null ? 'there is no value any more' : 'there is a newer value';
  return new CodedError('precondition_failed', message, detail);
}
