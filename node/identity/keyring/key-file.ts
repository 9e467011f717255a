import { hash } from 'node:crypto';
import { createRequire } from 'node:module';
import { decode, encode } from '@ipld/dag-cbor';
import type * as Libp2pKeys from '@libp2p/crypto/keys';
import { equalBytes } from '../../../protocols/common/bytes.ts';
import { hasFewItems } from '../../../protocols/common/cbor-bounds.ts';
import { ED25519_MULTIKEY_BYTES, encodeMultikey } from '../../../protocols/common/did-key.ts';
import { FieldChecks } from '../../../protocols/common/fields.ts';
import { createEd25519Signer } from '../../runtime/crypto.ts';
import { KeyError } from './errors.ts';
import {
  headItems,
  KDF_N_MAX,
  KDF_WORK_MAX,
  type Kdf,
  NONCE_BYTES,
  SALT_BYTES,
  type Sealed,
  seal,
  TAG_BYTES,
  unseal,
} from './sealing.ts';

const require = createRequire(import.meta.url);

/**
 * A key file is strict DAG-CBOR with a SHA-256 of the items before it at the end, so that damage and a wrong
 * passphrase are told apart:
 *
 *     plain   [1, 0, multikey, created, seed, checksum]
 *     sealed  [1, 1, multikey, created, [n, r, p], salt, nonce, ciphertext, checksum]
 *
 * A sealed key is a plain file. A libp2p private key (protobuf) is one, too: `identity.key` has that form.
 */
const VERSION = 1;
const PLAIN = 0;
const SEALED = 1;

export const SEED_BYTES = 32;
/** A sealed file is 270 bytes; any larger file is not a key file of Maillon. */
export const KEY_FILE_MAX_BYTES = 1024;
/** The sealed form has 13 with those of its lists. */
const ITEMS_MAX = 16;
const CHECKSUM_BYTES = 32;
const CONTENT_MAX_BYTES = 512;
/** Tag of the first field of a libp2p private key; no list in CBOR begins so. */
const PROTOBUF_FIRST_BYTE = 0x08;

/** Content of a key file. */
export type KeyFile = PlainKey | SealedKey;

export interface PlainKey {
  readonly isSealed: false;
  readonly multikey: Uint8Array;
  /** Milliseconds since the Unix epoch; the libp2p form does not say. */
  readonly created: number | null;
  readonly seed: Uint8Array;
}

export interface SealedKey {
  readonly isSealed: true;
  readonly multikey: Uint8Array;
  readonly created: number;
  readonly sealed: Sealed;
}

export function multikeyOf(seed: Uint8Array): Uint8Array {
  return encodeMultikey(createEd25519Signer(seed).publicKey);
}

export function encodeKey(seed: Uint8Array, created: number): Uint8Array {
  return withChecksum([VERSION, PLAIN, multikeyOf(seed), created, seed]);
}

/** The libp2p form. */
export async function encodeLibp2pKey(seed: Uint8Array): Promise<Uint8Array> {
  const { generateKeyPairFromSeed, privateKeyToProtobuf } = libp2pKeys();
  return privateKeyToProtobuf(await generateKeyPairFromSeed('Ed25519', seed));
}

/** The sealed form of a plain file, `plain`. */
export async function encodeSealed(
  plain: Uint8Array,
  { multikey, created }: { readonly multikey: Uint8Array; readonly created: number },
  passphrase: string,
  kdf?: Kdf,
): Promise<Uint8Array> {
  const sealed = await seal(plain, { version: VERSION, form: SEALED, multikey, created }, passphrase, kdf);
  return withChecksum([...headItems(sealed), sealed.ciphertext]);
}

