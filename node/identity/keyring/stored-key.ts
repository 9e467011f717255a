import { KeyError, type KeyErrorCode } from './errors.ts';
import { readKeyFile } from './files.ts';
import { decodeKeyFile, type KeyFile, openSealed } from './key-file.ts';
import type { PassphraseSource } from './passphrase.ts';

/** A key as it lies on disk. */
export interface StoredKey {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly file: KeyFile;
  /** Milliseconds since the Unix epoch; when the file was written where it does not say itself. */
  readonly created: number;
}

/** A key that can be used. */
export interface OpenKey {
  readonly seed: Uint8Array;
  readonly multikey: Uint8Array;
  /** The content of the file, or what it would be unsealed. */
  readonly plain: Uint8Array;
  /** Passphrase that opened it; null when it was not sealed. */
  readonly passphrase: string | null;
}

/** The key in the file at `path`; null when the file is missing. Throws `bad_key_file`, `key_version`. */
export function readStoredKey(path: string): StoredKey | null {
  const read = readKeyFile(path);
  if (read === null) return null;
  const file = named(path, () => decodeKeyFile(read.bytes));
  return { path, bytes: read.bytes, file, created: file.created ?? read.modified };
}

/** Opens it with the passphrase that `source` has, where it is sealed. Throws `bad_passphrase`. */
export async function openStoredKey(stored: StoredKey, source: PassphraseSource): Promise<OpenKey> {
  const { path, bytes, file } = stored;
  if (!file.isSealed) return { ...file, plain: bytes, passphrase: null };
  const passphrase = await source.existing(path);
  const plain = await openSealed(file, passphrase).catch((error: unknown) => {
    throw renamed(path, error);
  });
  const opened = named(path, () => decodeKeyFile(plain));
  if (opened.isSealed) throw new KeyError('bad_key_file', `${path} is sealed twice`);
  return { ...opened, plain, passphrase };
}

function named<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw renamed(path, error);
  }
}

/** The error with the file it is about. */
function renamed(path: string, error: unknown): unknown {
  if (!(error instanceof KeyError)) return error;
  return new KeyError(error.code as KeyErrorCode, `${path}: ${error.message}`);
}
