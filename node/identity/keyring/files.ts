import { closeSync, fstatSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  FOREIGN_BITS,
  hasModes,
  type PrivateFile,
  readBounded,
  readPrivateFile,
} from '../../disk/private-file.ts';
import { KeyError } from './errors.ts';
import { KEY_FILE_MAX_BYTES } from './key-file.ts';

const GROUP_READS = 0o040;

/** Reads a key file and resets its mode to 0600. Null when it is missing. Throws `bad_key_file`. */
export function readKeyFile(path: string): PrivateFile | null {
  const file = readPrivateFile(path, KEY_FILE_MAX_BYTES);
  if (file === 'too_large') throw new KeyError('bad_key_file', `${path} is too large to be a key file`);
  return file;
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
    return readBounded(file, max);
  } finally {
    closeSync(file);
  }
}
