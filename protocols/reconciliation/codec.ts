import {
  FINGERPRINT_BYTES,
  ID_BYTES,
  PROTOCOL_VERSION,
  TIMESTAMP_MAX,
  VARINT_MAX_BYTES,
  VERSION_FIRST,
  VERSION_LAST,
} from './constants.ts';
import { ReconciliationError } from './errors.ts';
import { type Bound, START } from './item.ts';
import { checkOrder, malformed } from './validate.ts';

/** How a range goes on. Numbers on the wire. */
export const MODE_SKIP = 0;
export const MODE_FINGERPRINT = 1;
export const MODE_IDS = 2;

/** From the upper bound of the range before it, inclusive, to its own, exclusive. */
export type Range = { readonly upper: Bound } & (
  | { readonly mode: typeof MODE_SKIP }
  | { readonly mode: typeof MODE_FINGERPRINT; readonly fingerprint: Uint8Array }
  /** Ids one after another. */
  | { readonly mode: typeof MODE_IDS; readonly ids: Uint8Array }
);

/** Base 128, the most significant digit first, no digit too many. */
export function encodeVarint(value: number): Uint8Array {
  const digits: number[] = [value % 0x80];
  for (let rest = Math.floor(value / 0x80); rest > 0; rest = Math.floor(rest / 0x80)) {
    digits.push((rest % 0x80) | 0x80);
  }
  return Uint8Array.from(digits.reverse());
}

export function varintLength(value: number): number {
  let length = 1;
  for (let rest = Math.floor(value / 0x80); rest > 0; rest = Math.floor(rest / 0x80)) length += 1;
  return length;
}

/** Reads what another side sent, from the first byte to the last. */
class ByteReader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get isEnd(): boolean {
    return this.#at === this.#bytes.byteLength;
  }

  get left(): number {
    return this.#bytes.byteLength - this.#at;
  }

  take(length: number): Uint8Array {
    if (length > this.left) throw malformed('the message ends too early');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  varint(): number {
    let value = 0;
    for (let i = 0; i < VARINT_MAX_BYTES; i++) {
      const [digit = 0] = this.take(1);
      if (i === 0 && digit === 0x80) throw malformed('a number must have no leading zero');
      value = value * 0x80 + (digit & 0x7f);
      if (value > Number.MAX_SAFE_INTEGER) break;
      if (digit < 0x80) return value;
    }
    throw malformed('a number must be below 2^53');
  }
}

/** The version of a message. Throws `message_malformed` when it does not begin with one. */
export function versionOf(bytes: Uint8Array): number {
  const [version] = bytes;
  if (version === undefined || version < VERSION_FIRST || version > VERSION_LAST) {
    throw malformed('a message must begin with a version of the protocol');
  }
  return version;
}

/**
 * The ranges of a message of version 1, in their order; what they say is a view of `bytes`. Throws `ReconciliationError`: too large,
 * another version, malformed.
 */
export function decodeMessage(bytes: Uint8Array, maxBytes: number): Range[] {
  if (bytes.byteLength > maxBytes) {
    throw new ReconciliationError('message_too_large', `message exceeds ${maxBytes} bytes`);
  }
  const version = versionOf(bytes);
  if (version !== PROTOCOL_VERSION) {
    throw new ReconciliationError('message_version', `version ${version - VERSION_FIRST} is not known here`);
  }
  const reader = new ByteReader(bytes, 1);
  const ranges: Range[] = [];
  let lower = START;
  while (!reader.isEnd) {
    const upper = readBound(reader, lower);
    checkOrder(lower, upper);
    ranges.push(readRange(reader, upper));
    lower = upper;
  }
  return ranges;
}

function readBound(reader: ByteReader, lower: Bound): Bound {
  const encoded = reader.varint();
  const length = reader.varint();
  if (length > ID_BYTES) throw malformed(`a bound has at most ${ID_BYTES} bytes of an id`);
  const prefix = reader.take(length);
  if (encoded === 0) {
    if (length > 0) throw malformed('the end has no id');
    return { timestamp: Number.POSITIVE_INFINITY, prefix };
  }
  const timestamp = lower.timestamp + encoded - 1;
  if (timestamp > TIMESTAMP_MAX && lower.timestamp !== Number.POSITIVE_INFINITY) {
    throw malformed('a timestamp must be at most 2^53 - 2');
  }
  return { timestamp, prefix };
}

function readRange(reader: ByteReader, upper: Bound): Range {
  const mode = reader.varint();
  switch (mode) {
    case MODE_SKIP:
      return { upper, mode };
    case MODE_FINGERPRINT:
      return { upper, mode, fingerprint: reader.take(FINGERPRINT_BYTES) };
    case MODE_IDS: {
      const count = reader.varint();
      if (count > reader.left / ID_BYTES) throw malformed('the message ends too early');
      return { upper, mode, ids: reader.take(count * ID_BYTES) };
    }
    default:
      throw malformed('a mode must be 0, 1 or 2');
  }
}

/** Puts a message of at most `maxBytes` together. The caller first checks what fits. */
export class MessageWriter {
  readonly #bytes: Uint8Array;
  #length = 0;
  #timestamp = 0;

  constructor(maxBytes: number) {
    this.#bytes = new Uint8Array(maxBytes);
    this.#add(Uint8Array.of(PROTOCOL_VERSION));
  }

  /** Whether nothing stands behind the version. */
  get isEmpty(): boolean {
    return this.#length === 1;
  }

  get room(): number {
    return this.#bytes.byteLength - this.#length;
  }

  sizeOf({ timestamp, prefix }: Bound): number {
    return varintLength(this.#offset(timestamp)) + 1 + prefix.byteLength;
  }

  /** `payload`: what follows the mode. */
  write({ timestamp, prefix }: Bound, mode: number, ...payload: readonly Uint8Array[]): void {
    this.#add(encodeVarint(this.#offset(timestamp)));
    this.#add(encodeVarint(prefix.byteLength));
    this.#add(prefix);
    this.#add(encodeVarint(mode));
    for (const part of payload) this.#add(part);
    if (timestamp !== Number.POSITIVE_INFINITY) this.#timestamp = timestamp;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #offset(timestamp: number): number {
    return timestamp === Number.POSITIVE_INFINITY ? 0 : 1 + timestamp - this.#timestamp;
  }

  #add(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.byteLength;
  }
}
