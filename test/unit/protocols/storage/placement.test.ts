import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import {
  countsAsReplica,
  fallbacksOf,
  type Member,
  replicaSetIdOf,
  replicasOf,
  type SponsorSet,
} from '../../../../protocols/storage/index.ts';

const crypto = createCrypto();

const member = fc.record({
  id: fc.string({ minLength: 1, maxLength: 4 }),
  prefix: fc.constantFrom('a', 'b', 'c', 'd', 'loopback'),
  isLive: fc.boolean(),
  operator: fc.constantFrom('', 'did:1', 'did:2', 'did:3'),
  isReady: fc.boolean(),
});
const members = fc
  .uniqueArray(member, { selector: ({ id }) => id, maxLength: 12 })
  .map((list): Member[] =>
    list.map((one) => ({ ...one, kadId: crypto.sha256(new TextEncoder().encode(one.id)) })),
  );
const place = fc.uint8Array({ minLength: 32, maxLength: 32 });
const options = fc.record({ replicas: fc.integer({ min: 1, max: 5 }), distinctPrefixes: fc.boolean() });
const sponsorSet = fc.constantFrom<SponsorSet>(new Set(), new Set(['did:1']), new Set(['did:1', 'did:2']));

function ids(list: readonly Member[]): string[] {
  return list.map(({ id }) => id);
}

/** Groups of addresses among members; each one on loopback is a group for itself. */
function groups(list: readonly Member[]): number {
  return new Set(list.map(({ id, prefix }) => (prefix === 'loopback' ? `loopback ${id}` : prefix))).size;
}

/** Those that replicas are chosen from. */
function candidatesOf(list: readonly Member[], sponsors: SponsorSet): readonly Member[] {
  const own = list.filter((one) => countsAsReplica(one, sponsors));
  return own.length === 0 ? list : own;
}

test('replicas are the same in whatever order members come, and whoever is live', () => {
  const property = fc.property(
    members,
    place,
    sponsorSet,
    options,
    fc.nat(),
    (list, at, sponsors, init, turn) => {
      const cut = list.length === 0 ? 0 : turn % list.length;
      const turned = [...list.slice(cut), ...list.slice(0, cut)];
      const other = turned.map((one) => Object.assign({}, one, { isLive: !one.isLive }));
      const replicaSet = replicasOf(at, list, sponsors, init);
      assert.deepEqual(ids(replicasOf(at, other, sponsors, init)), ids(replicaSet));
      assert.equal(
        replicaSetIdOf(crypto, replicasOf(at, other, sponsors, init)),
        replicaSetIdOf(crypto, replicaSet),
      );
      const twice = replicasOf(at, [...list, ...list], sponsors, init);
      assert.deepEqual(ids(twice), ids(replicaSet), 'a member named twice is one');
    },
  );
  fc.assert(property);
});

test('replicas are of as many prefixes as there are, and never fewer for it', () => {
  const property = fc.property(members, place, sponsorSet, options, (list, at, sponsors, init) => {
    const candidates = candidatesOf(list, sponsors);
    const replicaSet = replicasOf(at, list, sponsors, init);
    assert.equal(replicaSet.length, Math.min(init.replicas, candidates.length));
    if (init.distinctPrefixes) assert.equal(groups(replicaSet), Math.min(init.replicas, groups(candidates)));
  });
  fc.assert(property);
});

test('where somebody sponsors only sponsors that are ready are replicas, and nobody else displaces them', () => {
  const property = fc.property(
    members,
    members,
    place,
    sponsorSet,
    options,
    (list, more, at, sponsors, init) => {
      const own = list.filter((one) => countsAsReplica(one, sponsors));
      fc.pre(own.length > 0);
      const replicaSet = replicasOf(at, list, sponsors, init);
      assert.ok(replicaSet.every((replica) => countsAsReplica(replica, sponsors)));
      const known = new Set(ids(list));
      const strangers = more.filter((one) => !known.has(one.id) && !countsAsReplica(one, sponsors));
      assert.deepEqual(ids(replicasOf(at, [...list, ...strangers], sponsors, init)), ids(replicaSet));
    },
  );
  fc.assert(property);
});

test('a sponsor that its operator lost is a replica only where no other sponsor is left', () => {
  const property = fc.property(members, place, sponsorSet, options, (list, at, sponsors, init) => {
    const replicaSet = replicasOf(at, list, sponsors, init);
    const lost = ids(replicaSet.slice(1));
    const some = list.map((one) => ({ ...one, isAbandoned: lost.includes(one.id) }));
    const others = some.filter(({ isAbandoned }) => !isAbandoned);
    assert.deepEqual(ids(replicasOf(at, some, sponsors, init)), ids(replicasOf(at, others, sponsors, init)));
    const all = list.map((one) => ({ ...one, isAbandoned: true }));
    assert.deepEqual(ids(replicasOf(at, all, sponsors, init)), ids(replicaSet));
  });
  fc.assert(property);
});

test('copies are made beside the replicas that are there, as many as are missing while there is anybody', () => {
  const property = fc.property(members, place, sponsorSet, options, (list, at, sponsors, init) => {
    const replicaSet = replicasOf(at, list, sponsors, init);
    const fallbacks = fallbacksOf(at, list, replicaSet, sponsors, init);
    const live = replicaSet.filter(({ isLive }) => isLive);
    const others = list.filter((one) => one.isLive && !ids(replicaSet).includes(one.id));
    assert.equal(fallbacks.length, Math.min(init.replicas - live.length, others.length));
    assert.ok(fallbacks.every(({ id }) => ids(others).includes(id)));
    // sponsors come first: nobody else holds a copy while one of them holds none
    const own = others.filter((one) => countsAsReplica(one, sponsors)).length;
    const first = fallbacks.filter((one) => countsAsReplica(one, sponsors));
    assert.deepEqual(ids(fallbacks.slice(0, first.length)), ids(first));
    assert.equal(first.length, Math.min(fallbacks.length, own));
  });
  fc.assert(property);
});

test('who stands in becomes a replica when those that are gone are no members any more', () => {
  const property = fc.property(members, place, sponsorSet, options, (list, at, sponsors, init) => {
    const replicaSet = replicasOf(at, list, sponsors, init);
    // the others are live: who is gone among them is no candidate, but would be a replica
    const all = list.map((one) => ({ ...one, isLive: one.isLive || !ids(replicaSet).includes(one.id) }));
    const kept = all.filter(({ isLive }) => isLive);
    const now = replicasOf(at, all, sponsors, init);
    const fallbacks = fallbacksOf(at, all, now, sponsors, init);
    const later = ids(replicasOf(at, kept, sponsors, init));
    const holding = [...now.filter(({ isLive }) => isLive), ...fallbacks];
    // copies of others are on top where there is a sponsor still
    const expected = candidatesOf(holding, sponsors);
    assert.deepEqual(ids(expected).toSorted(), later.toSorted());
  });
  fc.assert(property);
});

test('one more member changes at most one replica, unless prefixes are in the way', () => {
  const property = fc.property(members, place, fc.integer({ min: 1, max: 5 }), (list, at, replicas) => {
    const init = { replicas, distinctPrefixes: false };
    const before = new Set(ids(replicasOf(at, list.slice(1), new Set(), init)));
    const after = ids(replicasOf(at, list, new Set(), init));
    assert.ok(after.filter((id) => !before.has(id)).length <= 1);
  });
  fc.assert(property);
});
