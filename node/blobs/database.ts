import { join } from 'node:path';
import type { DatabaseKind } from '../disk/database.ts';
import { CACHE_KIB, LOG_KEPT_BYTES } from './limits.ts';

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

/** "MaiB" marks the file. */
export const CATALOGUE: DatabaseKind = {
  applicationId: 0x4d616942,
  formatVersion: 1,
  content: 'blobs',
  versionError: 'storage_version',
  // free pages are given back some at a time
  setup: 'PRAGMA auto_vacuum = INCREMENTAL;',
  tables: TABLES,
  // what must be on disk says so itself; the rest follows with it
  synchronous: 'NORMAL',
  cacheKib: CACHE_KIB,
  logKeptBytes: LOG_KEPT_BYTES,
};

export function cataloguePath(directory: string): string {
  return join(directory, 'catalogue.db');
}
