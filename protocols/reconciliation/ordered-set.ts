import type { Crypto } from '../common/crypto.ts';
import { ID_BYTES } from './constants.ts';
import { addId, addSum, fingerprintOf, type Sum, subtractId, subtractSum, zeroSum } from './fingerprint.ts';
import type { Bound, Item } from './item.ts';
import { LEAF_ITEMS, Leaf } from './leaf.ts';
import { checkItem } from './validate.ts';

/** A set of items in their order, with fingerprints of any part of it. Ranks count from 0; ranges leave out their end. */
export interface ReconcileSet {
  readonly size: number;
  /** Whether it was not there. `tag`: a number that its owner keeps beside it. */
  insert(item: Item, tag?: number): boolean;
  /** Whether it was there. */
  delete(item: Item): boolean;
  /** The number that was kept beside an item; null for one that is not there. */
  tagOf(item: Item): number | null;
  /** How many items are below it. */
  rankOf(bound: Bound): number;
  /** Throws `RangeError` when no item is there. */
  itemAt(rank: number): Item;
  /** Must not be changed meanwhile. */
  items(from: number, to: number): Iterable<Item>;
  fingerprint(from: number, to: number): Uint8Array;
}

/** Children of a branch: 1 000 000 items are three levels of these and a leaf. */
const CHILDREN_MAX = 32;

/** Part of the tree that has other parts, each with the sum of the ids in it. */
class Branch {
  readonly children: Node[];
  count = 0;
  readonly sum: Sum = zeroSum();

  constructor(children: Node[]) {
    this.children = children;
    this.recount();
  }

  recount(): void {
    this.count = 0;
    this.sum.fill(0);
    for (const { count, sum } of this.children) {
      this.count += count;
      addSum(this.sum, sum);
    }
  }

  /** Whether its first item is above a bound. */
  beginsAbove(timestamp: number, prefix: Uint8Array): boolean {
    return this.children[0]?.beginsAbove(timestamp, prefix) === true;
  }
}

type Node = Leaf | Branch;

/**
 * A B-tree whose nodes know how many items are in them and the sum of their ids: to change an item, or to make the fingerprint of any
 * range, a few nodes are looked at. Items lie in arrays of bytes: 48 bytes each in a full leaf, some 80 all in all as leaves are filled.
 */
export class OrderedSet implements ReconcileSet {
  readonly #crypto: Pick<Crypto, 'sha256'>;
  #root: Node = new Leaf();
  /** The sum asked for last: where one range ends the next one begins, in most cases. */
  #latest: { readonly rank: number; readonly sum: Sum } | null = null;

  constructor(components: { readonly crypto: Pick<Crypto, 'sha256'> }) {
    this.#crypto = components.crypto;
  }

  get size(): number {
    return this.#root.count;
  }

  insert(item: Item, tag = 0): boolean {
    checkItem(item);
    const path = this.#pathTo(item);
    const leaf = path.pop() as Leaf;
    const at = leaf.rankOf(item.timestamp, item.id);
    if (leaf.holds(at, item)) return false;
    this.#latest = null;
    leaf.insert(at, item, tag);
    const view = new DataView(item.id.buffer, item.id.byteOffset, ID_BYTES);
    for (const branch of path as Branch[]) {
      branch.count += 1;
      addId(branch.sum, view, 0);
    }
    if (leaf.count === LEAF_ITEMS) this.#split(path as Branch[], leaf);
    return true;
  }

  delete(item: Item): boolean {
    checkItem(item);
    const path = this.#pathTo(item);
    const leaf = path.pop() as Leaf;
    const at = leaf.rankOf(item.timestamp, item.id);
    if (!leaf.holds(at, item)) return false;
    this.#latest = null;
    leaf.remove(at);
    const view = new DataView(item.id.buffer, item.id.byteOffset, ID_BYTES);
    for (const branch of path as Branch[]) {
      branch.count -= 1;
      subtractId(branch.sum, view, 0);
    }
    this.#join(path as Branch[], leaf);
    return true;
  }

  tagOf(item: Item): number | null {
    checkItem(item);
    const leaf = this.#pathTo(item).at(-1) as Leaf;
    const at = leaf.rankOf(item.timestamp, item.id);
    return leaf.holds(at, item) ? leaf.tagAt(at) : null;
  }

  rankOf({ timestamp, prefix }: Bound): number {
    let rank = 0;
    let node = this.#root;
    while (node instanceof Branch) {
      const index = childOf(node, timestamp, prefix);
      for (let i = 0; i < index; i++) rank += node.children[i]?.count ?? 0;
      node = node.children[index] as Node;
    }
    return rank + node.rankOf(timestamp, prefix);
  }

