import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { peerIdFromString } from '@libp2p/peer-id';
import { MEMBERS_LOOK_MS, MEMBERS_TICK_MS } from '../../../../../node/storage/api/limits.ts';
import type { MembersInit } from '../../../../../node/storage/placement/members-init.ts';
import { GONE_MAX } from '../../../../../protocols/storage/index.ts';
import { peerIdOf } from '../../../../support/announcements.ts';
import { authorNumber } from '../../../../support/directory.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import {
  DOWN_TIMEOUT_MS,
  makeMembers as make,
  OWN,
  SELF,
  MEMBERS_AT as START,
} from '../../../../support/members.ts';
import { scratch } from '../../../../support/processes.ts';

const [A, B] = [2, 3].map((n) => peerIdOf(authorNumber(n))) as [string, string];
const ALICE = 'did:key:zAlice';
/** As many as members.ts remembers. */
const ABANDONED_MAX = 1024;

test('who offers room is a member, and one that is gone is until the grace is over', async (t) => {
  const { members, clock, connected, offer, look, ids } = make(t);
  members.start();
  assert.deepEqual(ids(), [SELF]);
  offer(A);
  connected.add(A);
  await look();
  assert.deepEqual(ids(), [SELF, A].toSorted());
  assert.equal(members.isLive(A), true);
  const { version } = members;
  connected.delete(A);
  members.disconnected(peerIdFromString(A));
  await look();
  assert.equal(members.isLive(A), false, 'a dial showed it');
  assert.equal(members.version, version, 'and it is a member still');
  clock.advance(DOWN_TIMEOUT_MS);
  await look();
  assert.equal(members.isMember(A), true);
  clock.advance(1);
  await look();
  assert.equal(members.isMember(A), false);
  assert.ok(members.version > version);
  await look();
  assert.equal(members.isMember(A), false, 'what the directory saw long ago does not bring it back');
  offer(A);
  clock.advance(1);
  offer(A);
  await look();
  assert.equal(members.isMember(A), true, 'what it saw since does');
});

test('the clock makes it look: nobody has to ask for it', async (t) => {
  const { members, clock, there, offer, ids } = make(t);
  members.start();
  offer(A);
  there.add(A);
  await clock.advanceAsync(MEMBERS_TICK_MS);
  assert.deepEqual(ids(), [SELF, A].toSorted());
  members.disconnected(peerIdFromString(A));
  members.stop();
  assert.equal(clock.timers, 0);
});

test('the clock alone finds out who is gone, and takes the member out when the down timeout is over', async (t) => {
  const { members, clock, connected, there, offer, offers, ids } = make(t);
  members.start();
  offer(A);
  connected.add(A);
  await clock.advanceAsync(MEMBERS_LOOK_MS);
  assert.equal(members.isLive(A), true);
  const { version } = members;
  offers.delete(A);
  connected.delete(A);
  members.disconnected(peerIdFromString(A));
  await clock.advanceAsync(MEMBERS_TICK_MS);
  assert.deepEqual([members.isLive(A), members.isMember(A)], [false, true]);
  await clock.advanceAsync(DOWN_TIMEOUT_MS - MEMBERS_TICK_MS);
  assert.deepEqual(
    [members.isMember(A), members.version],
    [true, version],
    'replica sets are the same still',
  );
  await clock.advanceAsync(MEMBERS_TICK_MS);
  assert.deepEqual(ids(), [SELF]);
  // one that comes back in time begins its down timeout anew
  offer(B);
  there.add(B);
  await clock.advanceAsync(MEMBERS_LOOK_MS);
  offers.delete(B);
  there.delete(B);
  await clock.advanceAsync(DOWN_TIMEOUT_MS / 2);
  assert.equal(members.isLive(B), false);
  there.add(B);
  await clock.advanceAsync(DOWN_TIMEOUT_MS / 2);
  assert.equal(members.isLive(B), true);
  there.delete(B);
  await clock.advanceAsync(DOWN_TIMEOUT_MS);
  assert.equal(members.isMember(B), true);
  await clock.advanceAsync(DOWN_TIMEOUT_MS);
  assert.equal(members.isMember(B), false);
});

test('a member that is not connected is dialled now and then; one that answers is live', async (t) => {
  const { members, clock, there, dialled, offer, look } = make(t);
  members.start();
  offer(A);
  there.add(A);
  await look();
  const before = dialled.length;
  for (let i = 0; i < 20; i++) {
    clock.advance(DOWN_TIMEOUT_MS / 20);
    await look();
  }
  assert.ok(dialled.length - before >= 3 && dialled.length - before <= 6, `${dialled.length - before}`);
  assert.equal(members.isLive(A), true);
});

