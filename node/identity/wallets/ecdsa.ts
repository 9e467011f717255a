import type { Curve } from './curve.ts';
import { hasSecp256k1Form } from './form.ts';
import { sha256 } from './hashes.ts';

/** Whether `signature` (r‖s, low s) over SHA-256 of `message` is by the compressed `publicKey`. */
export function verifySecp256k1(
  curve: Curve,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return hasSecp256k1Form(publicKey, signature) && curve.verify(publicKey, sha256(message), signature);
}
