import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { CodedError } from '../../protocols/common/errors.ts';

/** 32 characters of base64url hold 192 bits; shorter ones may be words. */
const LENGTH_MIN = 32;
const FILE_MAX_BYTES = 4096;
const TOKEN_BYTES = 32;
/** What a header can carry: visible ASCII. */
const TOKEN = /^[\x21-\x7e]+$/;

/** The token in `file`, which is made with a new one when it is not there. Throws `bad_token_file`. */
export function loadToken(file: string): string {
  const path = resolve(file);
  let text: string;
  try {
    text = read(path);
  } catch (error) {
    if (error instanceof CodedError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return make(path);
    throw refused(path, `it cannot be read (${code})`);
  }
  const token = text.trim();
  if (token.length < LENGTH_MIN) {
    throw refused(path, `it holds ${token.length} characters, and at least ${LENGTH_MIN} are needed`);
  }
  if (!TOKEN.test(token)) throw refused(path, 'it holds more than one word of visible ASCII');
  return token;
}

/** What tells whether an Authorization header carries `token`; how long it takes says nothing about the token. */
export function bearerCheck(token: string): (authorization: string | undefined) => boolean {
  const expected = digest(token);
  return (authorization) => {
    const [, said = ''] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
    return timingSafeEqual(digest(said), expected);
  };
}

function read(path: string): string {
  const file = openSync(path, 'r');
  try {
    const { mode } = fstatSync(file);
    // Windows has no such modes
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw refused(path, `others on this machine may use it: chmod 600 ${path}`);
    }
    const buffer = Buffer.alloc(FILE_MAX_BYTES + 1);
    const length = readSync(file, buffer, 0, buffer.byteLength, 0);
    if (length > FILE_MAX_BYTES) throw refused(path, `it is larger than ${FILE_MAX_BYTES} bytes`);
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(file);
  }
}

function make(path: string): string {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  let file: number;
  try {
    file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  } catch (error) {
    throw refused(path, `it cannot be made (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    writeSync(file, `${token}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return token;
}

function refused(path: string, why: string): CodedError {
  return new CodedError('bad_token_file', `admin.tokenFile ${path}: ${why}`);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