test('members outlive a restart: they count from the start, and are gone until they are seen', async (t) => {
  const first = make(t);
  first.members.start();
  first.offer(A);
  first.offer(B, '198.51.100.0/24');
  await first.look();
  first.members.stop();
  assert.equal(statSync(first.path).mode & 0o777, 0o600);
  const { path } = first;
  const clock = new ManualClock(START + 5_000);
  const again = make(t, { path, clock, mayBeAlone: false });
  assert.equal(again.members.awayMs, 5_000);
  assert.deepEqual(again.ids(), [SELF, A, B].toSorted());
  assert.equal(again.members.isLive(A), false);
  assert.equal(again.members.isSettled, true, 'they are known already');
  again.members.start();
  await again.look();
  clock.advance(DOWN_TIMEOUT_MS);
  await again.look();
  assert.equal(again.members.isMember(B), true);
  clock.advance(1);
  await again.look();
  assert.deepEqual(again.ids(), [SELF]);
});

test('a file that is not one of members is put up with', (t) => {
  const directory = scratch(t);
  const path = join(directory, 'members');
  writeFileSync(path, 'nonsense');
  const { ids, members } = make(t, { path });
  assert.deepEqual(ids(), [SELF]);
  assert.equal(members.awayMs, 0);
  assert.equal(readFileSync(path, 'utf8'), 'nonsense');
});

test('a node that was told of others is no swarm of one, and waits until it knows them', async (t) => {
  const { members, clock, offer, look } = make(t, { mayBeAlone: false });
  members.start();
  clock.advance(3_600_000);
  await look();
  assert.equal(members.isSettled, false);
  offer(A);
  await look();
  assert.equal(members.isSettled, false);
  clock.advance(1_000);
  assert.equal(members.isSettled, false, 'it has not heard who is gone');
  members.learnDown([]);
  assert.equal(members.isSettled, true);
  for (let n = 10; n < 60; n++) {
    offer(peerIdOf(authorNumber(n)));
    await look();
    clock.advance(500);
  }
  assert.equal(members.isSettled, true, 'one that goes on learning waits no longer than ten seconds');
});

test('who came too late to see somebody go counts him until the others do not', async (t) => {
  const { members, clock, connected, offer, look, ids } = make(t, { mayBeAlone: false });
  members.start();
  offer(A);
  connected.add(A);
  await look();
  const gone = [{ id: B, prefix: '198.51.100.0/24', operator: '', forMs: DOWN_TIMEOUT_MS - 5_000 }];
  members.learnDown([...gone, { id: 'nonsense', prefix: 'loopback', operator: '', forMs: 0 }]);
  assert.deepEqual(ids(), [SELF, A, B].toSorted());
  assert.equal(members.isLive(B), false);
  assert.deepEqual(members.gone, gone);
  clock.advance(5_000);
  await look();
  assert.equal(members.isMember(B), true);
  clock.advance(1);
  await look();
  assert.equal(members.isMember(B), false);
  members.learnDown(gone);
  members.learnDown([{ id: A, prefix: 'loopback', operator: '', forMs: DOWN_TIMEOUT_MS }]);
  await look();
  assert.equal(members.isMember(B), false, 'who is out here already does not come back by hearsay');
  assert.equal(members.isLive(A), true, 'nor does it take away who is here');
});

test('the last sponsor of an operator stays a member however long it is gone, until a ready one is live', async (t) => {
  const { members, clock, offer, connected, look, sponsor, leave, of } = make(t);
  members.start();
  await sponsor(A, ALICE);
  await leave(A);
  assert.notEqual(of(A)?.isAbandoned, true);
  clock.advance(20 * DOWN_TIMEOUT_MS);
  await look();
  assert.ok(of(A)?.isReady && !of(A)?.isLive, 'nobody can go on with what it holds');
  assert.equal(of(A)?.isAbandoned, true, "unless another operator's sponsor can");
  assert.deepEqual(
    members.gone.map(({ id, operator }) => [id, operator]),
    [[A, ALICE]],
  );
  offer(B, 'loopback', { operator: ALICE, isReady: false });
  connected.add(B);
  await look();
  assert.equal(members.isMember(A), true, 'a sponsor that is not ready has nothing to go on with');
  await sponsor(B, ALICE);
  assert.equal(members.isMember(A), false);
  await leave(B);
  clock.advance(20 * DOWN_TIMEOUT_MS);
  await look();
  assert.equal(members.isMember(B), true, 'now this one is the last');
});

