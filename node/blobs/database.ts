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
import { CACHE_KIB, LOG_KEPT_BYTES } from './limits.ts';

/** Version of the tables and of what is in them. */
const FORMAT_VERSION = 1;
/** In the header of the file: it is one of ours. "MaiB". */
const APPLICATION_ID = 0x4d616942;
const MARK = { applicationId: APPLICATION_ID, formatVersion: FORMAT_VERSION };
/** Nobody else has the data directory; whoever looks into the file by hand is quick. */
const BUSY_TIMEOUT_MS = 1_000;
const DIRECTORY_MODE = 0o700;
const FILE = 'catalogue.db';

/** Free pages are given back some at a time. */
const SETUP = 'PRAGMA auto_vacuum = INCREMENTAL;';

/**
 * `blobs.cid` is null while it is uploaded; `claim` is the namespace that it came for: it counts there while nothing refers to it. `uses` and `totals` are counted by the triggers, so that what is not used is
 * found without looking at what is, and is never wrong.
 */
const TABLES = `
CREATE TABLE totals (id INTEGER PRIMARY KEY, blocks INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
INSERT INTO totals VALUES (1, 0, 0);
CREATE TABLE blobs (
  id INTEGER PRIMARY KEY, cid BLOB UNIQUE, size INTEGER NOT NULL, complete INTEGER NOT NULL, touched INTEGER NOT NULL,
  blocks INTEGER NOT NULL DEFAULT 0, uses INTEGER NOT NULL DEFAULT 0, claim INTEGER NOT NULL) STRICT;
CREATE INDEX blobs_unused ON blobs (touched) WHERE uses = 0;
CREATE INDEX blobs_claimed ON blobs (claim) WHERE uses = 0;
CREATE INDEX blobs_wanted ON blobs (touched) WHERE complete = 0 AND uses > 0;
CREATE TABLE blocks (
  id INTEGER PRIMARY KEY, cid BLOB NOT NULL UNIQUE, bytes INTEGER NOT NULL, written INTEGER NOT NULL,
  broken INTEGER NOT NULL DEFAULT 0, uses INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX blocks_unused ON blocks (written) WHERE uses = 0;
CREATE INDEX blocks_broken ON blocks (id) WHERE broken = 1;
CREATE TABLE blob_blocks (blob INTEGER NOT NULL, block INTEGER NOT NULL, PRIMARY KEY (blob, block)) STRICT, WITHOUT ROWID;
CREATE INDEX blob_blocks_block ON blob_blocks (block);
CREATE TABLE namespaces (
  id INTEGER PRIMARY KEY, namespace_id BLOB NOT NULL UNIQUE, bytes INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE refs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, namespace INTEGER NOT NULL, key TEXT NOT NULL, stamp BLOB NOT NULL,
  blob INTEGER NOT NULL, since INTEGER NOT NULL, UNIQUE (namespace, key, stamp)) STRICT;
CREATE INDEX refs_shares ON refs (namespace, blob);
CREATE INDEX refs_blob ON refs (blob, namespace);
CREATE TABLE uploads (
  id TEXT PRIMARY KEY, blob INTEGER NOT NULL, namespace INTEGER NOT NULL, state BLOB NOT NULL, size INTEGER NOT NULL,
  touched INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX uploads_namespace ON uploads (namespace);
CREATE INDEX uploads_touched ON uploads (touched);
CREATE TRIGGER blocks_in AFTER INSERT ON blocks BEGIN
  UPDATE totals SET blocks = blocks + 1, bytes = bytes + NEW.bytes; END;
CREATE TRIGGER blocks_out AFTER DELETE ON blocks BEGIN
  UPDATE totals SET blocks = blocks - 1, bytes = bytes - OLD.bytes; END;
CREATE TRIGGER blob_blocks_in AFTER INSERT ON blob_blocks BEGIN
  UPDATE blocks SET uses = uses + 1 WHERE id = NEW.block;
  UPDATE blobs SET blocks = blocks + 1 WHERE id = NEW.blob; END;
CREATE TRIGGER blob_blocks_out AFTER DELETE ON blob_blocks BEGIN
  UPDATE blocks SET uses = uses - 1 WHERE id = OLD.block;
  UPDATE blobs SET blocks = blocks - 1 WHERE id = OLD.blob; END;
CREATE TRIGGER refs_in AFTER INSERT ON refs BEGIN UPDATE blobs SET uses = uses + 1 WHERE id = NEW.blob; END;
CREATE TRIGGER refs_out AFTER DELETE ON refs BEGIN UPDATE blobs SET uses = uses - 1 WHERE id = OLD.blob; END;
CREATE TRIGGER uploads_in AFTER INSERT ON uploads BEGIN UPDATE blobs SET uses = uses + 1 WHERE id = NEW.blob; END;
CREATE TRIGGER uploads_out AFTER DELETE ON uploads BEGIN UPDATE blobs SET uses = uses - 1 WHERE id = OLD.blob; END;
`;

export function cataloguePath(directory: string): string {
  return join(directory, FILE);
}

/** Opens `directory`'s catalogue, made where there is none. A damaged one is put aside: `damage` says why. Throws `storage_version`. */
export function openCatalogue(directory: string): { database: DatabaseSync; damage: string | null } {
  makeDirectory(directory, { mode: DIRECTORY_MODE });
  const path = cataloguePath(directory);
  try {
    return { database: openSound(path), damage: null };
  } catch (error) {
    if (error instanceof CodedError || faultOf(error) === 'disk') throw error;
    putDatabaseAside(path);
    return { database: openSound(path), damage: errorMessage(error) };
  }
}

function openSound(path: string): DatabaseSync {
  if (!isFileSound(path)) throw new Error('its header is not what is written here');
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    // what must be on disk says so itself; the rest follows with it
    database.exec(`
      ${SETUP}
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA journal_size_limit = ${LOG_KEPT_BYTES};
      PRAGMA cache_size = -${CACHE_KIB};`);
    if (isEmpty(database)) createTables(database, TABLES, MARK);
    check(database);
    return database;
  } catch (error) {
    closeQuietly(database);
    throw error;
  }
}

function check(database: DatabaseSync): void {
  if (numberOf(database, 'application_id') !== APPLICATION_ID)
    throw new Error('it is not what is written here');
  const version = numberOf(database, 'user_version');
  if (version !== FORMAT_VERSION) {
    const message = `the catalogue of blobs has format ${String(version)}, which this version of Maillon does not know`;
    throw new CodedError('storage_version', `${message}: use the version that wrote it, or a newer one`);
  }
  if (!hasTablesOf(database, `${SETUP} ${TABLES}`))
    throw new Error('its tables are not those that are made here');
  for (const table of ['totals', 'blobs', 'blocks', 'blob_blocks', 'namespaces', 'refs', 'uploads']) {
    database.prepare(`SELECT * FROM ${table} LIMIT 1`).all();
  }
}
