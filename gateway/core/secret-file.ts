/** Files that hold a secret, for their owner alone. */
import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, linkSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { CodedError } from '../../protocols/common/errors.ts';

const FILE_MAX_BYTES = 4096;
const SECRET_BYTES = 32;
const TEMPORARY_BYTES = 8;
/** 32 characters of base64url hold 192 bits; shorter ones may be words. */
const LENGTH_MIN = 32;
/** Also what a header can carry: visible ASCII. */
const WORD = /^[\x21-\x7e]+$/;

/** Errors of file systems without hard links. */
const NO_LINKS: ReadonlySet<unknown> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Names for a refusal. */
export interface SecretFileInit {
  readonly setting: string;
  readonly code: string;
}

/** The text in `file`, without white space around it; null where there is no such file. Throws `init.code`. */
export function readSecretFile(file: string, init: SecretFileInit): string | null {
  const path = resolve(file);
  try {
    return read(path, init).trim();
  } catch (error) {
    if (error instanceof CodedError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw refused(path, init, `it cannot be read (${code})`);
  }
}

/** The secret in `file`, which is made with a new one when it is not there. Throws `init.code`. */
export function loadSecret(file: string, init: SecretFileInit): string {
  const path = resolve(file);
  const secret = readSecretFile(file, init) ?? make(path, init);
  if (secret.length < LENGTH_MIN) {
    throw refused(path, init, `it holds ${secret.length} characters, and at least ${LENGTH_MIN} are needed`);
  }
  if (!WORD.test(secret)) throw refused(path, init, 'it holds more than one word of visible ASCII');
  return secret;
}

function read(path: string, init: SecretFileInit): string {
  const file = openSync(path, 'r');
  try {
    const { mode } = fstatSync(file);
    // Windows has no such modes
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw refused(path, init, `others on this machine may use it: chmod 600 ${path}`);
    }
    const buffer = Buffer.alloc(FILE_MAX_BYTES + 1);
    const length = readSync(file, buffer, 0, buffer.byteLength, 0);
    if (length > FILE_MAX_BYTES) throw refused(path, init, `it is larger than ${FILE_MAX_BYTES} bytes`);
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(file);
  }
}

/** All of it or nothing: a reader never finds a part. If several processes make it together, one wins, and all use its secret. */
function make(path: string, init: SecretFileInit): string {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const temporary = `${path}.${randomBytes(TEMPORARY_BYTES).toString('hex')}.new`;
  try {
    writeNew(temporary, secret);
    publish(temporary, path, secret);
    return secret;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw refused(path, init, `it cannot be made (${code})`);
    return readSecretFile(path, init) ?? '';
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** A link fails where the name is taken; a rename would replace what another process made. */
function publish(temporary: string, path: string, secret: string): void {
  try {
    linkSync(temporary, path);
  } catch (error) {
    if (!NO_LINKS.has((error as NodeJS.ErrnoException).code)) throw error;
    writeNew(path, secret);
  }
}

function writeNew(path: string, secret: string): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, `${secret}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function refused(path: string, { setting, code }: SecretFileInit, why: string): CodedError {
  return new CodedError(code, `${setting} ${path}: ${why}`);
}
