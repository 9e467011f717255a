/** The one way to open a SQLite file of a node: known as ours, with the tables that it should have, and told apart from a damaged one. */
import { closeSync, existsSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import { syncDirectory } from './atomic-file.ts';
import { DatabaseDamage, faultOf, isBusy } from './database-faults.ts';
import { makeDirectory } from './make-directory.ts';

/** Suffixes of SQLite's companion files. */
const LOG = '-wal';
const SHARED = '-shm';
/** Where the header of a database says which version of the format writes and reads it (SQLite's file format, 1.3). */
const WRITE_VERSION_AT = 18;
const READ_VERSION_AT = 19;
/** Length of the header. */
const HEADER_BYTES = 100;

/** Only their owner reads them; SQLite gives what it keeps beside a file the mode of the file. */
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
/** How long a connection waits for another one: of this node at opening and closing, or of somebody who looks into the file by hand. */
const BUSY_TIMEOUT_MS = 5_000;

/** One of the files that a node keeps, and how it is written. */
export interface DatabaseKind {
  /** In the header of the file: it is one of ours. */
  readonly applicationId: number;
  /** Version of the tables and of what is in them. */
  readonly formatVersion: number;
  /** Its contents, and the code of the error for an unknown version. */
  readonly content: string;
  readonly versionError: 'notices_version' | 'storage_version';
  /** Pragmas that hold only for a file that is made now. */
  readonly setup: string;
  readonly tables: string;
  /** FULL: a write is on disk when its transaction has ended. */
  readonly synchronous: 'FULL' | 'NORMAL';
  /** Pages of a connection in memory. */
  readonly cacheKib: number;
  /** To which the log is cut after it was moved into the file. */
  readonly logKeptBytes: number;
}

/**
 * Opens the file at `path` for writing; makes it with its tables, and fills them with `fill`, where it is missing. Throws `DatabaseDamage`,
 * the version error of its kind, and what the disk says.
 */
export function openDatabase(
  path: string,
  kind: DatabaseKind,
  fill: (database: DatabaseSync) => void = () => undefined,
): DatabaseSync {
  makeDirectory(dirname(path), { mode: DIRECTORY_MODE });
  if (!existsSync(path)) closeSync(openSync(path, 'a', FILE_MODE));
  return opening(path, {}, (database) => {
    database.exec(`
      ${kind.setup}
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = ${kind.synchronous};
      PRAGMA journal_size_limit = ${kind.logKeptBytes};
      PRAGMA cache_size = -${kind.cacheKib};`);
    if (isEmpty(database)) createTables(database, kind, fill);
    else checkDatabase(database, kind);
  });
}

/** Opens as `openDatabase` does; moves a damaged file out of the way and makes a new one. */
export function openOrReplace(
  path: string,
  kind: DatabaseKind,
): { readonly database: DatabaseSync; readonly damage: { reason: string; aside: string } | null } {
  try {
    return { database: openDatabase(path, kind), damage: null };
  } catch (error) {
    if (!(error instanceof DatabaseDamage)) throw error;
    const aside = putDatabaseAside(path);
    return { database: openDatabase(path, kind), damage: { reason: errorMessage(error), aside } };
  }
}

export interface ReadOptions {
  /** Pages in memory; as SQLite has it unless said. */
  readonly cacheKib?: number;
  /** Nobody writes the file any more: SQLite makes no others beside it. */
  readonly isFinal?: boolean;
}

/** A connection that only reads. Throws `DatabaseDamage`, and what the disk says. */
export function openReadOnly(path: string, { cacheKib, isFinal = false }: ReadOptions = {}): DatabaseSync {
  return opening(path, { readOnly: true, isFinal }, (database) => {
    if (cacheKib !== undefined) database.exec(`PRAGMA cache_size = -${cacheKib};`);
    // SQLite reads nothing of the file before it has to
    isEmpty(database);
  });
}

function opening(
  path: string,
  { isFinal = false, ...options }: { readonly readOnly?: boolean; readonly isFinal?: boolean },
  begin: (database: DatabaseSync) => void,
): DatabaseSync {
  if (!isFileSound(path)) throw new DatabaseDamage(`the header of ${basename(path)} is not a database's`);
  const finalUrl = pathToFileURL(path);
  finalUrl.searchParams.set('immutable', '1');
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(isFinal ? finalUrl : path, { ...options, timeout: BUSY_TIMEOUT_MS });
    begin(database);
    return database;
  } catch (error) {
    closeQuietly(database);
    throw damageOf(error);
  }
}

