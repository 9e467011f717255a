import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { encode } from '@ipld/dag-cbor';
import { KeyError } from './errors.ts';

/** Cost of scrypt (RFC 7914). */
export interface Kdf {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

/** 128 MiB and some half second for each guess: what OWASP asks for at least. */
export const KDF: Kdf = { n: 2 ** 17, r: 8, p: 1 };
/** Limit on the work to open a key file. */
export const KDF_N_MAX = 2 ** 20;
/** n · r · p: bounds the memory (128 bytes each, so 1 GiB) and the time. */
export const KDF_WORK_MAX = 2 ** 23;

export const SALT_BYTES = 16;
export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;
const KEY_BYTES = 32;
const CIPHER = 'aes-256-gcm';

/** The readable head of a sealed file, which cannot be changed without the passphrase. */
export interface SealedHead {
  readonly version: number;
  readonly form: number;
  readonly multikey: Uint8Array;
  readonly created: number;
}

export interface Sealed extends SealedHead {
  readonly kdf: Kdf;
  readonly salt: Uint8Array;
  readonly nonce: Uint8Array;
  /** With the tag at its end. */
  readonly ciphertext: Uint8Array;
}

/** Seals `content` under a passphrase: scrypt, then AES-256-GCM with the head as associated data. */
export async function seal(
  content: Uint8Array,
  head: SealedHead,
  passphrase: string,
  kdf: Kdf = KDF,
): Promise<Sealed> {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const key = await deriveKey(passphrase, salt, kdf);
  const cipher = createCipheriv(CIPHER, key, nonce);
  cipher.setAAD(associatedData({ ...head, kdf, salt, nonce }));
  const ciphertext = Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()]);
  return { ...head, kdf, salt, nonce, ciphertext };
}

/** The unsealed bytes. Throws `bad_passphrase` when `passphrase` does not open it. */
export async function unseal(sealed: Sealed, passphrase: string): Promise<Uint8Array> {
  const { kdf, salt, nonce, ciphertext } = sealed;
  const key = await deriveKey(passphrase, salt, kdf);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(sealed));
  decipher.setAuthTag(ciphertext.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(ciphertext.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch {
    throw new KeyError('bad_passphrase', 'the passphrase is not the one it was sealed with');
  }
}

/** The items of the file before the ciphertext. */
export function headItems(sealed: Omit<Sealed, 'ciphertext'>): unknown[] {
  const { version, form, multikey, created, kdf, salt, nonce } = sealed;
  return [version, form, multikey, created, [kdf.n, kdf.r, kdf.p], salt, nonce];
}

function associatedData(sealed: Omit<Sealed, 'ciphertext'>): Uint8Array {
  return encode(headItems(sealed));
}

/** On the thread pool. Terminals differ in how they compose accents, so the text is normalised. */
async function deriveKey(passphrase: string, salt: Uint8Array, { n, r, p }: Kdf): Promise<Buffer> {
  const options = { N: n, r, p, maxmem: 2 * 128 * n * r * p };
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFC'), salt, KEY_BYTES, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}
