import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { decode, encode } from '@ipld/dag-cbor';
import { concatBytes, equalBytes } from '../../../protocols/common/bytes.ts';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import {
  decodeRecord,
  isValueKind,
  KIND_FLOOR,
  type PartitionId,
  type SignedRecord,
} from '../../../protocols/storage/index.ts';
import type { Sealer } from '../../disk/sealing.ts';
import { KEY_END, PAGE_ENTRIES_MAX, PAGE_ROWS_MAX } from './constants.ts';
import { corruptError } from './faults.ts';
import type {
  Held,
  NamespaceTotals,
  PartitionState,
  PartitionSummary,
  StoredEntry,
  VersionEntry,
} from './interface.ts';
import type { ItemRow } from './item-sets.ts';
import { locate, type RecordRow, ROW_COLUMNS, type SealedRow } from './rows.ts';

const PLACE = 'namespaces n CROSS JOIN partitions p ON p.namespace = n.id';
const IN_PLACE = 'n.namespace_id = ? AND p.number = ?';
const RECORDS = `FROM ${PLACE} CROSS JOIN records r ON r.partition = p.id WHERE ${IN_PLACE} AND`;
const SUMMARY = 'SELECT n.namespace_id, n.owner, n.name, p.number, p.count, p.bytes, p.fingerprint';
const TOTALS = 'SELECT namespace_id, owner, name, keys, bytes FROM namespaces';
const NO_BYTES = new Uint8Array();
const END = Uint8Array.of(KEY_END);
const CHECKSUM_BYTES = 4;

export interface ReaderComponents {
  readonly database: DatabaseSync;
  readonly sealer: Sealer;
  readonly crypto: Crypto;
}

/** Reads what the writer wrote, on a separate connection, and verifies it. Throws `corrupt`, or SQLite's errors. */
export class StoreReader {
  readonly #components: ReaderComponents;
  readonly #statements = new Map<string, StatementSync>();

  constructor(components: ReaderComponents) {
    this.#components = components;
  }

  /** Forgets what memory holds of the file. */
  refresh(): void {
    this.#components.database.exec('PRAGMA shrink_memory');
  }

  close(): void {
    this.#statements.clear();
    this.#components.database.close();
  }

  get(partition: PartitionId, key: string, now: number): Held | null {
    const sql = `SELECT ${ROW_COLUMNS}, r.sealed ${RECORDS} r.key = ?`;
    const row = this.#row(
      sql,
      partition.namespaceId,
      partition.partition,
      Buffer.from(key),
    ) as SealedRow | null;
    if (row === null) return null;
    const location = locate(partition, row);
    const opened = location && this.#components.sealer.open(location, row.sealed);
    if (opened === null) throw corruptError(key);
    const { ms, counter, digest, kind, expiry } = row;
    const isExpired = isValueKind(kind) && expiry !== null && expiry <= now;
    if (kind === KIND_FLOOR || isExpired) return { floor: { ms, counter, digest } };
    return { record: this.#decode(opened, row, key), expiry };
  }

