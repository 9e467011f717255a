/** Content-addressed archives, version 1 (https://ipld.io/specs/transport/car/carv1/): blocks one after another, each with its CID. */
import * as dagCbor from '@ipld/dag-cbor';
import { CID } from 'multiformats/cid';
import { CID_BYTES } from './block-cid.ts';
import { concatBytes, equalBytes } from './bytes.ts';
import type { Crypto } from './crypto.ts';
import { CodedError } from './errors.ts';
import { encodeVarint } from './varint.ts';

const VERSION = 1;
const VARINT_MAX_BYTES = 5;
const HEADER_MAX_BYTES = 1024;
/** Version, codec, hash function and its length: the digest follows. */
const CID_HEAD_BYTES = 4;

export interface CarBlock {
  /** 36 bytes: version 1, SHA-256. */
  readonly cid: Uint8Array;
  readonly bytes: Uint8Array;
}

/** The header has the same length for every root, so it can be written over once the root is known. */
export function encodeCarHeader(root: Uint8Array): Uint8Array {
  return section(dagCbor.encode({ roots: [CID.decode(root)], version: VERSION }));
}

export function encodeCarBlock({ cid, bytes }: CarBlock): Uint8Array {
  return section(cid, bytes);
}

function section(...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0);
  return concatBytes(encodeVarint(length), ...parts);
}

/** Reads the blocks of an archive from its bytes in pieces, and checks each against its CID. Throws `bad_archive`. */
export class CarParser {
  readonly #crypto: Pick<Crypto, 'sha256'>;
  readonly #blockMax: number;
  /** CID of its one root; null until the header arrives. */
  root: Uint8Array | null = null;
  #pending: Uint8Array[] = [];
  #length = 0;

  constructor(crypto: Pick<Crypto, 'sha256'>, init: { readonly blockMaxBytes: number }) {
    this.#crypto = crypto;
    this.#blockMax = init.blockMaxBytes;
  }

  /** Whether everything so far is whole blocks. */
  get isBetween(): boolean {
    return this.root !== null && this.#length === 0;
  }

  *push(bytes: Uint8Array): Generator<CarBlock, void, undefined> {
    this.#pending.push(bytes);
    this.#length += bytes.byteLength;
    for (let frame = this.#frame(); frame !== null; frame = this.#frame()) {
      if (this.root === null) this.root = rootOf(frame);
      else yield this.#block(frame);
    }
  }

  /** The next whole frame without its length. */
  #frame(): Uint8Array | null {
    const head = this.#peek(VARINT_MAX_BYTES);
    const found = lengthOf(head);
    if (found === null) return null;
    const max = this.root === null ? HEADER_MAX_BYTES : CID_BYTES + this.#blockMax;
    if (found.value > max) throw badArchive(`a part of it has ${found.value} bytes, above ${max}`);
    if (this.#length < found.bytes + found.value) return null;
    const all = this.#pending.length === 1 ? (this.#pending[0] ?? head) : concatBytes(...this.#pending);
    const end = found.bytes + found.value;
    const rest = all.subarray(end);
    this.#pending = rest.byteLength === 0 ? [] : [rest];
    this.#length = rest.byteLength;
    return all.subarray(found.bytes, end);
  }

  #block(frame: Uint8Array): CarBlock {
    const cid = frame.subarray(0, CID_BYTES);
    // version 1, any codec of one byte, SHA-256
    if (frame.byteLength < CID_BYTES || cid[0] !== 1 || cid[2] !== 0x12 || cid[3] !== 0x20) {
      throw badArchive('a block in it has a CID that is not of version 1 and SHA-256');
    }
    const bytes = frame.subarray(CID_BYTES);
    if (!equalBytes(this.#crypto.sha256(bytes), cid.subarray(CID_HEAD_BYTES))) {
      throw badArchive('a block in it is not what its CID says');
    }
    return { cid, bytes };
  }

  #peek(length: number): Uint8Array {
    const bytes: number[] = [];
    for (const part of this.#pending) {
      for (const byte of part.subarray(0, length - bytes.length)) bytes.push(byte);
      if (bytes.length === length) break;
    }
    return Uint8Array.from(bytes);
  }
}

function lengthOf(head: Uint8Array): { value: number; bytes: number } | null {
  let value = 0;
  for (const [index, byte] of head.entries()) {
    value += (byte & 0x7f) * 128 ** index;
    if (byte < 0x80) return { value, bytes: index + 1 };
  }
  if (head.byteLength < VARINT_MAX_BYTES) return null;
  throw badArchive('a length in it is too large');
}

function rootOf(frame: Uint8Array): Uint8Array {
  try {
    const header = dagCbor.decode<{ roots?: unknown; version?: unknown }>(frame);
    const [root, ...others] = Array.isArray(header.roots) ? (header.roots as unknown[]) : [];
    const cid = CID.asCID(root);
    if (header.version === VERSION && others.length === 0 && cid?.byteLength === CID_BYTES) return cid.bytes;
  } catch {
    // said below
  }
  throw badArchive('it does not begin as a CARv1 with one root does');
}

export function badArchive(what: string): CodedError {
  return new CodedError('bad_archive', `this is no whole archive: ${what}`);
}
