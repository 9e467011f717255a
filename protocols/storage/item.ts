import { concatBytes } from '../common/bytes.ts';
import type { Crypto } from '../common/crypto.ts';
import { ITEM_ID_BYTES, ITEM_KEY_BYTES } from './constants.ts';

/**
 * Id of a record, a tombstone or a floor in a reconciliation. All versions of a key are next to each other, the same place at
 * every replica: one that replaces another during a reconciliation stays in the range that is looked at. `key`: its UTF-8.
 */
export function itemIdOf(crypto: Pick<Crypto, 'sha256'>, key: Uint8Array, digest: Uint8Array): Uint8Array {
  const place = crypto.sha256(key).subarray(0, ITEM_KEY_BYTES);
  return concatBytes(place, digest.subarray(0, ITEM_ID_BYTES - ITEM_KEY_BYTES));
}
