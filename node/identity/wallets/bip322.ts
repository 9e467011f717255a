import { schnorr } from '@noble/curves/secp256k1.js';
import { equalBytes } from '../../../protocols/common/bytes.ts';
import { type KeyAddress, parseKeyAddress } from '../../../protocols/common/segwit.ts';
import type { Curve } from './curve.ts';
import { parseDer } from './der.ts';
import { COMPACT_BYTES, COMPRESSED_KEY_BYTES, hasBip322Form, hasSecp256k1Form } from './form.ts';
import { hash160 } from './hashes.ts';
import { keyHashSighash, SIGHASH_ALL, SIGHASH_DEFAULT, taprootSighash } from './sighash.ts';
import { parseWitness } from './witness.ts';

/**
 * BIP-322, *simple*, as the rules of Bitcoin's relay have it: strict DER, low s, compressed keys, the whole
 * transaction signed. Scripts, annexes and the *legacy* and *full* forms are refused.
 */
export function verifyBip322(
  curve: Curve,
  address: string,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (!hasBip322Form(address, signature)) return false;
  const destination = parseKeyAddress(address);
  const witness = parseWitness(signature);
  if (destination === null || witness === null) return false;
  return destination.type === 'p2wpkh'
    ? verifyKeyHash(curve, destination, message, witness)
    : verifyTaproot(destination, message, witness);
}

/** A signature and the key whose hash the address holds (BIP-141, BIP-143). */
function verifyKeyHash(
  curve: Curve,
  destination: KeyAddress,
  message: Uint8Array,
  witness: readonly Uint8Array[],
): boolean {
  const [signature, publicKey] = witness;
  if (signature === undefined || publicKey === undefined || witness.length !== 2) return false;
  if (publicKey.byteLength !== COMPRESSED_KEY_BYTES || signature.at(-1) !== SIGHASH_ALL) return false;
  if (!equalBytes(hash160(publicKey), destination.program)) return false;
  const compact = parseDer(signature.subarray(0, -1));
  if (compact === null || !hasSecp256k1Form(publicKey, compact)) return false;
  return curve.verify(publicKey, keyHashSighash(destination, message), compact);
}

/** One signature by the key in the address (BIP-341, key path). A second item would be a script or an annex. */
function verifyTaproot(
  destination: KeyAddress,
  message: Uint8Array,
  witness: readonly Uint8Array[],
): boolean {
  const [signature] = witness;
  if (signature === undefined || witness.length !== 1) return false;
  const type = taprootType(signature);
  if (type === null) return false;
  const digest = taprootSighash(destination, message, type);
  return schnorr.verify(signature.subarray(0, COMPACT_BYTES), digest, destination.program);
}

/** The default is said by saying nothing; naming it is against the rules. */
function taprootType(signature: Uint8Array): number | null {
  if (signature.byteLength === COMPACT_BYTES) return SIGHASH_DEFAULT;
  return signature.byteLength === COMPACT_BYTES + 1 && signature.at(-1) === SIGHASH_ALL ? SIGHASH_ALL : null;
}
