import { keccak_256 } from '@noble/hashes/sha3.js';
import { CHECKSUMS_MAX } from './constants.ts';

const encoder = new TextEncoder();
const LETTER_A = 0x61;
/** Distance from a capital letter to its lowercase form in ASCII. */
const TO_CAPITAL = 0x20;

/** Addresses with their capitals: a wallet signs in again and again, and the hash is a quarter of reading its link. */
const known = new Map<string, string>();

/** An EVM address, `0x` and 40 hex digits in lower case, with the capitals that EIP-55 makes a checksum of. */
export function checksumAddress(address: string): string {
  const before = known.get(address);
  if (before !== undefined) return before;
  const text = withCapitals(address);
  if (known.size >= CHECKSUMS_MAX) known.clear();
  known.set(address, text);
  return text;
}

function withCapitals(address: string): string {
  const digits = encoder.encode(address.slice(2));
  const digest = keccak_256(digits);
  for (let i = 0; i < digits.byteLength; i++) {
    const nibble = ((digest[i >> 1] ?? 0) >> (i % 2 === 0 ? 4 : 0)) & 0xf;
    const digit = digits[i] ?? 0;
    if (nibble >= 8 && digit >= LETTER_A) digits[i] = digit - TO_CAPITAL;
  }
  return `0x${String.fromCharCode(...digits)}`;
}
