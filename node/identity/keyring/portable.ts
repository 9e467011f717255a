import { createPrivateKey, type KeyObject } from 'node:crypto';
import { errorMessage } from '../../../protocols/common/errors.ts';
import { createEd25519Signer } from '../../runtime/crypto.ts';
import { KeyError } from './errors.ts';
import { SEED_BYTES } from './key-file.ts';

/** How a key leaves Maillon: PKCS #8 PEM, which other programs read, or the 64 hex digits of its seed (RFC 8032). */
export const KEY_FORMS = ['pkcs8', 'seed'] as const;
export type KeyForm = (typeof KEY_FORMS)[number];

/** A PEM is some 120 bytes, encrypted 350; what surrounds it may be longer. */
export const PORTABLE_MAX_BYTES = 16 * 1024;
const PEM_CIPHER = 'aes-256-cbc';
const PEM = /-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/;
const SEED = /^[0-9a-f]{64}$/i;

/** `seed` as text that ends in a line end. The PEM is encrypted when there is a passphrase for it. */
export function formatKey(seed: Uint8Array, form: KeyForm, pemPassphrase?: string): string {
  if (form === 'seed') return `${Buffer.from(seed).toString('hex')}\n`;
  const encryption = pemPassphrase === undefined ? {} : { cipher: PEM_CIPHER, passphrase: pemPassphrase };
  return keyObject(seed)
    .export({ format: 'pem', type: 'pkcs8', ...encryption })
    .toString();
}

/**
 * The seed in text of either form; `pemPassphrase` is asked for an encrypted PEM. Throws `bad_key`, `bad_passphrase`;
 * neither holds anything of the text.
 */
export async function parseKey(text: string, pemPassphrase: () => Promise<string>): Promise<Uint8Array> {
  const trimmed = text.trim();
  if (SEED.test(trimmed)) return new Uint8Array(Buffer.from(trimmed, 'hex'));
  const pem = PEM.exec(trimmed);
  if (pem === null) {
    throw new KeyError(
      'bad_key',
      'this is no key: a PKCS #8 PEM (BEGIN PRIVATE KEY) or a seed of 64 hex digits is',
    );
  }
  return seedOf(parsePem(trimmed, pem[1] === undefined ? null : await pemPassphrase()));
}

function parsePem(pem: string, passphrase: string | null): KeyObject {
  try {
    return createPrivateKey({ key: pem, format: 'pem', ...(passphrase === null ? {} : { passphrase }) });
  } catch (error) {
    if (passphrase !== null) {
      throw new KeyError('bad_passphrase', 'the passphrase does not open the PEM, or the PEM is damaged');
    }
    throw new KeyError('bad_key', `the PEM cannot be read: ${errorMessage(error)}`);
  }
}

function seedOf(key: KeyObject): Uint8Array {
  const { crv, d } = key.export({ format: 'jwk' });
  const seed = crv === 'Ed25519' && d !== undefined ? Buffer.from(d, 'base64url') : null;
  if (seed?.byteLength !== SEED_BYTES) {
    throw new KeyError('bad_key', `the PEM holds a key of ${key.asymmetricKeyType}: Ed25519 is needed`);
  }
  return new Uint8Array(seed);
}

function keyObject(seed: Uint8Array): KeyObject {
  const { publicKey } = createEd25519Signer(seed);
  const key = { kty: 'OKP', crv: 'Ed25519', d: base64url(seed), x: base64url(publicKey) };
  return createPrivateKey({ key, format: 'jwk' });
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
