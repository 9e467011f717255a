import { keccak_256 } from '@noble/hashes/sha3.js';
import { concatBytes, equalBytes } from '../../../protocols/common/bytes.ts';
import type { Curve } from './curve.ts';
import { ADDRESS_BYTES, COMPACT_BYTES, eip191Parity } from './form.ts';

const encoder = new TextEncoder();

/** Whether `signature` over the personal `message` is by the key whose hash `address` ends with. */
export function verifyEip191(
  curve: Curve,
  address: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const parity = eip191Parity(address, signature);
  if (parity === null) return false;
  // 0x19 is the first byte of no transaction; the length is in decimal digits
  const prefix = encoder.encode(`\x19Ethereum Signed Message:\n${message.byteLength}`);
  const digest = keccak_256(concatBytes(prefix, message));
  const publicKey = curve.recover(signature.subarray(0, COMPACT_BYTES), parity, digest);
  if (publicKey === null) return false;
  // without the first byte, which says that it is not compressed
  return equalBytes(keccak_256(publicKey.subarray(1)).subarray(-ADDRESS_BYTES), address);
}
