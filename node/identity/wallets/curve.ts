import type { Implementation } from './job.ts';

/** Computations on secp256k1. Lengths are the caller's to check. */
export interface Curve {
  readonly implementation: Implementation;
  /** The public key (65 bytes, uncompressed) that signed `digest` with r‖s; null when no key did. */
  recover(signature: Uint8Array, parity: 0 | 1, digest: Uint8Array): Uint8Array | null;
  /** ECDSA with r‖s by a compressed key. Whether s is low is the caller's to check. */
  verify(publicKey: Uint8Array, digest: Uint8Array, signature: Uint8Array): boolean;
}
