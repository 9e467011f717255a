import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { systemClock } from '../../../protocols/common/clock.ts';
import { createFileExclusive } from '../../disk/exclusive-file.ts';
import { makeDirectory } from '../../disk/make-directory.ts';
import { DIRECTORY_MODE, SECRET_MODE } from '../../disk/private-file.ts';
import { KeyError } from './errors.ts';
import { encodeKey, SEED_BYTES } from './key-file.ts';
import { type NamedKey, namedKey } from './keyring.ts';
import { DEVELOPMENT_NAME, keyPath } from './names.ts';
import { type PassphraseSource, passphraseFrom } from './passphrase.ts';
import { type OpenKey, openStoredKey, readStoredKey } from './stored-key.ts';

/** Where the development key is unless `identity.ownerKey` names another place. */
export function developmentKeyPath(data: string): string {
  return keyPath(data, DEVELOPMENT_NAME);
}

/** The key at `path` that owns what is made on this machine, as `openDevelopmentKey` gives it. */
export async function developmentKey(path: string, passphrases?: PassphraseSource): Promise<NamedKey> {
  return namedKey(DEVELOPMENT_NAME, await openDevelopmentKey(path, passphrases));
}

/**
 * The key at `path`, made there, in the clear, when it is not: of processes that start together one makes it, and all have the same.
 */
export async function openDevelopmentKey(
  path: string,
  passphrases: PassphraseSource = passphraseFrom({ file: '' }),
): Promise<OpenKey> {
  let stored = readStoredKey(path);
  if (stored === null) {
    // one that is there already may hold anything, and stays as it is
    makeDirectory(dirname(path), { mode: DIRECTORY_MODE });
    createFileExclusive(path, encodeKey(randomBytes(SEED_BYTES), systemClock.now()), SECRET_MODE);
    stored = readStoredKey(path);
  }
  if (stored === null) throw new KeyError('no_such_key', `${path} was made and is gone again`);
  return openStoredKey(stored, passphrases);
}
