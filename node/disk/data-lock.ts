import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import { isBusy } from './database-faults.ts';
import { makeDirectory } from './make-directory.ts';
import { type RunInfo, readRunFile } from './run-file.ts';

/** A data directory that is held by this process alone. */
export interface DataLock {
  release(): void;
}

/** Makes `directory` for its owner alone (0700), unless it is there. Throws `bad_data_directory`. */
export function makeDataDirectory(directory: string): void {
  try {
    makeDirectory(directory, { mode: 0o700 });
  } catch (error) {
    throw refusal(directory, error);
  }
}

/**
 * Makes `directory` (0700) and holds it until released. The lock is an exclusive transaction on an empty SQLite
 * database: the system drops it with the process, however that ends, and of several that start together one
 * gets it. Throws `data_in_use` or `bad_data_directory`.
 */
export function lockDataDirectory(directory: string): DataLock {
  makeDataDirectory(directory);
  try {
    const lock = new DatabaseSync(join(directory, 'lock'));
    lock.exec('BEGIN EXCLUSIVE');
    return { release: () => lock.close() };
  } catch (error) {
    throw refusal(directory, error);
  }
}

/** The lock of a data directory; null while a node runs on it. */
export function lockUnlessRunning(data: string): DataLock | null {
  try {
    return lockDataDirectory(data);
  } catch (error) {
    if (error instanceof CodedError && error.code === 'data_in_use') return null;
    throw error;
  }
}

function refusal(directory: string, cause: unknown): CodedError {
  if (isBusy(cause)) {
    // one that is still starting has not written the file yet
    const holder = readRunFile(directory);
    const who = holder === null ? 'another node' : `process ${holder.pid}${gatewayOf(holder)}`;
    const advice = 'stop it, or set MAILLON_DATA to another directory';
    return new CodedError('data_in_use', `${who} runs on the data directory ${directory}: ${advice}`);
  }
  const message = `${directory} cannot be written (${errorMessage(cause)}): name another data directory, or let this user write it`;
  return new CodedError('bad_data_directory', message, undefined, { cause });
}

function gatewayOf({ gateway }: RunInfo): string {
  return gateway === null ? '' : ` with the gateway ${gateway}`;
}
