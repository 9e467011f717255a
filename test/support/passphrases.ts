import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PassphraseSource, passphraseFrom } from '../../node/identity/keyring/passphrase.ts';
import { type Cleanup, scratch } from './processes.ts';

export const PASSPHRASE = 'correct horse battery staple';

/** Path of a file that holds `passphrase`, mode 0600. */
export function passphraseFile(t: Cleanup, passphrase = PASSPHRASE): string {
  const path = join(scratch(t), 'passphrase');
  writeFileSync(path, `${passphrase}\n`, { mode: 0o600 });
  return path;
}

export function passphrases(t: Cleanup, passphrase = PASSPHRASE): PassphraseSource {
  return passphraseFrom({ file: passphraseFile(t, passphrase) });
}

/** As on a machine where nobody can be asked. */
export const NO_PASSPHRASE: PassphraseSource = passphraseFrom({ file: '', ask: false });
