const ARRAY = 4;
const MAP = 5;
const TAG = 6;
const BYTES = 2;
const TEXT = 3;
/** Arguments that stand in the first byte itself. */
const SMALL_MAX = 23;
const WIDTHS: Readonly<Record<number, number>> = { 24: 1, 25: 2, 26: 4, 27: 8 };

export interface CborHead {
  readonly major: number;
  /** Value, length or count; a value of 2^53 or more is not exact. */
  readonly argument: number;
  /** Where what is behind the head begins. */
  readonly end: number;
}

/** The head at `at`; null when it is missing, of indefinite length, or of 2^53 or more. */
export function readCborHead(bytes: Uint8Array, at: number): CborHead | null {
  const first = bytes[at];
  if (first === undefined) return null;
  const major = first >> 5;
  const info = first & 0x1f;
  if (info <= SMALL_MAX) return { major, argument: info, end: at + 1 };
  const width = WIDTHS[info];
  const end = at + 1 + (width ?? 0);
  if (width === undefined || end > bytes.byteLength) return null;
  let argument = 0;
  for (let i = at + 1; i < end; i++) argument = argument * 256 + (bytes[i] ?? 0);
  const isLength = major >= BYTES && major <= MAP;
  return isLength && !Number.isSafeInteger(argument) ? null : { major, argument, end };
}

/**
 * Whether `bytes` hold at most `itemsMax` items, counted without making any of them: a decoder makes an object of every
 * byte of a megabyte of empty lists. Says nothing of whether they are right.
 */
export function hasFewItems(bytes: Uint8Array, itemsMax: number): boolean {
  let at = 0;
  for (let items = 0; at < bytes.byteLength; items++) {
    const head = items < itemsMax ? readCborHead(bytes, at) : null;
    if (head === null) return false;
    at = head.end;
    if (head.major === BYTES || head.major === TEXT) at += head.argument;
    // a decoder makes room for what the head says before it reads it
    const isMany = head.major === ARRAY || head.major === MAP;
    if (head.major === TAG || (isMany && head.argument > itemsMax)) return false;
  }
  return true;
}
