import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import {
  closeQuietly,
  createTables,
  hasTablesOf,
  isEmpty,
  isFileSound,
  numberOf,
  putDatabaseAside,
} from '../disk/database.ts';
import { faultOf } from '../disk/database-faults.ts';
import { makeDirectory } from '../disk/make-directory.ts';

/** Version of the table and of what is in it. */
const FORMAT_VERSION = 1;
/** In the header of the file: it is one of ours. "MaiN". */
const APPLICATION_ID = 0x4d61694e;
const MARK = { applicationId: APPLICATION_ID, formatVersion: FORMAT_VERSION };
/** Nobody else has the data directory; whoever looks into the file by hand is quick. */
const BUSY_TIMEOUT_MS = 1_000;
const CACHE_KIB = 2048;
/** To which the log is cut after it was moved into the file. */
const LOG_KEPT_BYTES = 4 * 2 ** 20;
const DIRECTORY_MODE = 0o700;

const FILE = 'notices.db';

/**
 * `scope` and `name` are a policy's owner and namespace, a revocation's `as` and nothing, or a sponsorship's `as` and namespace; `subject` is a
 * policy's holder, what a revocation is about, or a sponsorship's holder and owner. `sequence` counts a sponsorship's links of naming. `mark` is a checksum of all of it. A position is never given twice.
 */
const TABLE = `
CREATE TABLE notices (
  position INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL, scope TEXT NOT NULL,
  name TEXT NOT NULL, sequence INTEGER NOT NULL, time INTEGER NOT NULL, subject TEXT NOT NULL, digest BLOB NOT NULL,
  previous BLOB, bytes BLOB NOT NULL, mark INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX notices_policies ON notices (scope, name, sequence) WHERE kind = 0;
`;

/** Opens `directory`'s database, made where there is none. Damaged: why. Throws `notices_version`, and what the disk says. */
export function openDatabase(directory: string): { database: DatabaseSync } | { damage: string } {
  makeDirectory(directory, { mode: DIRECTORY_MODE });
  const path = join(directory, FILE);
  let database: DatabaseSync | null = null;
  try {
    if (!isFileSound(path)) return { damage: 'its header is not what is written here' };
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    // a write is on disk when its transaction has ended
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA journal_size_limit = ${LOG_KEPT_BYTES};
      PRAGMA cache_size = -${CACHE_KIB};`);
    if (isEmpty(database)) createTables(database, TABLE, MARK);
    else if (!isOurs(database)) {
      database.close();
      return { damage: 'it is not what is written here' };
    }
    return { database };
  } catch (error) {
    closeQuietly(database);
    if (error instanceof CodedError || faultOf(error) === 'disk') throw error;
    return { damage: errorMessage(error) };
  }
}

/** Moves the database out of the way: its new path. */
export function putAside(directory: string): string {
  return putDatabaseAside(join(directory, FILE));
}

function isOurs(database: DatabaseSync): boolean {
  if (numberOf(database, 'application_id') !== APPLICATION_ID) return false;
  const version = numberOf(database, 'user_version');
  if (version !== FORMAT_VERSION) {
    const message = `the policies and revocations on disk have format ${String(version)}, which this version of Maillon does not know`;
    throw new CodedError('notices_version', `${message}: use the version that wrote them, or a newer one`);
  }
  return hasTablesOf(database, TABLE);
}
