import { secp256k1 } from '@noble/curves/secp256k1.js';
import { concatBytes } from '../../../protocols/common/bytes.ts';
import type { Curve } from './curve.ts';

/** Digests come as they are, and who asks has looked at s. */
const OPTIONS = { prehash: false, lowS: false } as const;

/** secp256k1 in JavaScript: some hundred signatures a second, on every machine. */
export function createPortableCurve(): Curve {
  return {
    implementation: 'portable',
    recover: (signature, parity, digest) => {
      try {
        const recoverable = concatBytes(Uint8Array.of(parity), signature);
        const parsed = secp256k1.Signature.fromBytes(recoverable, 'recovered');
        return parsed.recoverPublicKey(digest).toBytes(false);
      } catch {
        return null;
      }
    },
    verify: (publicKey, digest, signature) => {
      try {
        return secp256k1.verify(signature, digest, publicKey, OPTIONS);
      } catch {
        return false;
      }
    },
  };
}
