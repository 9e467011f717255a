import { bech32, bech32m } from '@scure/base';

/** A Bitcoin address of one key. */
export interface KeyAddress {
  /** Mainnet; testnets and signet; regtest. */
  readonly prefix: 'bc' | 'tb' | 'bcrt';
  readonly type: 'p2wpkh' | 'p2tr';
  /** Hash of a key (20 bytes), or x-only key (32 bytes). */
  readonly program: Uint8Array;
}

/** By type: witness version, its encoding, and bytes of the program (BIP-173, BIP-350). */
const KEY_ADDRESSES = [
  { type: 'p2wpkh', version: 0, encoding: bech32, bytes: 20 },
  { type: 'p2tr', version: 1, encoding: bech32m, bytes: 32 },
] as const;

/** Reads a P2WPKH or P2TR address in lower case; null for all others. */
export function parseKeyAddress(address: string): KeyAddress | null {
  // BIP-173 knows addresses in capitals, too; an identity has one spelling
  if (address !== address.toLowerCase()) return null;
  for (const { type, version, encoding, bytes } of KEY_ADDRESSES) {
    const decoded = encoding.decodeUnsafe(address);
    if (decoded === undefined) continue;
    const { prefix } = decoded;
    const [first, ...words] = decoded.words;
    const program = encoding.fromWordsUnsafe(words);
    const isOne = first === version && program instanceof Uint8Array && program.byteLength === bytes;
    return isOne && isPrefix(prefix) ? { prefix, type, program } : null;
  }
  return null;
}

function isPrefix(prefix: string): prefix is KeyAddress['prefix'] {
  return prefix === 'bc' || prefix === 'tb' || prefix === 'bcrt';
}
