import { base58btc } from 'multiformats/bases/base58';
import { concatBytes } from './bytes.ts';
import { CodedError } from './errors.ts';

/** Multicodec `ed25519-pub` (0xed) as a varint. */
const ED25519_PREFIX = Uint8Array.of(0xed, 0x01);
const ED25519_KEY_BYTES = 32;

/** A multikey is a multicodec varint and the key: 34 bytes for Ed25519. */
export const ED25519_MULTIKEY_BYTES = ED25519_PREFIX.byteLength + ED25519_KEY_BYTES;

/** The 34-byte multikey of a 32-byte Ed25519 public key. */
export function encodeMultikey(publicKey: Uint8Array): Uint8Array {
  return concatBytes(ED25519_PREFIX, publicKey);
}

/** The 32-byte Ed25519 public key in `multikey`, a view of it. Throws `bad_author` for anything else. */
export function decodeMultikey(multikey: Uint8Array): Uint8Array {
  const isEd25519 = multikey[0] === ED25519_PREFIX[0] && multikey[1] === ED25519_PREFIX[1];
  if (!isEd25519 || multikey.byteLength !== ED25519_MULTIKEY_BYTES) {
    throw new CodedError('bad_author', 'author must be an Ed25519 multikey of 34 bytes');
  }
  return multikey.subarray(ED25519_PREFIX.byteLength);
}

/** `did:key:z…` of a multikey (W3C did:key). */
export function didKey(multikey: Uint8Array): string {
  return `did:key:${base58btc.encode(multikey)}`;
}
