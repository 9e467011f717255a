import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { decode, encode } from '@ipld/dag-cbor';
import { z } from 'zod';
import { CodedError } from '../../protocols/common/errors.ts';
import { writeFileAtomic } from './atomic-file.ts';
import { KEY_BYTES, KEY_ID_BYTES, type StorageKey } from './sealing.ts';

const FILE_VERSION = 1;
const FILE_MODE = 0o600;

const bytes = (length: number) =>
  z.instanceof(Uint8Array).refine((value) => value.byteLength === length, `must be ${length} bytes`);
const fileSchema = z.tuple([z.literal(FILE_VERSION), bytes(KEY_ID_BYTES), bytes(KEY_BYTES)]);

/** The key in the file at `path`; null when the file is missing. Throws `bad_storage_key`. */
export function readKey(path: string): StorageKey | null {
  if (!existsSync(path)) return null;
  try {
    const [, id, key] = fileSchema.parse(decode(readFileSync(path)));
    return { id, key };
  } catch (cause) {
    const message = `the storage key ${path} cannot be read: restore it, or move it and the records away to begin anew`;
    // what went wrong may quote the file
    throw new CodedError('bad_storage_key', message, undefined, cause instanceof z.ZodError ? {} : { cause });
  }
}

/** Makes a key and its file, which is on disk before anything is sealed with it. */
export function createKey(path: string): StorageKey {
  const key: StorageKey = { id: randomBytes(KEY_ID_BYTES), key: randomBytes(KEY_BYTES) };
  writeFileAtomic(path, encode([FILE_VERSION, key.id, key.key]), FILE_MODE);
  return key;
}
