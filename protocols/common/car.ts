/** Content-addressed archives, version 1 (https://ipld.io/specs/transport/car/carv1/): blocks one after another, each with its CID. */
import * as dagCbor from '@ipld/dag-cbor';
import { CID } from 'multiformats/cid';
import { CID_BYTES } from './block-cid.ts';
import { concatBytes } from './bytes.ts';
import { CodedError } from './errors.ts';

const VERSION = 1;
const VARINT_MAX_BYTES = 5;
const HEADER_MAX_BYTES = 1024;

export interface CarBlock {
  /** 36 bytes: version 1, SHA-256. */
  readonly cid: Uint8Array;
  readonly bytes: Uint8Array;
}

/** As long for every root. */
export function encodeCarHeader(root: Uint8Array): Uint8Array {
  const header = dagCbor.encode({ roots: [CID.decode(root)], version: VERSION });
  return concatBytes(varint(header.byteLength), header);
}

/** What stands before the bytes of a block. */
export function encodeCarPrefix({ cid, bytes }: CarBlock): Uint8Array {
  return concatBytes(varint(cid.byteLength + bytes.byteLength), cid);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

/** The blocks of an archive as its bytes come. The hashes are not looked at. Throws `bad_archive`. */
export class CarParser {
  readonly #blockMax: number;
  /** Of its one root; null until the header came. */
  root: Uint8Array | null = null;
  #pending: Uint8Array[] = [];
  #length = 0;

  constructor(init: { readonly blockMaxBytes: number }) {
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
      else yield blockOf(frame);
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

function blockOf(frame: Uint8Array): CarBlock {
  const cid = frame.subarray(0, CID_BYTES);
  // version 1, any codec of one byte, SHA-256
  if (frame.byteLength < CID_BYTES || cid[0] !== 1 || cid[2] !== 0x12 || cid[3] !== 0x20) {
    throw badArchive('a block in it has a CID that is not of version 1 and SHA-256');
  }
  return { cid, bytes: frame.subarray(CID_BYTES) };
}

export function badArchive(what: string): CodedError {
  return new CodedError('bad_archive', `this is no whole archive: ${what}`);
}