/** An error in what is read is damage, even where SQLite calls it something else; one of the disk, or of another process, is not. */
function damageOf(error: unknown): unknown {
  const isOfSqlite = typeof (error as { errcode?: unknown }).errcode === 'number';
  if (!isOfSqlite || faultOf(error) === 'disk' || isBusy(error)) return error;
  return new DatabaseDamage(errorMessage(error), { cause: error });
}

/** SQLite takes some damaged headers for a file it may not write. A file that is shorter was being made. */
function isFileSound(path: string): boolean {
  if (!existsSync(path)) return true;
  const header = Buffer.alloc(HEADER_BYTES);
  const file = openSync(path, 'r');
  try {
    return readSync(file, header) < HEADER_BYTES || isHeaderSound(header);
  } finally {
    closeSync(file);
  }
}

function isHeaderSound(header: Uint8Array): boolean {
  return [header[WRITE_VERSION_AT], header[READ_VERSION_AT]].every(
    (version) => version === 1 || version === 2,
  );
}

export function numberOf(database: DatabaseSync, pragma: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0];
}

export function isEmpty(database: DatabaseSync): boolean {
  return database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
}

/** Makes the tables and marks the file, or neither. */
function createTables(
  database: DatabaseSync,
  { tables, applicationId, formatVersion }: DatabaseKind,
  fill: (database: DatabaseSync) => void,
): void {
  database.exec('BEGIN IMMEDIATE');
  database.exec(tables);
  fill(database);
  database.exec(`
    PRAGMA application_id = ${applicationId};
    PRAGMA user_version = ${formatVersion};
    COMMIT;`);
}

/** Checks that the file is of this kind, by reading some of each table. Throws `DatabaseDamage`, the version error of its kind. */
export function checkDatabase(database: DatabaseSync, kind: DatabaseKind): void {
  if (numberOf(database, 'application_id') !== kind.applicationId) {
    throw new DatabaseDamage(`it is not the database of ${kind.content}`);
  }
  const version = numberOf(database, 'user_version');
  if (version !== kind.formatVersion) {
    const message = `the database of ${kind.content} has format ${String(version)}, which this version of Maillon does not know`;
    throw new CodedError(kind.versionError, `${message}: use the version that wrote it, or a newer one`);
  }
  if (!hasTablesOf(database, kind)) throw new DatabaseDamage('its tables are not those that are made here');
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  for (const { name } of tables) database.prepare(`SELECT * FROM ${String(name)} LIMIT 1`).all();
}

function hasTablesOf(database: DatabaseSync, { setup, tables }: DatabaseKind): boolean {
  const fresh = new DatabaseSync(':memory:');
  try {
    fresh.exec(`${setup} ${tables}`);
    return schemaOf(database) === schemaOf(fresh);
  } finally {
    fresh.close();
  }
}

function schemaOf(database: DatabaseSync): string {
  const rows = database.prepare('SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema').all();
  return JSON.stringify(rows);
}

/** Bytes of a database and its log. */
export function sizeOf(path: string): number {
  return ['', LOG].reduce((sum, suffix) => {
    return sum + (statSync(path + suffix, { throwIfNoEntry: false })?.size ?? 0);
  }, 0);
}

export function closeQuietly(database: DatabaseSync | null): void {
  try {
    database?.close();
  } catch {
    // it is damaged or closed: there is nothing to lose any more
  }
}

/** Moves a database out of the way, instead of what was moved there before: its new path. */
export function putDatabaseAside(path: string): string {
  const aside = `${path}.damaged`;
  for (const suffix of ['', LOG]) rmSync(aside + suffix, { force: true });
  // the log last: without it the database would pass for an older state of itself
  for (const suffix of ['', LOG]) if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  rmSync(path + SHARED, { force: true });
  syncDirectory(dirname(path));
  return aside;
}
