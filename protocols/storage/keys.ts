import { utf8Length } from '../common/bytes.ts';
import { NameError } from '../common/names.ts';
import { KEY_MAX_BYTES } from './constants.ts';

/** Text decoders drop it at the beginning: two keys would become one. */
const BYTE_ORDER_MARK = '\ufeff';

/** UTF-16 puts surrogates, which stand for U+10000 and up, before U+E000 to U+FFFF; UTF-8 behind them. */
const SURROGATES_START = 0xd800;
const SURROGATES_END = 0xe000;
const BEHIND_ALL = 0x10000;

/** Throws `bad_key`. Any character is allowed, control characters too: keys are data. */
export function checkKey(key: string): void {
  if (key === '') throw new NameError('bad_key', `key must be 1 to ${KEY_MAX_BYTES} bytes of UTF-8`);
  checkPrefix(key, 'key');
}

/** Checks a key prefix: a key, or empty. */
export function checkPrefix(prefix: string, noun = 'prefix'): void {
  const length = prefix.length > KEY_MAX_BYTES ? prefix.length : utf8Length(prefix);
  if (length > KEY_MAX_BYTES) {
    throw new NameError('bad_key', `${noun} must have at most ${KEY_MAX_BYTES} bytes of UTF-8`);
  }
  if (!prefix.isWellFormed()) throw new NameError('bad_key', `${noun} must be well-formed Unicode`);
  if (prefix.startsWith(BYTE_ORDER_MARK)) {
    throw new NameError('bad_key', `${noun} must not begin with U+FEFF, which decoders of text drop`);
  }
}

/** The order of keys: bytewise in UTF-8, which is not that of JavaScript's `<`. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [left, right] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= SURROGATES_START && unit < SURROGATES_END ? unit + BEHIND_ALL : unit;
}