test('one that never was ready is no sponsor to wait for', async (t) => {
  const { members, clock, offer, connected, look, leave } = make(t);
  members.start();
  offer(A, 'loopback', { operator: ALICE, isReady: false });
  connected.add(A);
  await look();
  await leave(A);
  clock.advance(DOWN_TIMEOUT_MS + 1);
  await look();
  assert.equal(members.isMember(A), false);
});

test('the last sponsor outlives a restart, and hearsay keeps it as long', async (t) => {
  const first = make(t);
  first.members.start();
  await first.sponsor(A, ALICE);
  await first.leave(A);
  first.members.stop();
  const clock = new ManualClock(START + 10 * DOWN_TIMEOUT_MS);
  const again = make(t, { path: first.path, clock });
  again.members.start();
  await again.look();
  clock.advance(10 * DOWN_TIMEOUT_MS);
  await again.look();
  assert.deepEqual([again.of(A)?.operator, again.of(A)?.isReady], [ALICE, true]);
  const other = make(t, { self: B });
  other.members.start();
  other.members.learnDown(again.members.gone);
  assert.deepEqual([other.of(A)?.operator, other.of(A)?.isReady], [ALICE, true]);
  await other.look();
  assert.equal(other.members.isMember(A), true);
  const served = make(t, { self: B });
  served.members.start();
  await served.sponsor(SELF, ALICE);
  served.members.learnDown(again.members.gone);
  assert.equal(served.members.isMember(A), false, 'where another one is ready it is over');
});

test('abandoned sponsors are bounded; those that went last stay, and all of its own operator', async (t) => {
  const { members, clock, look, ids } = make(t);
  members.start();
  await look();
  const many = Array.from({ length: ABANDONED_MAX + 40 }, (_, n) => peerIdOf(authorNumber(100 + n)));
  const forMs = (n: number): number => 10 * DOWN_TIMEOUT_MS + (many.length - n) * 1_000;
  for (let from = 0; from < many.length; from += GONE_MAX) {
    const some = many.slice(from, from + GONE_MAX);
    members.learnDown(
      some.map((id, index) => {
        const n = from + index;
        const operator = n < 10 ? OWN : `did:key:zOther${n}`;
        return { id, prefix: 'loopback', operator, forMs: forMs(n) };
      }),
    );
  }
  assert.equal(ids().length, many.length + 1);
  clock.advance(1);
  await look();
  const expected = [SELF, ...many.slice(0, 10), ...many.slice(many.length - ABANDONED_MAX)];
  assert.deepEqual(ids(), expected.toSorted());
});

test('an operator that revokes its sponsor has none any more, be it there or gone', async (t) => {
  const { members, clock, revoked, offer, look, sponsor, leave, of } = make(t);
  members.start();
  await sponsor(A, ALICE);
  await sponsor(B, ALICE);
  await leave(B);
  const { version } = members;
  revoked.add(`${ALICE} ${A}`);
  // offers.ts does not give its operator any more
  offer(A);
  revoked.add(`${ALICE} ${B}`);
  await look();
  assert.ok(members.version > version, 'replica sets are found anew');
  for (const id of [A, B]) assert.deepEqual([of(id)?.operator, of(id)?.isReady], ['', false]);
  assert.deepEqual(
    members.gone.map(({ operator }) => operator),
    [''],
  );
  clock.advance(DOWN_TIMEOUT_MS + 1);
  await look();
  assert.equal(members.isMember(B), false, 'it is gone like any other');
  assert.equal(members.isMember(A), true);
});

test('this node counts as a replica once it has its share, and again after a short absence only', async (t) => {
  const first = make(t);
  first.members.start();
  assert.equal(first.members.isReady, false);
  const { version } = first.members;
  first.members.becomeReady();
  assert.equal(first.members.isReady, true);
  assert.ok(first.members.version > version);
  // it is on disk by now: a node that is killed is ready as well
  const { path } = first;
  const restarted = (ms: number, init: Partial<MembersInit> = {}) => {
    return make(t, { ...init, path, clock: new ManualClock(START + ms) }).members.isReady;
  };
  assert.equal(restarted(DOWN_TIMEOUT_MS), true);
  assert.equal(restarted(DOWN_TIMEOUT_MS + 1), false, 'others took over');
  assert.equal(restarted(0, { operator: ALICE }), false, 'it belongs to somebody else now');
});

test('hearsay makes no sponsor of one that was revoked', async (t) => {
  const { members, revoked, look, of } = make(t);
  members.start();
  revoked.add(`${ALICE} ${A}`);
  await look();
  members.learnDown([{ id: A, prefix: 'loopback', operator: ALICE, forMs: 5_000 }]);
  await look();
  assert.notDeepEqual([of(A)?.operator, of(A)?.isReady], [ALICE, true]);
});
