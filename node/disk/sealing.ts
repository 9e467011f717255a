import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
  randomFillSync,
} from 'node:crypto';
import { crc32 } from 'node:zlib';
import { equalBytes } from '../../protocols/common/bytes.ts';
import type { HeldKind, Stamp } from '../../protocols/storage/index.ts';

/** First byte of everything sealed. */
const SEAL_VERSION = 1;
export const KEY_ID_BYTES = 4;
export const KEY_BYTES = 32;
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES;
/** Bytes that sealing adds: version, key id, nonce, tag. */
export const SEAL_OVERHEAD_BYTES = HEAD_BYTES + TAG_BYTES;
/** Nonces drawn at once. */
const NONCES = 256;

/** A key by which values are sealed; the id tells it from those before and after it. */
export interface StorageKey {
  readonly id: Uint8Array;
  readonly key: Uint8Array;
}

/** Where a value is and what of: part of what is authenticated, so that no value passes for another. */
export interface Location extends Stamp {
  readonly namespaceId: Uint8Array;
  readonly partition: number;
  /** UTF-8. */
  readonly key: Uint8Array;
  readonly kind: HeldKind;
}

/** Numbers before the key: partition 4, kind 1, ms 8, counter 2; then two byte strings of fixed length. */
const NUMBERS_BYTES = 15;
const WORD = 2 ** 32;

/** Injective: everything but the key, which is last, has a fixed length. */
export function encodeLocation(location: Location): Buffer {
  const { namespaceId, digest, key, ms } = location;
  const fixed = NUMBERS_BYTES + namespaceId.byteLength + digest.byteLength;
  const bytes = Buffer.allocUnsafe(fixed + key.byteLength);
  bytes.writeUInt32BE(location.partition, 0);
  bytes.writeUInt8(location.kind, 4);
  bytes.writeUInt32BE(Math.floor(ms / WORD), 5);
  bytes.writeUInt32BE(ms % WORD, 9);
  bytes.writeUInt16BE(location.counter, 13);
  bytes.set(namespaceId, NUMBERS_BYTES);
  bytes.set(digest, NUMBERS_BYTES + namespaceId.byteLength);
  bytes.set(key, fixed);
  return bytes;
}

/** Facts about a row that lists show besides its location. */
export interface Shown {
  readonly expiry: number | null;
  readonly size: number;
  readonly contentType: string;
}

/** A checksum of what a row says in the clear: lists do not open values, and the file may have rotted. */
export function checksum(location: Buffer, shown: Shown): number {
  return crc32(`${shown.expiry ?? ''} ${shown.size} ${shown.contentType}`, crc32(location));
}

/** Seals values with AES-256-GCM, and opens them. */
export class Sealer {
  readonly #id: Uint8Array;
  readonly #key: KeyObject;
  readonly #nonces = Buffer.alloc(NONCES * NONCE_BYTES);
  #nextNonce = NONCES;

  constructor(key: StorageKey) {
    this.#id = key.id;
    this.#key = createSecretKey(key.key);
  }

  seal(location: Buffer, value: Uint8Array): Buffer {
    const nonce = this.#nonce();
    const sealed = Buffer.allocUnsafe(SEAL_OVERHEAD_BYTES + value.byteLength);
    sealed[0] = SEAL_VERSION;
    sealed.set(this.#id, 1);
    sealed.set(nonce, 1 + KEY_ID_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key, nonce);
    cipher.setAAD(sealed.subarray(0, 1 + KEY_ID_BYTES)).setAAD(location);
    sealed.set(cipher.update(value), HEAD_BYTES);
    cipher.final();
    sealed.set(cipher.getAuthTag(), HEAD_BYTES + value.byteLength);
    return sealed;
  }

  /** The value; null when the bytes are not what was sealed for this location, bit for bit. */
  open(location: Buffer, sealed: Uint8Array): Buffer | null {
    const isOurs =
      sealed.byteLength >= SEAL_OVERHEAD_BYTES &&
      sealed[0] === SEAL_VERSION &&
      equalBytes(sealed.subarray(1, 1 + KEY_ID_BYTES), this.#id);
    if (!isOurs) return null;
    const end = sealed.byteLength - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, this.#key, sealed.subarray(1 + KEY_ID_BYTES, HEAD_BYTES));
    decipher.setAAD(sealed.subarray(0, 1 + KEY_ID_BYTES)).setAAD(location);
    decipher.setAuthTag(sealed.subarray(end));
    const value = decipher.update(sealed.subarray(HEAD_BYTES, end));
    try {
      decipher.final();
      return value;
    } catch {
      return null;
    }
  }

  #nonce(): Uint8Array {
    if (this.#nextNonce === NONCES) {
      randomFillSync(this.#nonces);
      this.#nextNonce = 0;
    }
    const at = this.#nextNonce * NONCE_BYTES;
    this.#nextNonce += 1;
    return this.#nonces.subarray(at, at + NONCE_BYTES);
  }
}
