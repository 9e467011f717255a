import { join } from 'node:path';
import { KeyError } from './errors.ts';

/** Valid names of a key. */
export const KEY_NAME = /^[a-z0-9-]{1,64}$/;
/** A key that was replaced has the end of its DID in its name. */
const RETIRED_SUFFIX_LENGTH = 8;
const STORED_NAME = /^[a-z0-9-]{1,64}(\.[1-9A-HJ-NP-Za-km-z]{8})?$/;
const QUOTED_MAX = 80;
const EXTENSION = '.key';

/** The node's own key, which is not in the folder of the others. */
export const IDENTITY_NAME = 'identity';
/** The key that owns what is made on this machine without any ceremony. */
export const DEVELOPMENT_NAME = 'development';

export function keysDirectory(data: string): string {
  return join(data, 'keys');
}

/** Throws `bad_key_name`. */
export function checkKeyName(name: string): void {
  if (!KEY_NAME.test(name)) throw badName(name);
}

/** Where the key `name` is kept. Throws `bad_key_name`. */
export function keyPath(data: string, name: string): string {
  if (!STORED_NAME.test(name)) throw badName(name);
  return join(name === IDENTITY_NAME ? data : keysDirectory(data), `${name}${EXTENSION}`);
}

/** Name of the key in a file of the folder; null when it is another file. */
export function nameOfFile(file: string): string | null {
  const name = file.endsWith(EXTENSION) ? file.slice(0, -EXTENSION.length) : '';
  return STORED_NAME.test(name) && name !== IDENTITY_NAME ? name : null;
}

export function retiredName(name: string, did: string): string {
  return `${name}.${did.slice(-RETIRED_SUFFIX_LENGTH)}`;
}

export function isRetired(name: string): boolean {
  return name.includes('.');
}

function badName(name: string): KeyError {
  const quoted = JSON.stringify(name.slice(0, QUOTED_MAX));
  return new KeyError('bad_key_name', `${quoted} cannot be a key's name: it must match [a-z0-9-]{1,64}`);
}