  itemAt(rank: number): Item {
    const { leaf, at } = this.#leafAt(rank);
    return leaf.itemAt(at);
  }

  *items(from: number, to: number): IterableIterator<Item> {
    for (let rank = from; rank < to; ) {
      const { leaf, at } = this.#leafAt(rank);
      for (let i = at; i < leaf.count && rank < to; i++, rank++) yield leaf.itemAt(i);
    }
  }

  fingerprint(from: number, to: number): Uint8Array {
    const below = this.#latest?.rank === from ? this.#latest.sum : this.#sumBelow(from);
    const sum = this.#sumBelow(to);
    this.#latest = { rank: to, sum: sum.slice() };
    subtractSum(sum, below);
    return fingerprintOf(this.#crypto, sum, to - from);
  }

  /** The nodes from the root to the leaf where an item is, or would be. */
  #pathTo({ timestamp, id }: Item): Node[] {
    const path: Node[] = [this.#root];
    let node = this.#root;
    while (node instanceof Branch) {
      node = node.children[childOf(node, timestamp, id)] as Node;
      path.push(node);
    }
    return path;
  }

  #leafAt(rank: number): { leaf: Leaf; at: number } {
    if (rank < 0 || rank >= this.size) throw new RangeError('there is no item of this rank');
    let at = rank;
    let node = this.#root;
    while (node instanceof Branch) {
      let index = 0;
      let count = node.children[0]?.count ?? 0;
      while (at >= count) {
        at -= count;
        index += 1;
        count = node.children[index]?.count ?? 0;
      }
      node = node.children[index] as Node;
    }
    return { leaf: node, at };
  }

  /** The sum of the ids of the first `rank` items. */
  #sumBelow(rank: number): Sum {
    const sum = zeroSum();
    let left = rank;
    let node: Node | undefined = this.#root;
    while (node instanceof Branch) {
      let within: Node | undefined;
      for (const child of node.children) {
        if (left < child.count) {
          within = child;
          break;
        }
        addSum(sum, child.sum);
        left -= child.count;
      }
      node = within;
    }
    node?.addSumTo(sum, left);
    return sum;
  }

  /** Makes two of a full node, and so on to the root. */
  #split(path: readonly Branch[], leaf: Leaf): void {
    let left: Node = leaf;
    let right: Node = leaf.splitOff();
    for (const branch of path.toReversed()) {
      branch.children.splice(branch.children.indexOf(left) + 1, 0, right);
      if (branch.children.length <= CHILDREN_MAX) return;
      right = new Branch(branch.children.splice(CHILDREN_MAX / 2));
      branch.recount();
      left = branch;
    }
    this.#root = new Branch([left, right]);
  }

  /** Puts a node that has become small together with a neighbour, and so on to the root. */
  #join(path: readonly Branch[], leaf: Leaf): void {
    let node: Node = leaf;
    for (const branch of path.toReversed()) {
      const { children } = branch;
      const at = children.indexOf(node);
      if (!joins(children, at) && !joins(children, at - 1) && node.count > 0) return;
      node = branch;
    }
    while (this.#root instanceof Branch && this.#root.children.length === 1) {
      this.#root = this.#root.children[0] as Node;
    }
  }
}

/** Which child has what is at a bound: the last one that does not begin above it. */
function childOf({ children }: Branch, timestamp: number, prefix: Uint8Array): number {
  let first = 0;
  let last = children.length - 1;
  while (first < last) {
    const middle = (first + last + 1) >> 1;
    if (children[middle]?.beginsAbove(timestamp, prefix) === true) last = middle - 1;
    else first = middle;
  }
  return first;
}

/** Joins a child with the next one where both fit into one that has some room left, or one of them is empty. */
function joins(children: Node[], at: number): boolean {
  const [left, right] = [children[at], children[at + 1]];
  if (left === undefined || right === undefined) return false;
  if (left.count === 0 || right.count === 0) {
    children.splice(left.count === 0 ? at : at + 1, 1);
    return true;
  }
  if (left instanceof Leaf && right instanceof Leaf) {
    if (left.count + right.count > (LEAF_ITEMS * 3) / 4) return false;
    left.append(right);
  } else if (left instanceof Branch && right instanceof Branch) {
    if (left.children.length + right.children.length > (CHILDREN_MAX * 3) / 4) return false;
    left.children.push(...right.children);
    left.recount();
  } else return false;
  children.splice(at + 1, 1);
  return true;
}
