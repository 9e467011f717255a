import type { DatabaseSync } from 'node:sqlite';
import { equalBytes } from '../../../protocols/common/bytes.ts';
import {
  checkDatabase,
  type DatabaseKind,
  isEmpty,
  numberOf,
  openDatabase,
  openReadOnly,
} from '../../disk/database.ts';
import { DatabaseDamage } from '../../disk/database-faults.ts';
import {
  APPLICATION_ID,
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

const RECORDS: DatabaseKind = {
  applicationId: APPLICATION_ID,
  formatVersion: FORMAT_VERSION,
  content: 'records',
  versionError: 'storage_version',
  setup: `PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL;`,
  tables: TABLES,
  synchronous: 'FULL',
  cacheKib: CACHE_KIB,
  logKeptBytes: LOG_KEPT_BYTES,
};

/** Opens the file at `path` for writing and makes its tables where there are none. */
export function openWriter(path: string, keyId: Uint8Array): DatabaseSync {
  const database = openDatabase(path, RECORDS, (created) => {
    const put = created.prepare('INSERT INTO meta (name, value) VALUES (?, ?)');
    put.run('format', FORMAT_VERSION);
    put.run('key', keyId);
  });
  database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};`);
  return database;
}

/** A connection that only reads; null while the file has no tables. Throws `DatabaseDamage`. */
export function openReader(path: string): DatabaseSync | null {
  const database = openReadOnly(path, { cacheKib: CACHE_KIB });
  if (!isEmpty(database)) return database;
  database.close();
  return null;
}

/** Whether the records are sealed with the key of this id. Throws `DatabaseDamage` where the file is no store's, and `storage_version`. */
export function isSealedWith(database: DatabaseSync, keyId: Uint8Array): boolean {
  const rows = database.prepare('SELECT name, value FROM meta').all();
  const meta = new Map(rows.map(({ name, value }) => [name, value]));
  const id = meta.get('key');
  // the version is there twice: one that is only in the header is damage
  if (meta.get('format') !== numberOf(database, 'user_version') || !(id instanceof Uint8Array)) {
    throw new DatabaseDamage('it is not the database of records');
  }
  checkDatabase(database, RECORDS);
  return equalBytes(id, keyId);
}
