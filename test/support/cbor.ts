/**
 * CBOR written by hand, apart from the library under test: what comes out is exactly what is asked for, canonical
 * or not.
 */
export const UINT = 0;
export const NEGATIVE = 1;
export const BYTES = 2;
export const TEXT = 3;
export const ARRAY = 4;
export const MAP = 5;
export const TAG = 6;

export const NULL = Buffer.of(0xf6);
export const UNDEFINED = Buffer.of(0xf7);
export const FALSE = Buffer.of(0xf4);
export const TRUE = Buffer.of(0xf5);
export const BREAK = Buffer.of(0xff);

/** How many bytes follow the first byte of a head. */
export type Width = 0 | 1 | 2 | 4 | 8;

function shortest(value: bigint): Width {
  if (value < 24n) return 0;
  if (value < 2n ** 8n) return 1;
  if (value < 2n ** 16n) return 2;
  return value < 2n ** 32n ? 4 : 8;
}

/** A head: major type and argument, in the shortest form unless `width` asks for a longer one. */
export function head(major: number, argument: number | bigint, width?: Width): Buffer {
  const value = BigInt(argument);
  const size = width ?? shortest(value);
  if (size === 0) return Buffer.of((major << 5) | Number(value));
  const info = { 1: 24, 2: 25, 4: 26, 8: 27 }[size];
  const out = Buffer.alloc(1 + size);
  out[0] = (major << 5) | info;
  out.set(Buffer.from(value.toString(16).padStart(2 * size, '0'), 'hex'), 1);
  return out;
}

/** The head of something of indefinite length, which DAG-CBOR does not have. */
export function indefinite(major: number): Buffer {
  return Buffer.of((major << 5) | 31);
}

export function integer(value: number | bigint, width?: Width): Buffer {
  const exact = BigInt(value);
  return exact < 0n ? head(NEGATIVE, -1n - exact, width) : head(UINT, exact, width);
}

export function text(value: string | Uint8Array, width?: Width): Buffer {
  const raw = Buffer.from(value);
  return Buffer.concat([head(TEXT, raw.byteLength, width), raw]);
}

export function bytes(value: Uint8Array, width?: Width): Buffer {
  return Buffer.concat([head(BYTES, value.byteLength, width), value]);
}

export function list(items: readonly Uint8Array[], width?: Width): Buffer {
  return Buffer.concat([head(ARRAY, items.length, width), ...items]);
}

/** A map in the order of `entries`, with text keys. */
export function map(entries: readonly (readonly [string, Uint8Array])[], width?: Width): Buffer {
  const flat = entries.flatMap(([key, value]) => [text(key), value]);
  return Buffer.concat([head(MAP, entries.length, width), ...flat]);
}

export function tag(number: number, value: Uint8Array): Buffer {
  return Buffer.concat([head(TAG, number), value]);
}

/** A float of 8 bytes, the only width DAG-CBOR has. */
export function float64(value: number): Buffer {
  const out = Buffer.alloc(9, 0xfb);
  out.writeDoubleBE(value, 1);
  return out;
}

/** `levels` lists around nothing: `[[[]]]` has 3. */
export function nested(levels: number): Buffer {
  return Buffer.concat([Buffer.alloc(levels - 1, 0x81), Buffer.of(0x80)]);
}
