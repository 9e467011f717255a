/** Files that only their owner may read. */
import { chmodSync, closeSync, fchmodSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { makeDirectory } from './make-directory.ts';

export const SECRET_MODE = 0o600;
export const DIRECTORY_MODE = 0o700;
/** Permission bits of group and others. */
export const FOREIGN_BITS = 0o077;
/** Windows has no such modes. */
export const hasModes = process.platform !== 'win32';

export interface PrivateFile {
  readonly bytes: Uint8Array;
  /** When it was last written, milliseconds since the Unix epoch. */
  readonly modified: number;
}

/** Makes `directory` for its owner alone, and so again when it is not. */
export function protectDirectory(directory: string): void {
  makeDirectory(directory, { mode: DIRECTORY_MODE });
  if (hasModes && (statSync(directory).mode & FOREIGN_BITS) !== 0) chmodSync(directory, DIRECTORY_MODE);
}

/** Reads a private file and resets its mode to 0600. Null when it is missing. */
export function readPrivateFile(path: string, max: number): PrivateFile | 'too_large' | null {
  const file = openIfThere(path);
  if (file === null) return null;
  try {
    const { mode, mtimeMs } = fstatSync(file);
    if (hasModes && (mode & FOREIGN_BITS) !== 0) fchmodSync(file, SECRET_MODE);
    const bytes = readBounded(file, max);
    return bytes === null ? 'too_large' : { bytes, modified: Math.floor(mtimeMs) };
  } finally {
    closeSync(file);
  }
}

/** To its end: it may be a pipe. Null when there is more than `max`. */
export function readBounded(file: number, max: number): Uint8Array | null {
  const buffer = Buffer.alloc(max + 1);
  let length = 0;
  for (let read = -1; read !== 0 && length < buffer.byteLength; length += read) {
    read = readSync(file, buffer, length, buffer.byteLength - length, null);
  }
  return length > max ? null : new Uint8Array(buffer.subarray(0, length));
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
