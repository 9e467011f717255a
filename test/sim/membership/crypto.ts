import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { createCrypto } from '../../../node/runtime/crypto.ts';
import { bytesKey, concatBytes } from '../../../protocols/common/bytes.ts';
import type { Crypto, Ed25519Signer } from '../../../protocols/common/crypto.ts';

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const VERIFIED_MAX = 100_000;

/**
 * Real hashes and signatures, made at once: the thread pool answers in an order of its own, and a history must go the same way
 * each time. A signature that one node has verified is not verified again for another.
 */
export function createSimCrypto(): Crypto {
  const hashes = createCrypto();
  const verified = new Map<string, boolean>();
  return {
    sha256: (data) => hashes.sha256(data),
    verifyEd25519: (publicKey, message, signature) => {
      const id = bytesKey(concatBytes(publicKey, signature, message));
      const known = verified.get(id) ?? verify(null, message, publicKeyOf(publicKey), signature);
      if (verified.size >= VERIFIED_MAX) verified.clear();
      verified.set(id, known);
      return Promise.resolve(known);
    },
  };
}

export function createSimSigner(seed: Uint8Array): Ed25519Signer {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return {
    publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.byteLength)),
    sign: (message) => Promise.resolve(new Uint8Array(sign(null, message, key))),
  };
}

function publicKeyOf(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
}
