import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Entry } from '../../../../node/directory/entry.ts';
import { Roster } from '../../../../node/directory/roster.ts';
import { circuit, HALF_HOUR_MS, tcp4 } from '../../../support/announcements.ts';
import { authorNumber, held } from '../../../support/directory.ts';
import { TIME } from '../../../support/envelopes.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

interface Made {
  readonly roster: Roster;
  readonly clock: ManualClock;
}

function make(init: Partial<ConstructorParameters<typeof Roster>[1]> = {}): Made {
  const clock = new ManualClock(TIME);
  return { clock, roster: new Roster({ clock }, { max: 80, perPrefix: 8, splitLoopback: false, ...init }) };
}

function put(roster: Roster, n: number, ...addresses: readonly Buffer[]): Entry | null {
  return roster.put(held(TIME, authorNumber(n), ...addresses));
}

/** Puts one and has it reached at its first address. */
function verified(roster: Roster, n: number, address: Buffer): Entry | null {
  const entry = put(roster, n, address);
  const [first] = entry?.addresses ?? [];
  return entry !== null && first !== undefined && roster.verify(entry, first) ? entry : null;
}

test('a node is hearsay until it was reached, and then counts under the prefix it was reached at', () => {
  const { roster } = make();
  const entry = put(roster, 1, tcp4('192.0.2.1', 1), tcp4('198.51.100.1', 1));
  assert.ok(entry !== null);
  assert.deepEqual([roster.verifiedCount, roster.hearsayCount], [0, 1]);
  const [, second] = entry.addresses;
  assert.ok(second !== undefined && roster.verify(entry, second));
  assert.deepEqual([roster.verifiedCount, roster.hearsayCount], [1, 0]);
  assert.equal(entry.prefix, '198.51.100.0/24');
  assert.equal(roster.get(entry.id), entry);
});

test('one prefix has its room and no more, as hearsay and among those reached', () => {
  const { roster } = make();
  for (let n = 0; n < 20; n++) put(roster, n, tcp4('192.0.2.1', n + 1));
  assert.equal(roster.hearsayCount, 8);
  for (let n = 100; n < 120; n++) verified(roster, n, tcp4('198.51.100.1', n));
  assert.equal(roster.verifiedCount, 8);
});

test('loopback is not counted, unless it is to stand for the wide world', () => {
  const { roster } = make();
  for (let n = 0; n < 20; n++) verified(roster, n, tcp4('127.0.0.1', n + 1));
  assert.equal(roster.verifiedCount, 20);
  const split = make({ splitLoopback: true }).roster;
  for (let n = 0; n < 20; n++) verified(split, n, tcp4('127.0.0.1', n + 1));
  assert.equal(split.verifiedCount, 8);
  assert.ok(verified(split, 20, tcp4('127.0.1.1', 1)));
});

test('hearsay of any prefixes displaces nobody who was reached', () => {
  const { roster } = make();
  for (let n = 0; n < 60; n++) assert.ok(verified(roster, n, tcp4(`10.0.${n}.1`, 1)));
  for (let n = 100; n < 1100; n++) put(roster, n, tcp4(`10.${1 + (n >> 8)}.${n & 255}.1`, 1));
  assert.equal(roster.verifiedCount, 60);
  assert.equal(roster.hearsayCount, 20, 'a quarter of all');
});

test('a full directory gives the room of the fullest prefix to others, and none to the fullest', () => {
  const { roster } = make({ max: 8, perPrefix: 100 });
  for (let n = 0; n < 6; n++) assert.ok(verified(roster, n, tcp4('192.0.2.1', n + 1)));
  assert.equal(verified(roster, 50, tcp4('192.0.2.1', 99)), null, 'the fullest prefix gets no more');
  for (let n = 100; n < 103; n++) assert.ok(verified(roster, n, tcp4(`198.51.${n}.1`, 1)), String(n));
  const prefixes = [...roster].filter(({ isVerified }) => isVerified).map(({ prefix }) => prefix);
  assert.equal(prefixes.length, 6);
  assert.equal(prefixes.filter((prefix) => prefix === '192.0.2.0/24').length, 3);
});

test('loopback is the first to give way to others when there is no room', () => {
  const { roster } = make({ max: 80 });
  for (let n = 0; n < 30; n++) put(roster, n, tcp4('127.0.0.1', n + 1));
  assert.equal(roster.hearsayCount, 20);
  assert.ok(put(roster, 100, tcp4('192.0.2.1', 1)));
  assert.equal(roster.hearsayCount, 20);
});

