import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';
import { bytesKey, concatBytes } from '../../protocols/common/bytes.ts';
import type { Crypto, Ed25519Signer } from '../../protocols/common/crypto.ts';

/** DER before the raw key in an Ed25519 SubjectPublicKeyInfo (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
/** DER before the raw seed in an Ed25519 PKCS #8 private key (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Parsed public keys kept: parsing costs a third of a verification; 4 096 authors are some 4 MB. */
const KEYS_MAX = 4096;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** 2^255 - 19. */
const FIELD_PRIME = (1n << 255n) - 19n;
/** The y coordinates of the eight points of small order on edwards25519: 0, 1, -1 and those of order 8. */
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  FIELD_PRIME - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd83d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
]);

/** node:crypto behind the protocols' interface. Verification runs on the thread pool, off the event loop. */
export function createCrypto(): Crypto {
  const keys = new Map<string, KeyObject | null>();

  const keyObject = (publicKey: Uint8Array): KeyObject | null => {
    if (publicKey.byteLength !== PUBLIC_KEY_BYTES) return null;
    const id = bytesKey(publicKey);
    const known = keys.get(id);
    if (known !== undefined) return known;
    const key = isStrictPublicKey(publicKey) ? parsePublicKey(publicKey) : null;
    if (keys.size >= KEYS_MAX) keys.clear();
    keys.set(id, key);
    return key;
  };

  return {
    sha256: (data) => hash('sha256', data, 'buffer'),
    verifyEd25519: (publicKey, message, signature) => {
      const key = keyObject(publicKey);
      if (key === null || signature.byteLength !== SIGNATURE_BYTES) return Promise.resolve(false);
      return new Promise((resolve) => {
        verify(null, message, key, signature, (error, valid) => resolve(error === null && valid));
      });
    },
  };
}

/** A signer from a 32-byte Ed25519 seed (RFC 8032). */
export function createEd25519Signer(seed: Uint8Array): Ed25519Signer {
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return {
    publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.byteLength)),
    sign: (message) =>
      new Promise((resolve, reject) => {
        sign(null, message, privateKey, (error, signature) => {
          if (error === null) resolve(signature);
          else reject(error);
        });
      }),
  };
}

/**
 * Whether `publicKey` is canonically encoded and not of small order: not every OpenSSL refuses such keys, and
 * implementations differ on them (RFC 8032 section 5.1.3).
 */
function isStrictPublicKey(publicKey: Uint8Array): boolean {
  let y = 0n;
  for (let i = PUBLIC_KEY_BYTES - 1; i >= 0; i--) {
    const byte = publicKey[i] ?? 0;
    y = (y << 8n) | BigInt(i === PUBLIC_KEY_BYTES - 1 ? byte & 0x7f : byte);
  }
  return y < FIELD_PRIME && !SMALL_ORDER_Y.has(y);
}

function parsePublicKey(publicKey: Uint8Array): KeyObject | null {
  try {
    return createPublicKey({
      key: Buffer.from(concatBytes(SPKI_PREFIX, publicKey)),
      format: 'der',
      type: 'spki',
    });
  } catch {
    return null;
  }
}
