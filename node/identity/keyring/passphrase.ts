import { fileReason } from '../../disk/file-reason.ts';
import { KeyError } from './errors.ts';
import { readGuardedFile } from './files.ts';
import { PASSPHRASE_MAX_LENGTH, promptSecret } from './prompt.ts';

/** Shorter ones are guessed in spite of scrypt. */
export const PASSPHRASE_MIN_LENGTH = 8;
const FILE_MAX_BYTES = 4 * PASSPHRASE_MAX_LENGTH;

/** Where passphrases come from. `what` names the key to whoever is asked. */
export interface PassphraseSource {
  /** The one that opens a sealed key. */
  existing(what: string): Promise<string>;
  /** One to seal a key with: on a terminal it is typed twice. Throws `weak_passphrase`. */
  fresh(what: string): Promise<string>;
}

export interface PassphraseInit {
  /** File that holds it, mode 0600; empty for no file. */
  readonly file: string;
  /** Whether it may be asked for on the terminal; not when standard input holds something else. */
  readonly ask?: boolean;
}

/** A source: the file where one is named, otherwise a terminal where there is one. Never argv, never a variable. */
export function passphraseFrom({ file, ask = true }: PassphraseInit): PassphraseSource {
  const one = async (question: string, what: string): Promise<string> => {
    if (file !== '') return readPassphraseFile(file);
    if (!ask || !process.stdin.isTTY) throw needed(what);
    return promptSecret(question);
  };
  return {
    existing: async (what) => one(`Passphrase of ${what}: `, what),
    fresh: async (what) => {
      const passphrase = await one(`New passphrase for ${what}: `, what);
      checkStrength(passphrase);
      if (file === '' && (await promptSecret('Once more: ')) !== passphrase) {
        throw new KeyError('bad_passphrase', 'the two passphrases differ');
      }
      return passphrase;
    },
  };
}

/** The content of the file but the end of its line. Throws `bad_passphrase_file`, which holds nothing of it. */
export function readPassphraseFile(path: string): string {
  let bytes: Uint8Array | null;
  try {
    bytes = readGuardedFile(path, FILE_MAX_BYTES, process.env['CREDENTIALS_DIRECTORY']);
  } catch (error) {
    if (error instanceof KeyError) throw error;
    throw bad(path, fileReason(error), error);
  }
  if (bytes === null) throw bad(path, `it is larger than ${FILE_MAX_BYTES} bytes`);
  const passphrase = decodeText(bytes)?.replace(/\r?\n$/, '');
  if (passphrase === undefined || /[\r\n]/.test(passphrase)) throw bad(path, 'it must be one line of UTF-8');
  if (passphrase === '') throw bad(path, 'it is empty');
  return passphrase;
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function checkStrength(passphrase: string): void {
  const { length } = Array.from(passphrase);
  if (length >= PASSPHRASE_MIN_LENGTH && length <= PASSPHRASE_MAX_LENGTH) return;
  throw new KeyError(
    'weak_passphrase',
    `a passphrase must have ${PASSPHRASE_MIN_LENGTH} to ${PASSPHRASE_MAX_LENGTH} characters; four random words are a good one`,
  );
}

function needed(what: string): KeyError {
  const advice =
    'put it into a file of mode 0600 and name that by identity.passphraseFile (MAILLON_IDENTITY_PASSPHRASE_FILE), or run this on a terminal';
  return new KeyError('passphrase_needed', `${what} needs a passphrase: ${advice}`);
}

function bad(path: string, why: string, cause?: unknown): KeyError {
  return new KeyError('bad_passphrase_file', `passphrase file ${path}: ${why}`, { cause });
}
