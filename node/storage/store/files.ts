import { closeSync, existsSync, openSync, readdirSync, readSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { CodedError, errorMessage } from '../../../protocols/common/errors.ts';
import { syncDirectory } from '../../disk/atomic-file.ts';
import { HEADER_BYTES, inspect, isHeaderSound, openReader } from './database.ts';
import { faultOf } from './faults.ts';
import { createKey, readKey } from './key-file.ts';
import type { StorageKey } from './sealing.ts';

const FILE = 'records.db';
/** What SQLite keeps beside a database. */
const LOG = '-wal';
const SHARED = '-shm';
const ASIDE = `${FILE}.damaged`;

/** The files of a store. */
export interface StoreFiles {
  readonly path: string;
  /** Made, and on disk, when first asked for. */
  key(): StorageKey;
  /** Why the database cannot be used; null when it can, or there is none. */
  damage(): string | null;
  /** A connection to read; null while there is nothing to. */
  read(): DatabaseSync | null;
  /** Moves the database out of the way, instead of what was moved there before: its new path. */
  putAside(): string;
}

/** Throws `bad_storage_key` when there are records but not their key. */
export function openFiles({ directory, keyPath }: { directory: string; keyPath: string }): StoreFiles {
  const path = join(directory, FILE);
  let key = readKey(keyPath);
  if (key === null && existsSync(path)) {
    const message = `the key ${keyPath} of the records in ${directory} is gone: restore it, or move them away to begin anew`;
    throw new CodedError('bad_storage_key', message);
  }
  return {
    path,
    key: () => {
      if (key === null) {
        // the directory of the records may be new as well
        syncDirectory(dirname(directory));
        // blobs are sealed with it, too, and may have come first
        key = readKey(keyPath) ?? createKey(keyPath);
      }
      return key;
    },
    damage: () => (key === null ? null : damageOf(path, key)),
    read: () => (existsSync(path) ? openReader(path) : null),
    putAside: () => putAside(directory),
  };
}

function damageOf(path: string, { id }: StorageKey): string | null {
  if (!existsSync(path)) return null;
  let database: DatabaseSync | null = null;
  try {
    const header = headerOf(path);
    if (header !== null && !isHeaderSound(header)) return 'its header is not what is written here';
    database = openReader(path);
    const found = database === null ? 'ours' : inspect(database, id);
    if (found === 'foreign_key') {
      const message = `the records in ${path} were encrypted with another key: restore it, or move them away to begin anew`;
      throw new CodedError('bad_storage_key', message);
    }
    return found === 'ours' ? null : 'it is not what is written here';
  } catch (error) {
    if (error instanceof CodedError || faultOf(error) === 'disk') throw error;
    return errorMessage(error);
  } finally {
    database?.close();
  }
}

/** Null of a file that is shorter: it was being made. */
function headerOf(path: string): Uint8Array | null {
  const header = Buffer.alloc(HEADER_BYTES);
  const file = openSync(path, 'r');
  try {
    return readSync(file, header) === HEADER_BYTES ? header : null;
  } finally {
    closeSync(file);
  }
}

function putAside(directory: string): string {
  const path = join(directory, FILE);
  for (const name of readdirSync(directory)) {
    if (name.startsWith(ASIDE)) rmSync(join(directory, name), { force: true });
  }
  const aside = join(directory, ASIDE);
  // the log last: without it the database would pass for an older state of itself
  for (const suffix of ['', LOG]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  rmSync(path + SHARED, { force: true });
  syncDirectory(directory);
  return join(basename(directory), ASIDE);
}
