import { concatBytes } from '../../../protocols/common/bytes.ts';
import type { KeyAddress } from '../../../protocols/common/segwit.ts';
import { doubleSha256, sha256, taggedHash } from './hashes.ts';

/**
 * The two transactions of BIP-322. *to_spend* pays nothing to the address and says the message; *to_sign* spends that.
 * Neither could ever be mined. All there is to verify is the hash that the input of *to_sign* signs.
 */

export const SIGHASH_DEFAULT = 0x00;
export const SIGHASH_ALL = 0x01;

const OP_0 = 0x00;
const OP_1 = 0x51;
const OP_RETURN = 0x6a;
/** OP_DUP OP_HASH160 <20 bytes> and OP_EQUALVERIFY OP_CHECKSIG: what a hash of a key stands for (BIP-143). */
const PAY_TO_KEY_HASH = [Uint8Array.of(0x76, 0xa9, 0x14), Uint8Array.of(0x88, 0xac)] as const;

/** Version, lock time, sequence, and index of an output: all 0, 32 bits. */
const ZERO = new Uint8Array(4);
/** Index of the output that a coinbase spends. */
const NO_INDEX = new Uint8Array(4).fill(0xff);
const NO_TRANSACTION = new Uint8Array(32);
/** 0 satoshi, 64 bits. */
const NOTHING = new Uint8Array(8);
/** One, where inputs or outputs are counted. */
const ONE = Uint8Array.of(1);
/** The only output of *to_sign*: nothing, to nobody. */
const OUTPUT = concatBytes(NOTHING, Uint8Array.of(1, OP_RETURN));
/** Prefix of everything that BIP-341 hashes. */
const EPOCH = Uint8Array.of(0);
/** Key path, no annex. */
const KEY_PATH = Uint8Array.of(0);

/** Script of an output to `destination`. */
export function outputScript({ type, program }: KeyAddress): Uint8Array {
  return concatBytes(Uint8Array.of(type === 'p2wpkh' ? OP_0 : OP_1, program.byteLength), program);
}

/** Hash of *to_spend*, in the order of bytes that transactions use (texts turn it around). */
export function toSpendId(destination: KeyAddress, message: Uint8Array): Uint8Array {
  const digest = taggedHash('BIP0322-signed-message', message);
  const input = concatBytes(
    NO_TRANSACTION,
    NO_INDEX,
    withLength(concatBytes(Uint8Array.of(OP_0, digest.byteLength), digest)),
    ZERO,
  );
  const output = concatBytes(NOTHING, withLength(outputScript(destination)));
  return doubleSha256(ZERO, ONE, input, ONE, output, ZERO);
}

/** Digest that a P2WPKH input of *to_sign* signs with `SIGHASH_ALL` (BIP-143). */
export function keyHashSighash(destination: KeyAddress, message: Uint8Array): Uint8Array {
  const outpoint = concatBytes(toSpendId(destination, message), ZERO);
  const [before, after] = PAY_TO_KEY_HASH;
  return doubleSha256(
    ZERO,
    doubleSha256(outpoint),
    doubleSha256(ZERO),
    outpoint,
    withLength(concatBytes(before, destination.program, after)),
    NOTHING,
    ZERO,
    doubleSha256(OUTPUT),
    ZERO,
    Uint8Array.of(SIGHASH_ALL, 0, 0, 0),
  );
}

/** Digest that the key path of a P2TR input of *to_sign* signs (BIP-341): `type` is `SIGHASH_DEFAULT` or `SIGHASH_ALL`. */
export function taprootSighash(destination: KeyAddress, message: Uint8Array, type: number): Uint8Array {
  const outpoint = concatBytes(toSpendId(destination, message), ZERO);
  return taggedHash(
    'TapSighash',
    EPOCH,
    Uint8Array.of(type),
    ZERO,
    ZERO,
    sha256(outpoint),
    sha256(NOTHING),
    sha256(withLength(outputScript(destination))),
    sha256(ZERO),
    sha256(OUTPUT),
    KEY_PATH,
    ZERO,
  );
}

/** Scripts here are shorter than 253 bytes: their length is one byte. */
function withLength(script: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(script.byteLength), script);
}
