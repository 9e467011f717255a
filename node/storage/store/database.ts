import { DatabaseSync } from 'node:sqlite';
import { equalBytes } from '../../../protocols/common/bytes.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import {
  APPLICATION_ID,
  BUSY_TIMEOUT_MS,
  CACHE_KIB,
  CHECKPOINT_PAGES,
  FORMAT_VERSION,
  LOG_KEPT_BYTES,
  PAGE_BYTES,
} from './constants.ts';

/**
 * `records` holds values, tombstones and floors; `bytes` is what a row takes of the capacity, `mark` a checksum of what
 * stands in the clear. The sealed bytes come last: what stands before them is read without them.
 */
const TABLES = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE namespaces (
  id INTEGER PRIMARY KEY, namespace_id BLOB NOT NULL UNIQUE, owner TEXT NOT NULL, name TEXT NOT NULL,
  keys INTEGER NOT NULL, bytes INTEGER NOT NULL, sponsored INTEGER NOT NULL) STRICT;
CREATE TABLE partitions (
  id INTEGER PRIMARY KEY, namespace INTEGER NOT NULL, number INTEGER NOT NULL,
  count INTEGER NOT NULL, bytes INTEGER NOT NULL, fingerprint BLOB NOT NULL, state BLOB, UNIQUE (namespace, number)) STRICT;
CREATE TABLE records (
  id INTEGER PRIMARY KEY, partition INTEGER NOT NULL, key BLOB NOT NULL, ms INTEGER NOT NULL, counter INTEGER NOT NULL,
  digest BLOB NOT NULL, kind INTEGER NOT NULL, expiry INTEGER, size INTEGER NOT NULL, content_type TEXT NOT NULL,
  bytes INTEGER NOT NULL, mark INTEGER NOT NULL, sealed BLOB NOT NULL, UNIQUE (partition, key)) STRICT;
CREATE INDEX records_expiry ON records (expiry) WHERE expiry IS NOT NULL;
CREATE INDEX records_tombstones ON records (ms) WHERE kind = 1;
CREATE INDEX records_floors ON records (partition, ms) WHERE kind = 16;
`;

/** Where the header of a database says which version of the format writes and reads it (SQLite's file format, 1.3). */
const WRITE_VERSION_AT = 18;
const READ_VERSION_AT = 19;
/** Length of the header. */
export const HEADER_BYTES = 100;

/** Opens the file at `path` for writing and makes its tables where there are none. */
export function openWriter(path: string, keyId: Uint8Array): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    // the first two hold only for a file that is made now
    database.exec(`
      PRAGMA page_size = ${PAGE_BYTES};
      PRAGMA auto_vacuum = INCREMENTAL;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
      PRAGMA journal_size_limit = ${LOG_KEPT_BYTES};
      PRAGMA cache_size = -${CACHE_KIB};`);
    if (isEmpty(database)) createTables(database, keyId);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** A connection that only reads; null while the file has no tables. */
export function openReader(path: string): DatabaseSync | null {
  const database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    database.exec(`PRAGMA cache_size = -${CACHE_KIB};`);
    if (!isEmpty(database)) return database;
  } catch (error) {
    database.close();
    throw error;
  }
  database.close();
  return null;
}

/** What the file at hand is, found out by reading some of each of its tables. */
export function inspect(database: DatabaseSync, keyId: Uint8Array): 'ours' | 'damaged' | 'foreign_key' {
  const meta = new Map(
    database
      .prepare('SELECT name, value FROM meta')
      .all()
      .map(({ name, value }) => [name, value]),
  );
  const version = numberOf(database, 'user_version');
  const isOurs = numberOf(database, 'application_id') === APPLICATION_ID && meta.get('format') === version;
  const id = meta.get('key');
  if (!isOurs || typeof version !== 'number' || !(id instanceof Uint8Array)) return 'damaged';
  if (version !== FORMAT_VERSION) {
    const message = `the records on disk have format ${version}, which this version of Maillon does not know`;
    throw new CodedError('storage_version', `${message}: use the version that wrote them, or a newer one`);
  }
  if (schemaOf(database) !== ownSchema()) return 'damaged';
  for (const table of ['namespaces', 'partitions', 'records']) {
    database.prepare(`SELECT * FROM ${table} LIMIT 1`).all();
  }
  return equalBytes(id, keyId) ? 'ours' : 'foreign_key';
}

/** Whether the first bytes of the file say how it is read and written: SQLite takes other values for a file it may not write. */
export function isHeaderSound(header: Uint8Array): boolean {
  return [header[WRITE_VERSION_AT], header[READ_VERSION_AT]].every(
    (version) => version === 1 || version === 2,
  );
}

function schemaOf(database: DatabaseSync): string {
  const rows = database.prepare('SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema').all();
  return JSON.stringify(rows);
}

/** As it is in a file that was just made. */
function ownSchema(): string {
  const database = new DatabaseSync(':memory:');
  try {
    database.exec(`PRAGMA auto_vacuum = INCREMENTAL; ${TABLES}`);
    return schemaOf(database);
  } finally {
    database.close();
  }
}

function isEmpty(database: DatabaseSync): boolean {
  return database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
}

function createTables(database: DatabaseSync, keyId: Uint8Array): void {
  database.exec('BEGIN IMMEDIATE');
  database.exec(TABLES);
  const put = database.prepare('INSERT INTO meta (name, value) VALUES (?, ?)');
  put.run('format', FORMAT_VERSION);
  put.run('key', keyId);
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORMAT_VERSION}; COMMIT`);
}

export function numberOf(database: DatabaseSync, pragma: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0];
}
