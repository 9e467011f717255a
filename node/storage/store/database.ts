import { DatabaseSync } from 'node:sqlite';
import { equalBytes } from '../../../protocols/common/bytes.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { createTables, hasTablesOf, isEmpty, numberOf } from '../../disk/database.ts';
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
    if (isEmpty(database)) create(database, keyId);
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
  if (!hasTablesOf(database, `PRAGMA auto_vacuum = INCREMENTAL; ${TABLES}`)) return 'damaged';
  for (const table of ['namespaces', 'partitions', 'records']) {
    database.prepare(`SELECT * FROM ${table} LIMIT 1`).all();
  }
  return equalBytes(id, keyId) ? 'ours' : 'foreign_key';
}

function create(database: DatabaseSync, keyId: Uint8Array): void {
  const mark = { applicationId: APPLICATION_ID, formatVersion: FORMAT_VERSION };
  createTables(database, TABLES, mark, () => {
    const put = database.prepare('INSERT INTO meta (name, value) VALUES (?, ?)');
    put.run('format', FORMAT_VERSION);
    put.run('key', keyId);
  });
}
