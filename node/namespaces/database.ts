import { join } from 'node:path';
import type { DatabaseKind } from '../disk/database.ts';

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

/** "MaiN" marks the file. */
export const NOTICES: DatabaseKind = {
  applicationId: 0x4d61694e,
  formatVersion: 1,
  content: 'policies and revocations',
  versionError: 'notices_version',
  setup: '',
  tables: TABLE,
  synchronous: 'FULL',
  cacheKib: 2048,
  logKeptBytes: 4 * 2 ** 20,
};

export function noticesPath(directory: string): string {
  return join(directory, 'notices.db');
}
