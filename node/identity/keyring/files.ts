import {
  chmodSync,
  closeSync,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { KeyError } from './errors.ts';
import { KEY_FILE_MAX_BYTES } from './key-file.ts';

export const SECRET_MODE = 0o600;
export const DIRECTORY_MODE = 0o700;
/** Permission bits of group and others. */
const FOREIGN_BITS = 0o077;
const GROUP_READS = 0o040;
/** Windows has no such modes. */
const hasModes = process.platform !== 'win32';

export interface SecretFile {
  readonly bytes: Uint8Array;
  /** When it was last written, milliseconds since the Unix epoch. */
  readonly modified: number;
}

/** Makes `directory` for its owner alone, and so again when it is not. */
export function protectDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
  if (hasModes && (statSync(directory).mode & FOREIGN_BITS) !== 0) chmodSync(directory, DIRECTORY_MODE);
}

/** A key file, made 0600 again when it is not. Null when there is none. Throws `bad_key_file`. */
export function readKeyFile(path: string): SecretFile | null {
  const file = openIfThere(path);
  if (file === null) return null;
  try {
    const { mode, mtimeMs } = fstatSync(file);
    if (hasModes && (mode & FOREIGN_BITS) !== 0) fchmodSync(file, SECRET_MODE);
    const bytes = readAll(file, KEY_FILE_MAX_BYTES);
    if (bytes === null) throw new KeyError('bad_key_file', `${path} is too large to be a key file`);
    return { bytes, modified: Math.floor(mtimeMs) };
  } finally {
    closeSync(file);
  }
}

/**
 * A file that somebody else made and that others must not read: that is said, not mended, since they may have read it.
 * Files that systemd hands over (LoadCredential) are guarded by it, and look readable by a group. Null when it is
 * larger than `max`.
 */
export function readGuardedFile(
  path: string,
  max: number,
  credentials: string | undefined,
): Uint8Array | null {
  const file = openSync(path, 'r');
  try {
    const isCredential = credentials !== undefined && dirname(resolve(path)) === resolve(credentials);
    const foreign = isCredential ? FOREIGN_BITS & ~GROUP_READS : FOREIGN_BITS;
    if (hasModes && (fstatSync(file).mode & foreign) !== 0) {
      throw new KeyError('bad_passphrase_file', `others may read ${path}: chmod 600 ${path}`);
    }
    return readAll(file, max);
  } finally {
    closeSync(file);
  }
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** To its end: it may be a pipe. Null when there is more than `max`. */
function readAll(file: number, max: number): Uint8Array | null {
  const buffer = Buffer.alloc(max + 1);
  let length = 0;
  for (let read = -1; read !== 0 && length < buffer.byteLength; length += read) {
    read = readSync(file, buffer, length, buffer.byteLength - length, null);
  }
  return length > max ? null : new Uint8Array(buffer.subarray(0, length));
}
