/** Files that an option or an argument names: what the system refuses is said with that name, the path and the reason. */

import type { ReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { fileReason } from '../../../node/files.ts';
import { CodedError } from '../../../protocols/common/errors.ts';

export interface NamedFile {
  readonly stream: ReadStream;
  /** Bytes; null where nobody knows, as of a named pipe. */
  readonly size: number | null;
}

/** Opens a file to read; `name` is like `--file`. The stream closes it. Throws `bad_file`. */
export async function openNamed(name: string, path: string): Promise<NamedFile> {
  let file: FileHandle | null = null;
  try {
    file = await open(path);
    const found = await file.stat();
    if (found.isDirectory()) throw badFile(name, path, 'it is a directory: name a file');
    const size = found.isFile() && found.size > 0 ? found.size : null;
    return { stream: file.createReadStream(), size };
  } catch (error) {
    await file?.close();
    throw refusedRead(name, path, error);
  }
}

/**
 * Returns the result of `make`, which makes the file at `path`. Throws `bad_file` for what the system refuses, and what `make`
 * throws.
 */
export async function makeNamed<T>(name: string, path: string, make: () => T | Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const isMissing = error.code === 'ENOENT';
    throw badFile(
      name,
      path,
      isMissing ? 'its directory is not there: make it first' : fileReason(error),
      error,
    );
  }
}

function refusedRead(name: string, path: string, error: unknown): unknown {
  return isSystemError(error) ? badFile(name, path, fileReason(error), error) : error;
}

function badFile(name: string, path: string, why: string, cause?: unknown): CodedError {
  return new CodedError('bad_file', `${name} ${path}: ${why}`, undefined, { cause });
}

/** Whether an error is the file system's. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
