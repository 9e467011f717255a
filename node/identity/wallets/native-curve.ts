import secp256k1 from 'secp256k1/bindings.js';
import type { Curve } from './curve.ts';

/** Errors of the addon for input that is not a signature or a key. Anything else it throws is no answer. */
const BAD_INPUT: ReadonlySet<string> = new Set([
  'Signature could not be parsed',
  'Public Key could not be parsed',
  'Public key could not be recover',
]);

/** libsecp256k1 through its addon. */
export function createNativeCurve(): Curve {
  return {
    implementation: 'native',
    recover,
    verify: (publicKey, digest, signature) =>
      orWhenBad(false, () => secp256k1.ecdsaVerify(signature, digest, publicKey)),
  };
}

function recover(signature: Uint8Array, recovery: number, digest: Uint8Array): Uint8Array | null {
  return orWhenBad(null, () => secp256k1.ecdsaRecover(signature, recovery, digest, false));
}

function orWhenBad<T>(otherwise: T, compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    if (error instanceof Error && BAD_INPUT.has(error.message)) return otherwise;
    throw error;
  }
}
