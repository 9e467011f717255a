import { ID_BYTES } from './constants.ts';
import { addId, addSum, type Sum, subtractId, zeroSum } from './fingerprint.ts';
import type { Item } from './item.ts';

/** Items of a leaf: enough that what a leaf costs beside them is little, few enough to add up in a microsecond or two. */
export const LEAF_ITEMS = 128;
const NUMBER_BYTES = 8;

/** Items one after another. */
export class Leaf {
  count = 0;
  readonly sum: Sum = zeroSum();
  readonly #timestamps: Float64Array;
  readonly #tags: Float64Array;
  readonly #ids: Uint8Array;
  readonly #view: DataView;

  constructor() {
    const numbers = LEAF_ITEMS * NUMBER_BYTES;
    const buffer = new ArrayBuffer(2 * numbers + LEAF_ITEMS * ID_BYTES);
    this.#timestamps = new Float64Array(buffer, 0, LEAF_ITEMS);
    this.#tags = new Float64Array(buffer, numbers, LEAF_ITEMS);
    this.#ids = new Uint8Array(buffer, 2 * numbers);
    this.#view = new DataView(buffer, 2 * numbers);
  }

  /** Whether its first item is above a bound. */
  beginsAbove(timestamp: number, prefix: Uint8Array): boolean {
    if (this.count === 0) return false;
    return this.#compare(0, timestamp, prefix, ID_BYTES) > 0;
  }

  /** A copy. */
  itemAt(at: number): Item {
    return { timestamp: this.#timestamps[at] ?? 0, id: this.#ids.slice(at * ID_BYTES, (at + 1) * ID_BYTES) };
  }

  tagAt(at: number): number {
    return this.#tags[at] ?? 0;
  }

  /** How many items are below a bound; bytes that its prefix lacks are zero. */
  rankOf(timestamp: number, prefix: Uint8Array): number {
    let first = 0;
    let last = this.count;
    while (first < last) {
      const middle = (first + last) >> 1;
      if (this.#compare(middle, timestamp, prefix, prefix.byteLength) < 0) first = middle + 1;
      else last = middle;
    }
    return first;
  }

  /** Whether the item is there, at its place. */
  holds(at: number, { timestamp, id }: Item): boolean {
    if (at >= this.count || this.#timestamps[at] !== timestamp) return false;
    for (let i = 0; i < ID_BYTES; i++) if (this.#ids[at * ID_BYTES + i] !== id[i]) return false;
    return true;
  }

  insert(at: number, { timestamp, id }: Item, tag: number): void {
    this.#move(at, at + 1);
    this.#timestamps[at] = timestamp;
    this.#tags[at] = tag;
    this.#ids.set(id, at * ID_BYTES);
    this.count += 1;
    addId(this.sum, this.#view, at * ID_BYTES);
  }

  remove(at: number): void {
    subtractId(this.sum, this.#view, at * ID_BYTES);
    this.#move(at + 1, at);
    this.count -= 1;
  }

  /** The upper half, moved into a new leaf. */
  splitOff(): Leaf {
    const half = this.count >> 1;
    const right = new Leaf();
    right.#copy(this, half, this.count, 0);
    right.count = this.count - half;
    this.count = half;
    this.#resum();
    right.#resum();
    return right;
  }

  /** Takes over the items of the leaf that follows. */
  append(next: Leaf): void {
    this.#copy(next, 0, next.count, this.count);
    this.count += next.count;
    addSum(this.sum, next.sum);
  }

  /** Adds the ids of the first `count` items. */
  addSumTo(sum: Sum, count: number): void {
    for (let i = 0; i < count; i++) addId(sum, this.#view, i * ID_BYTES);
  }

  /** An item against a bound of which so many bytes are looked at. */
  #compare(at: number, timestamp: number, prefix: Uint8Array, length: number): number {
    const own = this.#timestamps[at] ?? 0;
    if (own !== timestamp) return own < timestamp ? -1 : 1;
    for (let i = 0; i < length; i++) {
      const difference = (this.#ids[at * ID_BYTES + i] ?? 0) - (prefix[i] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** Moves the items from `from` on. */
  #move(from: number, to: number): void {
    this.#timestamps.copyWithin(to, from, this.count);
    this.#tags.copyWithin(to, from, this.count);
    this.#ids.copyWithin(to * ID_BYTES, from * ID_BYTES, this.count * ID_BYTES);
  }

  #copy(other: Leaf, from: number, to: number, at: number): void {
    this.#timestamps.set(other.#timestamps.subarray(from, to), at);
    this.#tags.set(other.#tags.subarray(from, to), at);
    this.#ids.set(other.#ids.subarray(from * ID_BYTES, to * ID_BYTES), at * ID_BYTES);
  }

  #resum(): void {
    this.sum.fill(0);
    this.addSumTo(this.sum, this.count);
  }
}
