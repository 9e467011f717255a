import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCrypto } from '../../../../node/crypto.ts';
import { homesOf, type Member, standInsOf, viewOf } from '../../../../protocols/storage/index.ts';

const crypto = createCrypto();

const member = fc.record({
  id: fc.string({ minLength: 1, maxLength: 4 }),
  prefix: fc.constantFrom('a', 'b', 'c', 'd', 'loopback'),
  isLive: fc.boolean(),
});
const members = fc
  .uniqueArray(member, { selector: ({ id }) => id, maxLength: 12 })
  .map((list): Member[] =>
    list.map((one) => ({ ...one, kadId: crypto.sha256(new TextEncoder().encode(one.id)) })),
  );
const place = fc.uint8Array({ minLength: 32, maxLength: 32 });
const options = fc.record({ replicas: fc.integer({ min: 1, max: 5 }), distinctPrefixes: fc.boolean() });

function ids(list: readonly Member[]): string[] {
  return list.map(({ id }) => id);
}

test('homes are the same in whatever order members come, and whoever is live', () => {
  const property = fc.property(members, place, options, fc.nat(), (list, at, init, turn) => {
    const cut = list.length === 0 ? 0 : turn % list.length;
    const turned = [...list.slice(cut), ...list.slice(0, cut)];
    const other = turned.map(({ id, kadId, prefix, isLive }) => ({ id, kadId, prefix, isLive: !isLive }));
    const homes = homesOf(at, list, init);
    assert.deepEqual(ids(homesOf(at, other, init)), ids(homes));
    assert.equal(viewOf(crypto, homesOf(at, other, init)), viewOf(crypto, homes));
    const twice = homesOf(at, [...list, ...list], init);
    assert.deepEqual(ids(twice), ids(homes), 'a member named twice is one');
  });
  fc.assert(property);
});

test('of any prefix but loopback there is at most one home, and no room is left while a free one is there', () => {
  const property = fc.property(members, place, options, (list, at, init) => {
    const homes = homesOf(at, list, init);
    const used = homes.map(({ prefix }) => prefix).filter((prefix) => prefix !== 'loopback');
    if (init.distinctPrefixes) assert.equal(new Set(used).size, used.length);
    const others = list.filter(({ id }) => !ids(homes).includes(id));
    const isFree = ({ prefix }: Member): boolean => !init.distinctPrefixes || !used.includes(prefix);
    if (others.some(isFree)) assert.equal(homes.length, init.replicas);
    assert.ok(homes.length <= init.replicas);
  });
  fc.assert(property);
});

test('who stands in becomes home when those that are gone are no members any more', () => {
  const property = fc.property(members, place, options, (list, at, init) => {
    const homes = homesOf(at, list, init);
    // the others are live: who is gone among them is no candidate, but would be home
    const all = list.map((one) => ({ ...one, isLive: one.isLive || !ids(homes).includes(one.id) }));
    const kept = all.filter(({ isLive }) => isLive);
    const now = homesOf(at, all, init);
    const standIns = standInsOf(at, all, now, init);
    const later = ids(homesOf(at, kept, init));
    const expected = [...ids(now.filter(({ isLive }) => isLive)), ...ids(standIns)];
    assert.deepEqual(expected.toSorted(), later.toSorted());
  });
  fc.assert(property);
});

test('one more member changes at most one home, unless prefixes are in the way', () => {
  const property = fc.property(members, place, fc.integer({ min: 1, max: 5 }), (list, at, replicas) => {
    const init = { replicas, distinctPrefixes: false };
    const before = new Set(ids(homesOf(at, list.slice(1), init)));
    const after = ids(homesOf(at, list, init));
    assert.ok(after.filter((id) => !before.has(id)).length <= 1);
  });
  fc.assert(property);
});
