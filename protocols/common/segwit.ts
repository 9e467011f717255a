import { bech32, bech32m } from '@scure/base';

/** Witness version, its encoding, and bytes of the program: P2WPKH (BIP-173), P2TR (BIP-350). */
const KEY_ADDRESSES = [
  { version: 0, encoding: bech32, bytes: 20 },
  { version: 1, encoding: bech32m, bytes: 32 },
] as const;

/** What a Bitcoin address begins with (`bc`, `tb`, `bcrt`, …) if it is of one key: P2WPKH or P2TR, in lower case. Null for all others. */
export function keyAddressPrefix(address: string): string | null {
  // BIP-173 knows addresses in capitals, too; an identity has one spelling
  if (address !== address.toLowerCase()) return null;
  for (const { version, encoding, bytes } of KEY_ADDRESSES) {
    const decoded = encoding.decodeUnsafe(address);
    if (decoded === undefined) continue;
    const [first, ...words] = decoded.words;
    const program = encoding.fromWordsUnsafe(words);
    return first === version && program instanceof Uint8Array && program.byteLength === bytes
      ? decoded.prefix
      : null;
  }
  return null;
}