test('an announcement with addresses of many prefixes takes room in one', () => {
  const { roster } = make();
  const many = Array.from({ length: 16 }, (_, i) => tcp4(`10.0.${i}.1`, 1));
  for (let n = 0; n < 16; n++) assert.ok(put(roster, n, ...many));
  // 16 announcements stand under 16 prefixes once each: every one of those still has room
  for (let n = 0; n < 4; n++) assert.ok(put(roster, 100 + n, tcp4(`10.0.${n}.2`, 1)));
  const counts = new Map<string, number>();
  for (const { prefix } of roster) counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
  assert.ok([...counts.values()].every((count) => count <= 2));
});

test('an address through a relay counts under the relay’s prefix', () => {
  const { roster } = make();
  const entry = verified(roster, 1, circuit(tcp4('192.0.2.7', 1), authorNumber(2)));
  assert.equal(entry?.prefix, '192.0.2.0/24');
  assert.equal(entry?.reachedAt?.reach, 'relayed');
});

test('in a full prefix who was not found gives way to who was not looked for yet', () => {
  const { roster } = make();
  const entries = Array.from({ length: 8 }, (_, n) => put(roster, n, tcp4('192.0.2.1', n + 1)));
  assert.equal(put(roster, 10, tcp4('192.0.2.2', 1)), null);
  const [lost] = entries;
  assert.ok(lost !== null && lost !== undefined);
  roster.failed(lost);
  assert.ok(put(roster, 11, tcp4('192.0.2.2', 2)));
  assert.equal(roster.get(lost.id), undefined);
});

test('a later announcement replaces the earlier one; a node that moved is to be reached anew', () => {
  const { roster } = make();
  const entry = verified(roster, 1, tcp4('192.0.2.1', 1));
  assert.ok(entry !== null);
  const again = roster.put(held(TIME + 5000, authorNumber(1), tcp4('192.0.2.1', 1), tcp4('192.0.2.1', 2)));
  assert.equal(again, entry);
  assert.equal(entry.isVerified, true, 'the address it was reached at is still there');
  roster.put(held(TIME + 10_000, authorNumber(1), tcp4('198.51.100.1', 1)));
  assert.equal(entry.isVerified, false);
  assert.equal(entry.prefix, '198.51.100.0/24');
  assert.equal(entry.dialAt, 0, 'it is to be dialled at once');
  assert.deepEqual([roster.verifiedCount, roster.hearsayCount], [0, 1]);
});

test('who is not reached three times is hearsay again', () => {
  const { roster } = make();
  const entry = verified(roster, 1, tcp4('192.0.2.1', 1));
  assert.ok(entry !== null);
  for (const expected of [true, true, false]) {
    roster.failed(entry);
    assert.equal(entry.isVerified, expected);
  }
});

test('what has expired is dropped, skew granted', () => {
  const { roster, clock } = make();
  verified(roster, 1, tcp4('192.0.2.1', 1));
  put(roster, 2, tcp4('192.0.2.2', 1));
  clock.advance(HALF_HOUR_MS + 19_999);
  roster.dropExpired();
  assert.equal([...roster].length, 2);
  clock.advance(1);
  roster.dropExpired();
  assert.equal([...roster].length, 0);
  assert.equal(roster.ofAuthor(authorNumber(1).multikey), undefined);
});

test('of a full prefix those that expired give way', () => {
  const { roster, clock } = make();
  for (let n = 0; n < 8; n++) verified(roster, n, tcp4('192.0.2.1', n + 1));
  clock.advance(HALF_HOUR_MS + 20_000);
  const entry = roster.put(held(clock.now(), authorNumber(50), tcp4('192.0.2.9', 1)));
  const [address] = entry?.addresses ?? [];
  assert.ok(entry !== null && address !== undefined && roster.verify(entry, address));
  assert.equal(roster.verifiedCount, 8);
});

test('whom there is no room for among those reached stays hearsay', () => {
  const { roster } = make();
  for (let n = 0; n < 8; n++) verified(roster, n, tcp4('192.0.2.1', n + 1));
  const entry = put(roster, 20, tcp4('192.0.2.2', 1));
  const [address] = entry?.addresses ?? [];
  assert.ok(entry !== null && address !== undefined);
  assert.equal(roster.verify(entry, address), false);
  assert.equal(entry.isVerified, false);
  assert.equal(roster.hearsayCount, 1);
});
