import { keccak_256 } from '@noble/hashes/sha3.js';

/** An EVM address, `0x` and 40 hex digits in lower case, with the capitals that EIP-55 makes a checksum of. */
export function checksumAddress(address: string): string {
  const digits = address.slice(2);
  const digest = keccak_256(new TextEncoder().encode(digits));
  const cased = Array.from(digits, (digit, index) => {
    const nibble = ((digest[index >> 1] ?? 0) >> (index % 2 === 0 ? 4 : 0)) & 0xf;
    return nibble >= 8 ? digit.toUpperCase() : digit;
  });
  return `0x${cased.join('')}`;
}
