/**
 * Regular expressions without what makes them slow: no back references, no looking around. What is left is a set of texts that
 * an automaton recognises in time that grows with the text only.
 */
import { GatewayError } from '../core/errors.ts';
import { PATTERN_MAX_LENGTH } from '../core/limits.ts';

/** A code point's. */
export type CharTest = (char: number) => boolean;

export type Expression =
  | { readonly kind: 'char'; readonly test: CharTest }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | { readonly kind: 'sequence'; readonly items: readonly Expression[] }
  | { readonly kind: 'choice'; readonly items: readonly Expression[] }
  | {
      readonly kind: 'repeat';
      readonly item: Expression;
      readonly least: number;
      readonly most: number | null;
    };

const LINE_FEED = 0x0a;
const COUNTS = /^\{(\d{1,4})(?:(,)(\d{1,4})?)?\}/;
const HEX_ESCAPE = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4}))/;
const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: LINE_FEED, v: 11, f: 12, r: 13 };
const CLASSES: Readonly<Record<string, CharTest>> = {
  d: (char) => isBetween(char, '0', '9'),
  w: (char) =>
    isBetween(char, '0', '9') || isBetween(char, 'a', 'z') || isBetween(char, 'A', 'Z') || char === code('_'),
  s: (char) => char === 0x20 || (char >= 9 && char <= 13),
};

/** Reads a regular expression. Throws `bad_pattern`. */
export function parsePattern(source: string): Expression {
  const chars = Array.from(source);
  if (chars.length > PATTERN_MAX_LENGTH) {
    throw bad(`must have at most ${PATTERN_MAX_LENGTH} characters`);
  }
  const parser = new Parser(chars);
  const expression = parser.choice();
  if (!parser.isAtEnd) throw bad('has a ) without its (');
  return expression;
}

class Parser {
  readonly #chars: readonly string[];
  #at = 0;

  constructor(chars: readonly string[]) {
    this.#chars = chars;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#chars.length;
  }

  choice(): Expression {
    const items = [this.#sequence()];
    while (this.#take('|')) items.push(this.#sequence());
    const [only] = items;
    return items.length === 1 && only !== undefined ? only : { kind: 'choice', items };
  }

  #sequence(): Expression {
    const items: Expression[] = [];
    while (!this.isAtEnd && this.#peek !== '|' && this.#peek !== ')') items.push(this.#repeated());
    return { kind: 'sequence', items };
  }

  #repeated(): Expression {
    const item = this.#atom();
    const counts = this.#counts();
    if (counts === null) return item;
    // lazy or not, the texts are the same
    this.#take('?');
    if (this.#counts() !== null) throw bad('repeats a repetition: put it in ( )');
    return { kind: 'repeat', item, ...counts };
  }

  #counts(): { least: number; most: number | null } | null {
    if (this.#take('*')) return { least: 0, most: null };
    if (this.#take('+')) return { least: 1, most: null };
    if (this.#take('?')) return { least: 0, most: 1 };
    const [whole, first, comma, last] = COUNTS.exec(this.#rest) ?? [];
    if (whole === undefined) return null;
    this.#at += whole.length;
    const least = Number(first);
    const most = comma === undefined ? least : last === undefined ? null : Number(last);
    if (most !== null && most < least) throw bad('has a repetition whose bounds are the wrong way round');
    return { least, most };
  }

  #atom(): Expression {
    const char = this.#next();
    if (char === '^') return { kind: 'start' };
    if (char === '$') return { kind: 'end' };
    if (char === '.') return { kind: 'char', test: (one) => one !== LINE_FEED };
    if (char === '(') return this.#group();
    if (char === '[') return { kind: 'char', test: this.#set() };
    if (char === '\\') return { kind: 'char', test: testOf(this.#escape()) };
    if ('*+?'.includes(char)) throw bad('repeats nothing: write \\ before a character that means itself');
    return { kind: 'char', test: testOf(code(char)) };
  }

  #group(): Expression {
    if (this.#take('?') && !this.#take(':')) throw bad('knows no groups but ( ) and (?: )');
    const inner = this.choice();
    if (!this.#take(')')) throw bad('has a ( without its )');
    return inner;
  }

  #set(): CharTest {
    const isNegated = this.#take('^');
    const tests: CharTest[] = [];
    // a ] at the beginning means itself
    for (let isFirst = true; isFirst || this.#peek !== ']'; isFirst = false) tests.push(this.#member());
    this.#next();
    return (char) => tests.some((test) => test(char)) !== isNegated;
  }

  #member(): CharTest {
    const first = this.#memberChar();
    const isRange = this.#peek === '-' && this.#chars[this.#at + 1] !== ']';
    if (!isRange) return testOf(first);
    this.#next();
    const last = this.#memberChar();
    if (typeof first !== 'number' || typeof last !== 'number' || last < first)
      throw bad('has a range in [ ] that is none');
    return (char) => char >= first && char <= last;
  }

  #memberChar(): number | CharTest {
    const char = this.#next();
    return char === '\\' ? this.#escape() : code(char);
  }

  #escape(): number | CharTest {
    const [whole, two, four] = HEX_ESCAPE.exec(this.#rest) ?? [];
    if (whole !== undefined) {
      this.#at += whole.length;
      return Number.parseInt(two ?? four ?? '', 16);
    }
    const char = this.#next();
    const control = CONTROLS[char];
    if (control !== undefined) return control;
    const known = CLASSES[char.toLowerCase()];
    if (known !== undefined) return char === char.toLowerCase() ? known : (one) => !known(one);
    if (/[0-9a-zA-Z]/.test(char)) throw bad(`does not know \\${char}`);
    return code(char);
  }

  get #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  /** What is left, for what is ASCII: then one character is one unit. */
  get #rest(): string {
    return this.#chars.slice(this.#at, this.#at + 16).join('');
  }

  #take(char: string): boolean {
    if (this.#peek !== char) return false;
    this.#at += 1;
    return true;
  }

  #next(): string {
    const char = this.#peek;
    if (char === undefined) throw bad('ends too early');
    this.#at += 1;
    return char;
  }
}

function testOf(member: number | CharTest): CharTest {
  return typeof member === 'number' ? (char) => char === member : member;
}

function code(char: string): number {
  return char.codePointAt(0) ?? 0;
}

function isBetween(char: number, first: string, last: string): boolean {
  return char >= code(first) && char <= code(last);
}

export function bad(what: string): GatewayError {
  return new GatewayError('bad_pattern', `the regular expression ${what}`);
}
