const CHARSET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3] as const;
/** What the checksum comes to (BIP-173, BIP-350). */
const BECH32 = 1;
const BECH32M = 0x2bc830a3;
const CHECKSUM_LENGTH = 6;
/** BIP-173: no address is longer. */
const ADDRESS_MAX_LENGTH = 90;
const PROGRAM_MIN_BYTES = 2;
const PROGRAM_MAX_BYTES = 40;
const VERSION_MAX = 16;
/** Version 0 has two lengths: a hash of a key, a hash of a script. */
const VERSION_0_BYTES: ReadonlySet<number> = new Set([20, 32]);

export interface SegwitAddress {
  /** `bc`, `tb` or `bcrt`, or whatever stands there. */
  readonly prefix: string;
  /** Witness version, 0–16. */
  readonly version: number;
  /** 2–40 bytes: what the version makes of a key or a script. */
  readonly program: Uint8Array;
}

/** Reads a segwit address in lower case, its one canonical spelling; null for what is none (BIP-173, BIP-350). */
export function parseSegwitAddress(address: string): SegwitAddress | null {
  if (address.length > ADDRESS_MAX_LENGTH || !/^[!-@[-~]+$/.test(address)) return null;
  const separator = address.lastIndexOf('1');
  const values = Array.from(address.slice(separator + 1), (character) => CHARSET.indexOf(character));
  if (separator < 1 || values.includes(-1) || values.length < CHECKSUM_LENGTH + 1) return null;
  const prefix = address.slice(0, separator);
  const [version = 0, ...rest] = values.slice(0, -CHECKSUM_LENGTH);
  if (version > VERSION_MAX || checksum(prefix, values) !== (version === 0 ? BECH32 : BECH32M)) return null;
  const program = regroup(rest);
  if (program === null || !isProgramLength(version, program.byteLength)) return null;
  return { prefix, version, program };
}

function isProgramLength(version: number, length: number): boolean {
  if (version === 0) return VERSION_0_BYTES.has(length);
  return length >= PROGRAM_MIN_BYTES && length <= PROGRAM_MAX_BYTES;
}

function checksum(prefix: string, values: readonly number[]): number {
  const codes = Array.from(prefix, (character) => character.charCodeAt(0));
  const expanded = [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 0x1f), ...values];
  let sum = 1;
  for (const value of expanded) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    for (const [bit, term] of GENERATOR.entries()) if ((top >> bit) & 1) sum ^= term;
  }
  return sum >>> 0;
}

/** Groups of five bits as bytes; null when what is left over is a group or is not zero. */
function regroup(values: readonly number[]): Uint8Array | null {
  const bytes: number[] = [];
  let held = 0;
  let bits = 0;
  for (const value of values) {
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 0xff);
  }
  const isPadded = bits < 5 && (held & ((1 << bits) - 1)) === 0;
  return isPadded ? Uint8Array.from(bytes) : null;
}