/** Reads a file in either form. Throws `bad_key_file` or `key_version`; neither holds anything of the file. */
export function decodeKeyFile(bytes: Uint8Array): KeyFile {
  if (bytes[0] === PROTOBUF_FIRST_BYTE) return decodeLibp2pKey(bytes);
  const items = decodeItems(bytes);
  const [, form, multikey, created] = items;
  const head = {
    multikey: checks.bytes('its key', multikey, ED25519_MULTIKEY_BYTES),
    created: checks.integer('its time', created, 0),
  };
  if (form === PLAIN && items.length === 6) {
    const seed = checks.bytes('its seed', items[4], SEED_BYTES);
    if (!equalBytes(multikeyOf(seed), head.multikey)) throw damaged('its two keys are no pair');
    return { isSealed: false, ...head, seed };
  }
  if (form === SEALED && items.length === 9) {
    return { isSealed: true, ...head, sealed: decodeSealed(items, head) };
  }
  throw damaged('it has no form that is known');
}

/** The plain file in a sealed one. Throws `bad_passphrase`. */
export async function openSealed({ sealed }: SealedKey, passphrase: string): Promise<Uint8Array> {
  return unseal(sealed, passphrase);
}

function decodeSealed(items: readonly unknown[], head: { multikey: Uint8Array; created: number }): Sealed {
  const [n, r, p, ...rest] = checks.array('its kdf', items[4], 3);
  const kdf: Kdf = {
    n: checks.integer('n of its kdf', n, 2, KDF_N_MAX),
    r: checks.integer('r of its kdf', r, 1, KDF_WORK_MAX),
    p: checks.integer('p of its kdf', p, 1, KDF_WORK_MAX),
  };
  const isPower = Number.isInteger(Math.log2(kdf.n));
  if (rest.length > 0 || !isPower || kdf.n * kdf.r * kdf.p > KDF_WORK_MAX) {
    throw damaged('to open it would take more than 1 GiB of memory, or is not possible');
  }
  return {
    version: VERSION,
    form: SEALED,
    ...head,
    kdf,
    salt: checks.bytes('its salt', items[5], SALT_BYTES),
    nonce: checks.bytes('its nonce', items[6], NONCE_BYTES),
    ciphertext: checks.bytes('its ciphertext', items[7], CONTENT_MAX_BYTES, TAG_BYTES + 1),
  };
}

/** Loaded with the first key of this form: commands that use others do not wait for it. */
function libp2pKeys(): typeof Libp2pKeys {
  return require('@libp2p/crypto/keys') as typeof Libp2pKeys;
}

function decodeLibp2pKey(bytes: Uint8Array): PlainKey {
  let seed: Uint8Array | null = null;
  try {
    const key = libp2pKeys().privateKeyFromProtobuf(bytes);
    if (key.type === 'Ed25519') seed = new Uint8Array(key.raw.subarray(0, SEED_BYTES));
  } catch {
    // what went wrong may quote the file
  }
  if (seed === null) throw damaged('it holds no Ed25519 key');
  return { isSealed: false, multikey: multikeyOf(seed), created: null, seed };
}

/** The items of a strictly encoded list whose checksum holds. */
function decodeItems(bytes: Uint8Array): unknown[] {
  const items = bytes.byteLength <= KEY_FILE_MAX_BYTES && hasFewItems(bytes, ITEMS_MAX) ? read(bytes) : null;
  if (!Array.isArray(items)) throw damaged('it holds no key');
  const [version] = items as unknown[];
  if (typeof version === 'number' && version !== VERSION) {
    throw new KeyError('key_version', `it is of version ${version}, which is not known to this program`);
  }
  const checksum: unknown = items.at(-1);
  const isWhole =
    checksum instanceof Uint8Array &&
    checksum.byteLength === CHECKSUM_BYTES &&
    equalBytes(withChecksum(items.slice(0, -1)), bytes);
  if (version !== VERSION || !isWhole) throw damaged('its checksum does not hold');
  return items;
}

function read(bytes: Uint8Array): unknown {
  try {
    return decode(bytes);
  } catch {
    return null;
  }
}

function withChecksum(items: readonly unknown[]): Uint8Array {
  return encode([...items, hash('sha256', encode(items), 'buffer')]);
}

function damaged(what: string): KeyError {
  return new KeyError('bad_key_file', `the file is damaged, or no key file: ${what}`);
}

const checks = new FieldChecks(damaged);
