import { hash } from 'node:crypto';
import { ripemd160 } from '@noble/hashes/legacy.js';
import { concatBytes } from '../../../protocols/common/bytes.ts';

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return hash('sha256', concatBytes(...parts), 'buffer');
}

/** Bitcoin's hash256. */
export function doubleSha256(...parts: readonly Uint8Array[]): Uint8Array {
  return sha256(sha256(...parts));
}

/** The hash of a key in a witness program of version 0. RIPEMD-160 is not in every build of OpenSSL. */
export function hash160(bytes: Uint8Array): Uint8Array {
  return ripemd160(sha256(bytes));
}

/** BIP-340's tagged hash. The tags are few and constant, so their hashes are kept. */
export function taggedHash(tag: Tag, ...parts: readonly Uint8Array[]): Uint8Array {
  const prefix = (prefixes[tag] ??= prefixOf(tag));
  return sha256(prefix, ...parts);
}

export type Tag = 'BIP0322-signed-message' | 'TapSighash';

const prefixes: Partial<Record<Tag, Uint8Array>> = {};

function prefixOf(tag: Tag): Uint8Array {
  const digest = sha256(new TextEncoder().encode(tag));
  return concatBytes(digest, digest);
}
