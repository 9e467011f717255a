/**
 * Checks of a signature that need no computing on the curve. Asked on the event loop first, so that what has not even the form
 * keeps no thread busy; and it loads nothing.
 */

export const ADDRESS_BYTES = 20;
export const COMPRESSED_KEY_BYTES = 33;
/** r‖s. */
export const COMPACT_BYTES = 64;
/** r‖s‖v. */
const RECOVERABLE_BYTES = 65;

/** BIP-173: the longest text that its checksum is for. */
const ADDRESS_TEXT_MAX = 90;
/** Count, the longest DER signature (72) with its type and length, a key with its length: 109. */
const WITNESS_BYTES_MAX = 128;

/** Half of the order n of secp256k1: s and n - s are both good signatures, and only the lower one is taken. */
const HALF_ORDER = Uint8Array.from(
  Buffer.from('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0', 'hex'),
);
const SCALAR_BYTES = 32;

/** Valid last bytes of a personal message's signature, and the parity of the point that each stands for. */
const PARITIES: ReadonlyMap<number, 0 | 1> = new Map([
  [0, 0],
  [1, 1],
  [27, 0],
  [28, 1],
]);

/** Whether the s of r‖s… is in the lower half. */
export function hasLowS(signature: Uint8Array): boolean {
  for (let i = 0; i < SCALAR_BYTES; i++) {
    const difference = (signature[SCALAR_BYTES + i] ?? 0) - (HALF_ORDER[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return true;
}

/** Parity that a personal message's signature names; null when it has not the form of one. */
export function eip191Parity(address: Uint8Array, signature: Uint8Array): 0 | 1 | null {
  if (address.byteLength !== ADDRESS_BYTES || signature.byteLength !== RECOVERABLE_BYTES) return null;
  if (!hasLowS(signature)) return null;
  return PARITIES.get(signature[COMPACT_BYTES] ?? -1) ?? null;
}

export function hasSecp256k1Form(publicKey: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.byteLength !== COMPRESSED_KEY_BYTES || signature.byteLength !== COMPACT_BYTES) return false;
  return (publicKey[0] === 2 || publicKey[0] === 3) && hasLowS(signature);
}

export function hasBip322Form(address: string, witness: Uint8Array): boolean {
  return address.length <= ADDRESS_TEXT_MAX && witness.byteLength <= WITNESS_BYTES_MAX;
}
