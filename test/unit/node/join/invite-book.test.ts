import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import {
  type BookedInvite,
  InviteBook,
  inviteBookPath,
  voidOpenInvites,
} from '../../../../node/join/invite-book.ts';
import { OPEN_INVITES_MAX } from '../../../../node/join/limits.ts';
import { OTHER_AUTHOR, TIME } from '../../../support/envelopes.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { scratch } from '../../../support/processes.ts';

const HOUR_MS = 3_600_000;

function make(t: TestContext) {
  const data = scratch(t);
  const clock = new ManualClock(TIME);
  return { data, clock, open: () => new InviteBook({ clock }, { data }) };
}

function invite(now: number, id: number, change: Partial<BookedInvite> = {}): BookedInvite {
  return {
    id: Buffer.alloc(8, id),
    secretHash: Buffer.alloc(32, id),
    role: 'node',
    created: now,
    expiry: now + HOUR_MS,
    isRevoked: false,
    usedBy: null,
    name: '',
    usedAt: 0,
    endsAt: 0,
    ...change,
  };
}

test('what was written is there for the next one, readable by its owner alone', (t) => {
  const { data, clock, open } = make(t);
  const book = open();
  book.add(invite(clock.now(), 1));
  const used = { usedBy: OTHER_AUTHOR.multikey, name: 'host', usedAt: clock.now(), endsAt: clock.now() + 1 };
  book.change(Buffer.alloc(8, 1), used);
  assert.equal(statSync(inviteBookPath(data)).mode & 0o777, 0o600);
  const [again] = open().list();
  assert.deepEqual(
    { ...again, usedBy: Buffer.from(again?.usedBy ?? []) },
    {
      ...invite(clock.now(), 1),
      ...used,
      id: again?.id,
      secretHash: again?.secretHash,
    },
  );
  assert.equal(open().memberOf(OTHER_AUTHOR.multikey)?.name, 'host');
});

test('unused ones that have expired make room; used and open ones stay', (t) => {
  const { clock, open } = make(t);
  const book = open();
  book.add(invite(clock.now(), 1, { usedBy: OTHER_AUTHOR.multikey }));
  for (let id = 2; id < OPEN_INVITES_MAX + 2; id += 1) book.add(invite(clock.now(), id));
  assert.throws(() => book.add(invite(clock.now(), 99)), { code: 'too_many_invites' });
  clock.advance(HOUR_MS);
  book.add(invite(clock.now(), 99));
  assert.deepEqual(
    open()
      .list()
      .map(({ id }) => id[0]),
    [1, 99],
  );
});

test('a file that is damaged, or of another version, is not begun anew', (t) => {
  const { data, clock, open } = make(t);
  open().add(invite(clock.now(), 1));
  const whole = readFileSync(inviteBookPath(data));
  for (const bytes of [whole.subarray(0, -1), Buffer.from('hello'), Buffer.of(0x82, 0x02, 0x80)]) {
    writeFileSync(inviteBookPath(data), bytes);
    assert.throws(open, { code: 'bad_invites' });
  }
});

test('after a restore nobody can use an invite that the backup held as unused', (t) => {
  const { data, clock, open } = make(t);
  const book = open();
  book.add(invite(clock.now(), 1, { usedBy: OTHER_AUTHOR.multikey }));
  book.add(invite(clock.now(), 2));
  assert.equal(voidOpenInvites(data), 1);
  assert.deepEqual(
    open()
      .list()
      .map(({ isRevoked }) => isRevoked),
    [false, true],
  );
  assert.equal(voidOpenInvites(data), 0);
});
