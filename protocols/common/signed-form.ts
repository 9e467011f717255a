import * as dagCbor from '@ipld/dag-cbor';
import { concatBytes, equalBytes } from './bytes.ts';
import { type CodedError, errorMessage } from './errors.ts';

export const SIGNATURE_BYTES = 64;

/** A byte string of 64 bytes. */
const SIGNATURE_HEAD = Uint8Array.of(0x58, SIGNATURE_BYTES);
const TAIL_BYTES = SIGNATURE_HEAD.byteLength + SIGNATURE_BYTES;
/** Head of an array of no items; those of up to 23 follow it. */
const ARRAY_HEAD = 0x80;
const SMALL_MAX = 23;

/** Faults of the bytes, found before their meaning is known. */
export type FormFault = 'too_large' | 'malformed' | 'version' | 'field' | 'not_canonical';

export interface SignedFormInit {
  /** Name of the object in messages. */
  readonly noun: string;
  /** Its first item. */
  readonly version: number;
  /** Domain of the signature: no other object's signature is one of this. */
  readonly domain: string;
  /** Items of the body, the version being the first. */
  readonly items: number;
  readonly maxBytes: number;
  readonly fail: (fault: FormFault, message: string) => CodedError;
}

/**
 * The wire form that every signed object has: one array in canonical DAG-CBOR, its version first, its signature
 * last. The body is the same without the signature; its SHA-256 is what is named and signed.
 */
export class SignedForm {
  readonly #init: SignedFormInit;
  readonly #bodyHead: number;

  constructor(init: SignedFormInit) {
    if (init.items >= SMALL_MAX) throw new RangeError('the head of the array would not be one byte');
    this.#init = init;
    this.#bodyHead = ARRAY_HEAD + init.items;
  }

  /** The body of these fields: everything but the signature. */
  encodeBody(fields: readonly unknown[]): Uint8Array {
    return dagCbor.encode([this.#init.version, ...fields]);
  }

  /** The wire form of a body and its signature: the same items, the signature behind them. */
  encode(body: Uint8Array, signature: Uint8Array): Uint8Array {
    const bytes = concatBytes(body, SIGNATURE_HEAD, signature);
    bytes[0] = this.#bodyHead + 1;
    return bytes;
  }

  /** Bytes to sign: DAG-CBOR `[domain, swarm, digest of the body]`. */
  signingBytes(swarm: string, digest: Uint8Array): Uint8Array {
    return dagCbor.encode([this.#init.domain, swarm, digest]);
  }

  /** Checks before decoding: the size, and by the first bytes that it is an array of this version. */
  checkHead(bytes: Uint8Array): void {
    const { noun, maxBytes, fail } = this.#init;
    if (bytes.byteLength > maxBytes) throw fail('too_large', `${noun} exceeds ${maxBytes} bytes`);
    this.#checkVersion(bytes);
  }

  /** The fields between version and signature, unchecked, and the signature as it came. The size is checked first. */
  decode(bytes: Uint8Array): { readonly fields: unknown[]; readonly signature: unknown } {
    const { noun, items, fail } = this.#init;
    this.checkHead(bytes);
    let decoded: unknown;
    try {
      decoded = dagCbor.decode(bytes);
    } catch (error) {
      throw fail('malformed', `${noun} is not DAG-CBOR: ${errorMessage(error)}`);
    }
    if (!Array.isArray(decoded) || decoded.length !== items + 1) {
      throw fail('malformed', `${noun} must be an array of ${items + 1} items`);
    }
    return { fields: decoded.slice(1, -1), signature: decoded.at(-1) };
  }

  checkSignatureField(signature: unknown): asserts signature is Uint8Array {
    if (!(signature instanceof Uint8Array) || signature.byteLength !== SIGNATURE_BYTES) {
      throw this.#init.fail('field', `signature must be ${SIGNATURE_BYTES} bytes`);
    }
  }

  /** Throws `not_canonical` when `bytes` is not the wire form of `body`, which was made of what they say. */
  checkCanonical(bytes: Uint8Array, body: Uint8Array): void {
    const end = bytes.byteLength - TAIL_BYTES;
    const isWireForm =
      end === body.byteLength &&
      body[0] === this.#bodyHead &&
      equalBytes(bytes.subarray(1, end), body.subarray(1)) &&
      equalBytes(bytes.subarray(end, end + SIGNATURE_HEAD.byteLength), SIGNATURE_HEAD);
    if (!isWireForm) throw this.#init.fail('not_canonical', `${this.#init.noun} is not canonical DAG-CBOR`);
  }

  /** Another version is told apart by its first bytes alone: the rest may have any shape. */
  #checkVersion(bytes: Uint8Array): void {
    const { noun, version: known, fail } = this.#init;
    const head = bytes[0] ?? 0;
    const version = bytes[1] ?? 0xff;
    const isArray = head >= ARRAY_HEAD && head <= ARRAY_HEAD + SMALL_MAX;
    if (!isArray || version > SMALL_MAX) {
      throw fail('malformed', `${noun} must be a DAG-CBOR array that starts with its version`);
    }
    if (version !== known) throw fail('version', `${noun} version ${version} is not known here`);
  }
}