  head(partition: PartitionId, key: string): VersionEntry | null {
    const sql = `SELECT ${ROW_COLUMNS} ${RECORDS} r.key = ?`;
    const row = this.#row(
      sql,
      partition.namespaceId,
      partition.partition,
      Buffer.from(key),
    ) as RecordRow | null;
    return row && this.#checked(partition, row, versionEntry);
  }

  list(
    partition: PartitionId,
    { prefix, after, limit, now }: { prefix: string; after: string | null; limit: number; now: number },
  ): { entries: StoredEntry[]; next: string | null } {
    const isShown = ({ kind, expiry }: RecordRow): boolean =>
      isValueKind(kind) && (expiry === null || expiry > now);
    return this.#page(partition, { prefix, after, limit, isShown, entryOf: storedEntry });
  }

  /** Rows of all held entries after `after`, in key order. One that is damaged is passed over: it is as if not held. */
  items(
    partition: PartitionId,
    after: Uint8Array | null,
    limit: number,
  ): { rows: ItemRow[]; next: Uint8Array | null } {
    const sql = `SELECT ${ROW_COLUMNS} ${RECORDS} r.key > ? ORDER BY r.key LIMIT ?`;
    const { namespaceId, partition: number } = partition;
    const found = this.#prepare(sql).all(namespaceId, number, after ?? NO_BYTES, limit);
    const rows = (found as unknown as RecordRow[]).filter((row) => locate(partition, row) !== null);
    const last = found.length < limit ? null : found.at(-1)?.['key'];
    return {
      rows: rows.map(({ id, key, digest }) => ({ row: id, key, digest })),
      next: last instanceof Uint8Array ? last : null,
    };
  }

  /** Entry of a row; null where it is missing, in another partition or damaged. */
  entryAt(partition: PartitionId, row: number): VersionEntry | null {
    const sql = `SELECT ${ROW_COLUMNS} ${RECORDS} r.id = ?`;
    const found = this.#row(sql, partition.namespaceId, partition.partition, row) as RecordRow | null;
    return found === null || locate(partition, found) === null ? null : versionEntry(found);
  }

  partitions({ after, limit }: { after: PartitionId | null; limit: number }): {
    partitions: PartitionSummary[];
    isEnd: boolean;
  } {
    const most = Math.min(limit, PAGE_ENTRIES_MAX);
    const { namespaceId = NO_BYTES, partition = -1 } = after ?? {};
    const sql = `${SUMMARY} FROM ${PLACE} WHERE (n.namespace_id, p.number) > (?, ?) ORDER BY 1, 4 LIMIT ?`;
    const rows = this.#prepare(sql).all(namespaceId, partition, most + 1);
    return { partitions: rows.slice(0, most).map(summaryOf), isEnd: rows.length <= most };
  }

  summary({ namespaceId, partition }: PartitionId): PartitionSummary | null {
    const row = this.#row(`${SUMMARY} FROM ${PLACE} WHERE ${IN_PLACE}`, namespaceId, partition);
    return row === null ? null : summaryOf(row as Record<string, unknown>);
  }

  totals(namespaceId: Uint8Array): NamespaceTotals | null {
    const row = this.#row(`${TOTALS} WHERE namespace_id = ?`, namespaceId);
    return row === null ? null : totalsOf(row as Record<string, unknown>);
  }

  namespaces({ after, limit }: { after: Uint8Array | null; limit: number }): {
    namespaces: (NamespaceTotals & { namespaceId: Uint8Array })[];
    isEnd: boolean;
  } {
    const most = Math.min(limit, PAGE_ENTRIES_MAX);
    const sql = `${TOTALS} WHERE namespace_id > ? ORDER BY namespace_id LIMIT ?`;
    const rows = this.#prepare(sql).all(after ?? NO_BYTES, most + 1);
    return { namespaces: rows.slice(0, most).map(totalsOf), isEnd: rows.length <= most };
  }

  state(partition: PartitionId): PartitionState | null {
    const { namespaceId, partition: number } = partition;
    const row = this.#row(`SELECT p.state FROM ${PLACE} WHERE ${IN_PLACE}`, namespaceId, number);
    const { state } = (row ?? {}) as { state?: unknown };
    return state instanceof Uint8Array ? decodeState(partition, state) : null;
  }

  /** Totals of all namespaces. */
  usage(): { bytes: number; keys: number } {
    const sql = 'SELECT coalesce(sum(bytes), 0) bytes, coalesce(sum(keys), 0) keys FROM namespaces';
    const { bytes = 0, keys = 0 } = this.#prepare(sql).get() ?? {};
    return { bytes: Number(bytes), keys: Number(keys) };
  }

  #page<T>(
    partition: PartitionId,
    query: {
      prefix: string;
      after: string | null;
      limit: number;
      isShown: (row: RecordRow) => boolean;
      entryOf: (row: RecordRow) => T;
    },
  ): { entries: T[]; next: string | null } {
    const prefix = Buffer.from(query.prefix);
    const sql = `SELECT ${ROW_COLUMNS} ${RECORDS} r.key >= ? AND r.key < ? ORDER BY r.key LIMIT ?`;
    const most = Math.min(query.limit, PAGE_ENTRIES_MAX);
    const { namespaceId, partition: number } = partition;
    const from = firstKey(prefix, query.after);
    const entries: T[] = [];
    let rows = 0;
    // one row beyond the page tells whether there are more
    const found = this.#prepare(sql).iterate(
      namespaceId,
      number,
      from,
      concatBytes(prefix, END),
      PAGE_ROWS_MAX + 1,
    );
    let last: Uint8Array = NO_BYTES;
    for (const row of found as Iterable<unknown>) {
      if (entries.length === most || rows === PAGE_ROWS_MAX) return { entries, next: textOf(last) };
      const record = row as RecordRow;
      const entry = this.#checked(partition, record, query.entryOf);
      if (query.isShown(record)) entries.push(entry);
      last = record.key;
      rows += 1;
    }
    return { entries, next: null };
  }

  #checked<T>(partition: PartitionId, row: RecordRow, entryOf: (row: RecordRow) => T): T {
    if (locate(partition, row) === null) {
      throw corruptError(row.key instanceof Uint8Array ? textOf(row.key) : null);
    }
    return entryOf(row);
  }

  /** The record in the row, which must be the one that the row names. */
  #decode(bytes: Uint8Array, row: RecordRow, key: string): SignedRecord {
    let record: SignedRecord;
    try {
      record = decodeRecord(bytes, this.#components.crypto);
    } catch (cause) {
      throw corruptError(key, cause);
    }
    const isNamed =
      record.key === key &&
      record.ms === row.ms &&
      record.counter === row.counter &&
      record.kind === row.kind &&
      equalBytes(record.digest, row.digest);
    if (!isNamed) throw corruptError(key);
    return record;
  }

  #row(sql: string, ...parameters: (Uint8Array | number)[]): unknown {
    return this.#prepare(sql).get(...parameters) ?? null;
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#components.database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** The smallest key of the page: NUL is the first character that may follow `after`. */
function firstKey(prefix: Uint8Array, after: string | null): Uint8Array {
  const next = after === null ? NO_BYTES : Buffer.from(`${after}\0`);
  return Buffer.compare(next, prefix) > 0 ? next : prefix;
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString();
}

