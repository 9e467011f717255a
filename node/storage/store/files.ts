import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { CodedError, errorMessage } from '../../../protocols/common/errors.ts';
import { syncDirectory } from '../../disk/atomic-file.ts';
import { closeQuietly, putDatabaseAside } from '../../disk/database.ts';
import { faultOf, isBusy } from '../../disk/database-faults.ts';
import { createKey, readKey } from '../../disk/key-file.ts';
import type { StorageKey } from '../../disk/sealing.ts';
import { isSealedWith, openReader } from './database.ts';

const FILE = 'records.db';

/** The files of a store. */
export interface StoreFiles {
  readonly path: string;
  /** Made, and on disk, when first asked for. */
  key(): StorageKey;
  /** Why the database cannot be used; null when it can, or does not exist. */
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
    putAside: () => relative(dirname(directory), putDatabaseAside(path)),
  };
}

function damageOf(path: string, { id }: StorageKey): string | null {
  if (!existsSync(path)) return null;
  let database: DatabaseSync | null = null;
  try {
    database = openReader(path);
    if (database === null || isSealedWith(database, id)) return null;
  } catch (error) {
    if (error instanceof CodedError || faultOf(error) === 'disk' || isBusy(error)) throw error;
    return errorMessage(error);
  } finally {
    closeQuietly(database);
  }
  const message = `the records in ${path} were encrypted with another key: restore it, or move them away to begin anew`;
  throw new CodedError('bad_storage_key', message);
}
