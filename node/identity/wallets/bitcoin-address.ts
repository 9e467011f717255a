import { bech32, bech32m } from '@scure/base';

/** What an address pays to, as far as messages are signed for it here. */
export interface Destination {
  readonly type: 'p2wpkh' | 'p2tr';
  /** Hash of a key (20 bytes), or x-only key (32 bytes). */
  readonly program: Uint8Array;
}

/** Mainnet; testnets and signet; regtest. */
const PREFIXES: ReadonlySet<string> = new Set(['bc', 'tb', 'bcrt']);
const KEY_HASH_BYTES = 20;
const X_ONLY_KEY_BYTES = 32;

/** Where `address` pays to: P2WPKH (BIP-173) or P2TR (BIP-350); null for all others, and for capitals. */
export function parseBitcoinAddress(address: string): Destination | null {
  // BIP-173 knows addresses in capitals; an identity has one spelling only
  if (address !== address.toLowerCase()) return null;
  return (
    read(address, bech32, { type: 'p2wpkh', version: 0, bytes: KEY_HASH_BYTES }) ??
    read(address, bech32m, { type: 'p2tr', version: 1, bytes: X_ONLY_KEY_BYTES })
  );
}

interface Wanted {
  readonly type: Destination['type'];
  readonly version: number;
  readonly bytes: number;
}

function read(address: string, encoding: typeof bech32, wanted: Wanted): Destination | null {
  const decoded = encoding.decodeUnsafe(address);
  if (decoded === undefined || !PREFIXES.has(decoded.prefix)) return null;
  const [version, ...words] = decoded.words;
  const program = encoding.fromWordsUnsafe(words);
  if (version !== wanted.version || !(program instanceof Uint8Array)) return null;
  return program.byteLength === wanted.bytes ? { type: wanted.type, program } : null;
}