function versionEntry({ key, ms, counter, digest, kind }: RecordRow): VersionEntry {
  return { key: textOf(key), ms, counter, digest, kind };
}

function storedEntry({
  key,
  ms,
  counter,
  digest,
  expiry,
  size,
  content_type: contentType,
}: RecordRow): StoredEntry {
  return { key: textOf(key), ms, counter, digest, expiry, size, contentType };
}

function totalsOf(row: Record<string, unknown>): NamespaceTotals & { namespaceId: Uint8Array } {
  const { namespace_id: namespaceId, owner, name, keys, bytes } = row;
  return { namespaceId, owner, namespace: name, keys, bytes } as NamespaceTotals & {
    namespaceId: Uint8Array;
  };
}

function summaryOf(row: Record<string, unknown>): PartitionSummary {
  const { namespace_id: namespaceId, owner, name, number, count, bytes, fingerprint } = row;
  return {
    namespaceId,
    owner,
    namespace: name,
    partition: number,
    count,
    bytes,
    fingerprint,
  } as unknown as PartitionSummary;
}

/** A checksum of the state and of whose it is, then the state. */
export function encodeState(partition: PartitionId, state: PartitionState): Uint8Array {
  const bytes = encode(state);
  const checksum = Buffer.alloc(CHECKSUM_BYTES);
  checksum.writeUInt32BE(stateChecksum(partition, bytes));
  return concatBytes(checksum, bytes);
}

function decodeState(partition: PartitionId, stored: Uint8Array): PartitionState | null {
  const bytes = stored.subarray(CHECKSUM_BYTES);
  const checksum = Buffer.from(stored.subarray(0, CHECKSUM_BYTES));
  if (checksum.byteLength < CHECKSUM_BYTES) return null;
  if (checksum.readUInt32BE() !== stateChecksum(partition, bytes)) return null;
  return decode<PartitionState>(bytes);
}

function stateChecksum({ namespaceId, partition }: PartitionId, bytes: Uint8Array): number {
  return crc32(bytes, crc32(Uint8Array.of(partition), crc32(namespaceId)));
}
