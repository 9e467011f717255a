import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import {
  type Bound,
  boundBetween,
  compareBounds,
  END,
  type Item,
  OrderedSet,
  START,
  TIMESTAMP_MAX,
} from '../../../../protocols/reconciliation/index.ts';
import { checkWith } from '../../../support/fuzzing.ts';

/** Seeds tried every time, beside a fresh one: whichever fails is added here. */
const check = checkWith([1, 42]);
const crypto = createCrypto();

/** An item that its number makes: some share their timestamps. */
function itemOf(number: number): Item {
  const id = createHash('sha256').update(String(number)).digest();
  return { timestamp: (id[0] ?? 0) % 5, id: new Uint8Array(id) };
}

/** An id that begins with the bytes given. */
function at(timestamp: number, ...start: number[]): Item {
  return { timestamp, id: Uint8Array.from({ length: 32 }, (_, i) => start[i] ?? 0) };
}

function boundOf({ timestamp, id }: Item): Bound {
  return { timestamp, prefix: id };
}

function sorted(items: Iterable<Item>): Item[] {
  return [...items].toSorted((a, b) => compareBounds(boundOf(a), boundOf(b)));
}

/** The same set with nothing clever about it. */
function plain(items: Iterable<Item>): OrderedSet {
  const set = new OrderedSet({ crypto });
  for (const item of sorted(items)) set.insert(item);
  return set;
}

test('it holds what was put in and not taken out, in order, and knows the fingerprint of any range', () => {
  const steps = fc.array(fc.tuple(fc.nat(3000), fc.boolean()), { maxLength: 6000, minLength: 1 });
  const places = fc.tuple(fc.nat(), fc.nat());
  const holds = fc.property(steps, fc.nat(3), places, (changes, removals, [one, other]) => {
    const set = new OrderedSet({ crypto });
    const held = new Map<number, Item>();
    for (const [number, isRemoved] of changes) {
      const item = itemOf(number);
      if (isRemoved && removals > 0) assert.equal(set.delete(item), held.delete(number));
      else {
        assert.equal(set.insert(item, number), !held.has(number));
        held.set(number, item);
      }
      assert.equal(set.size, held.size);
    }
    const items = sorted(held.values());
    assert.deepEqual([...set.items(0, set.size)], items);
    for (const [number, item] of held) assert.equal(set.tagOf(item), number);
    const [from, to] = [one % (items.length + 1), other % (items.length + 1)].toSorted((a, b) => a - b);
    const part = items.slice(from, to);
    assert.deepEqual(set.fingerprint(from ?? 0, to ?? 0), plain(part).fingerprint(0, part.length));
    for (const [rank, item] of part.slice(0, 20).entries()) {
      assert.deepEqual(set.itemAt((from ?? 0) + rank), item);
      assert.equal(set.rankOf(boundOf(item)), (from ?? 0) + rank);
    }
  });
  check(holds, 12);
});

test('thousands of items come and go again, and nothing is left of them', () => {
  const set = new OrderedSet({ crypto });
  const items = Array.from({ length: 20_000 }, (_, i) => itemOf(i));
  for (const item of items) set.insert(item);
  const kept = items.slice(0, 300);
  for (const item of items.slice(300).toReversed()) assert.ok(set.delete(item));
  assert.deepEqual([...set.items(0, set.size)], sorted(kept));
  assert.deepEqual(set.fingerprint(0, set.size), plain(kept).fingerprint(0, kept.length));
  for (const item of kept) assert.ok(set.delete(item));
  assert.equal(set.size, 0);
  assert.deepEqual(set.fingerprint(0, 0), plain([]).fingerprint(0, 0));
  assert.ok(set.insert(items[0] ?? itemOf(0)));
});

test('a bound parts neighbours with as few bytes as possible', () => {
  assert.deepEqual(boundBetween(at(1, 9), at(2, 1)), { timestamp: 2, prefix: new Uint8Array() });
  assert.deepEqual(boundBetween(at(2, 1, 2, 3), at(2, 1, 2, 4)), {
    timestamp: 2,
    prefix: Uint8Array.of(1, 2, 4),
  });
  const set = plain([at(1, 9), at(2, 1, 2, 3), at(2, 1, 2, 4)]);
  assert.equal(set.rankOf({ timestamp: 2, prefix: new Uint8Array() }), 1);
  assert.equal(set.rankOf({ timestamp: 2, prefix: Uint8Array.of(1, 2, 4) }), 2);
  assert.equal(set.rankOf(START), 0);
  assert.equal(set.rankOf(END), 3);
});

test('what is no item is refused', () => {
  const set = new OrderedSet({ crypto });
  const id = new Uint8Array(32);
  for (const timestamp of [-1, 0.5, TIMESTAMP_MAX + 1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => set.insert({ timestamp, id }), RangeError);
  }
  assert.throws(() => set.insert({ timestamp: 0, id: new Uint8Array(31) }), RangeError);
  assert.throws(() => set.itemAt(0), RangeError);
  assert.ok(set.insert({ timestamp: TIMESTAMP_MAX, id }));
});
