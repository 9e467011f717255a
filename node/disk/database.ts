/** What every SQLite file of this program needs: to be known as ours, and to be moved out of the way where it is damaged. */
import { closeSync, existsSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { syncDirectory } from './atomic-file.ts';

/** What SQLite keeps beside a database. */
const LOG = '-wal';
const SHARED = '-shm';
/** Where the header of a database says which version of the format writes and reads it (SQLite's file format, 1.3). */
const WRITE_VERSION_AT = 18;
const READ_VERSION_AT = 19;
/** Length of the header. */
const HEADER_BYTES = 100;

/** What is in the header of a file: whose it is, and the version of its tables and of what is in them. */
export interface FileMark {
  readonly applicationId: number;
  readonly formatVersion: number;
}

/** SQLite takes some damaged headers for a file it may not write. A file that is shorter was being made. */
export function isFileSound(path: string): boolean {
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

/** Makes the tables and marks the file, or neither. `fill` puts in what is there from the beginning. */
export function createTables(
  database: DatabaseSync,
  tables: string,
  { applicationId, formatVersion }: FileMark,
  fill: () => void = () => undefined,
): void {
  database.exec('BEGIN IMMEDIATE');
  database.exec(tables);
  fill();
  database.exec(`
    PRAGMA application_id = ${applicationId};
    PRAGMA user_version = ${formatVersion};
    COMMIT;`);
}

/** Whether its tables are those that `setup` makes, where it makes them. */
export function hasTablesOf(database: DatabaseSync, setup: string): boolean {
  const fresh = new DatabaseSync(':memory:');
  try {
    fresh.exec(setup);
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
