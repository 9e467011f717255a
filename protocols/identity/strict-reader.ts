const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
/** Arguments that stand in the first byte itself. */
const SMALL_MAX = 23;
/** The last that says how many bytes of an argument follow: 1, 2, 4 or 8. */
const WIDE_MAX = 27;
const ASCII_MAX = 0x7f;
/** Stands for a missing head: no caller asks for its kind. */
const NOTHING = 0xff;

/**
 * Reads items of canonical DAG-CBOR one after another, as many kinds of them as a CACAO has: texts in ASCII, byte strings,
 * lists and maps of which it is known what comes. Every head is in its shortest form; so what was read to its end has no
 * other spelling, provided that its maps' keys were asked for in their order.
 *
 * At anything else it fails: what it gives from then on means nothing, and `isWhole` is false. The caller reports the fault.
 */
export class StrictReader {
  readonly #bytes: Uint8Array;
  /** The same, a character for each byte: texts are cut out of it. */
  readonly #characters: string;
  #at = 0;
  #hasFailed = false;

  /** `bytes`: a few thousand at most. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#characters = Reflect.apply(String.fromCharCode, null, bytes);
  }

  /** Whether everything was as it was asked for, and nothing is left. */
  get isWhole(): boolean {
    return !this.#hasFailed && this.#at === this.#bytes.byteLength;
  }

  /** Where the next item begins. */
  get at(): number {
    return this.#at;
  }

  /** Entries of a map that begins here. */
  map(): number {
    return this.#head(MAP);
  }

  /** Whether `key`, of at most 23 ASCII characters, stands here. If so, its value is next. */
  hasKey(key: string): boolean {
    const isHere =
      this.#bytes[this.#at] === (TEXT << 5) + key.length && this.#characters.startsWith(key, this.#at + 1);
    if (isHere) this.#at += 1 + key.length;
    return isHere;
  }

  /** The text behind `key`, which has to stand here. */
  entry(key: string): string {
    if (!this.hasKey(key)) this.#fail();
    return this.text();
  }

  /** The text behind `key`, if that stands here. */
  optionalEntry(key: string): string | undefined {
    return this.hasKey(key) ? this.text() : undefined;
  }

  text(): string {
    const length = this.#head(TEXT);
    const from = this.#at;
    this.#skip(length);
    for (let i = from; i < this.#at; i++) if ((this.#bytes[i] ?? 0) > ASCII_MAX) this.#fail();
    return this.#characters.slice(from, this.#at);
  }

  /** A list of at most `max` texts. */
  texts(max: number): string[] {
    const count = this.#head(ARRAY);
    if (count > max) this.#fail();
    const texts: string[] = [];
    for (let i = 0; i < count && !this.#hasFailed; i++) texts.push(this.text());
    return texts;
  }

  /** A copy. */
  bytes(): Uint8Array {
    const length = this.#head(BYTES);
    const from = this.#at;
    this.#skip(length);
    return new Uint8Array(this.#bytes.subarray(from, this.#at));
  }

  /** Length or count of an item of this kind, in its shortest form. */
  #head(major: number): number {
    const first = this.#bytes[this.#at] ?? NOTHING;
    const info = first & 0x1f;
    this.#at += 1;
    if (first >> 5 === major && info <= SMALL_MAX) return info;
    if (first >> 5 === major && info <= WIDE_MAX) return this.#argument(1 << (info - SMALL_MAX - 1));
    this.#fail();
    return 0;
  }

  /** An argument of so many bytes, for which fewer would not do. */
  #argument(width: number): number {
    const from = this.#at;
    this.#skip(width);
    let value = 0;
    for (let i = from; i < this.#at; i++) value = value * 256 + (this.#bytes[i] ?? 0);
    const least = width === 1 ? SMALL_MAX + 1 : 2 ** (4 * width);
    if (Number.isSafeInteger(value) && value >= least) return value;
    this.#fail();
    return 0;
  }

  #skip(length: number): void {
    this.#at += length;
    if (this.#at > this.#bytes.byteLength) this.#fail();
  }

  #fail(): void {
    this.#hasFailed = true;
    this.#at = this.#bytes.byteLength;
  }
}
