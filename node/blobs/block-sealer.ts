import { CodedError } from '../../protocols/common/errors.ts';
import { createKey, readKey } from '../disk/key-file.ts';
import { Sealer } from '../disk/sealing.ts';
import type { Catalogue } from './catalogue.ts';

/** The sealer of blocks; the key is made with the first of them. Throws `bad_storage_key` where there are blocks, but no key. */
export function sealerOf(keyPath: string, catalogue: Catalogue): () => Sealer {
  const key = readKey(keyPath);
  if (key === null && catalogue.totals().blocks > 0) {
    const message = `the key ${keyPath} of the blobs is gone: restore it, or move them away to begin anew`;
    throw new CodedError('bad_storage_key', message);
  }
  let sealer = key === null ? null : new Sealer(key);
  return () => {
    // records are sealed with it, too, and may have come first
    sealer ??= new Sealer(readKey(keyPath) ?? createKey(keyPath));
    return sealer;
  };
}
