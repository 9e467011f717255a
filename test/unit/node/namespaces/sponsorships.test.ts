/** Sponsorships on disk: one at a time in each place, in room of their own. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { NOTICE_ROOM, type NoticeRoom } from '../../../../node/namespaces/notice-room.ts';
import { NoticeStore, type NoticeStoreInit } from '../../../../node/namespaces/notice-store.ts';
import { EventLog } from '../../../../node/observability/events.ts';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import { systemClock } from '../../../../protocols/common/clock.ts';
import { decodeNotice, type SignedNotice } from '../../../../protocols/namespaces/index.ts';
import { didOf } from '../../../support/did.ts';
import {
  linkNumber,
  person,
  policyStep,
  revokeLink,
  sponsorshipStep,
  WALLET,
} from '../../../support/notices.ts';
import { scratch } from '../../../support/processes.ts';
import { silentLogger } from '../../../support/silent-logger.ts';

const crypto = createCrypto();
const operator = person(1);
const as = didOf(operator);
const place = { owner: WALLET, namespace: 'default', holder: WALLET, as };

function open(directory: string, init: Partial<NoticeStoreInit> = {}): NoticeStore {
  const events = new EventLog({ logger: silentLogger(), clock: systemClock });
  return new NoticeStore({ crypto, events }, { directory, ...init });
}

function storeWith(
  t: TestContext,
  room: Partial<NoticeRoom>,
  init: Partial<NoticeStoreInit> = {},
): NoticeStore {
  const store = open(scratch(t), { room: { ...NOTICE_ROOM, ...room }, ...init });
  t.after(() => store.close());
  return store;
}

function decoded(bytes: Uint8Array): SignedNotice {
  return decodeNotice(bytes, crypto);
}

/** How many of these there is room for. */
function fill(store: NoticeStore, count: number, step: (n: number) => Buffer): number {
  let taken = 0;
  for (let n = 0; n < count; n++) {
    const notice = decoded(step(n));
    if (store.refusal(notice) !== null) continue;
    store.put(notice);
    taken += 1;
  }
  return taken;
}

/** From another operator. */
function others(n: number): Buffer {
  return sponsorshipStep({ operator: person(2), holder: didOf(person(100 + n)) });
}

/** Each of another operator and another holder. */
function crowd(n: number): Buffer {
  return sponsorshipStep({ operator: person(1000 + n), holder: didOf(person(2000 + n)) });
}

test('one takes the place of the one before, which is gone from the log, now and after a restart', async (t) => {
  const directory = join(scratch(t), 'namespaces');
  const store = open(directory);
  const [named, withdrawn] = [
    sponsorshipStep({ operator, holder: WALLET, time: 1 }),
    sponsorshipStep({ operator, holder: WALLET, time: 2, naming: [] }),
  ];
  const other = sponsorshipStep({ operator, holder: WALLET, time: 1, namespace: '*' });
  for (const bytes of [named, other, withdrawn]) store.put(decoded(bytes));
  await store.flush();
  const before = store.revision;
  store.close();
  const again = open(directory);
  t.after(() => again.close());
  assert.deepEqual([again.sponsorshipIn(place)?.time, again.sponsorshipIn(place)?.links], [2, 0]);
  assert.equal(again.sponsorshipIn({ ...place, namespace: '*' })?.links, 1);
  assert.deepEqual([again.counts.sponsorships, again.counts.policies], [2, 0]);
  assert.deepEqual(
    again.sponsorships
      .by(as)
      .map(({ namespace }) => namespace)
      .toSorted(),
    ['*', 'default'],
  );
  assert.equal(again.noticeOf(decoded(named).digest.subarray(0, 16)), null);
  assert.ok(withdrawn.equals(again.noticeOf(decoded(withdrawn).digest.subarray(0, 16)) ?? Buffer.alloc(0)));
  assert.ok(before >= 3, 'each changed what is known');
});

test('of a damaged row nothing is believed, and others are asked for it again', async (t) => {
  const directory = join(scratch(t), 'namespaces');
  const store = open(directory);
  store.put(decoded(sponsorshipStep({ operator, holder: WALLET })));
  await store.flush();
  store.close();
  const database = new DatabaseSync(join(directory, 'notices.db'));
  database.exec('UPDATE notices SET sequence = 0');
  database.close();
  let losses = 0;
  const again = open(directory, { onLoss: () => (losses += 1) });
  t.after(() => again.close());
  assert.deepEqual([again.sponsorshipIn(place), again.counts.sponsorships, losses], [undefined, 0, 1]);
});

test('an operator, and a holder with one operator, have so many; what replaces one needs no more room', (t) => {
  const store = storeWith(t, { operatorSponsorships: 10, holderSponsorships: 4 });
  const names = (n: number): Buffer => sponsorshipStep({ operator, holder: WALLET, namespace: `n${n}` });
  assert.equal(fill(store, 6, names), 4, 'of one holder');
  const holders = (n: number): Buffer => sponsorshipStep({ operator, holder: didOf(person(100 + n)) });
  assert.equal(fill(store, 20, holders), 6, 'of one operator');
  assert.equal(fill(store, 5, others), 5, 'another operator has its own');
  const later = decoded(
    sponsorshipStep({ operator, holder: WALLET, namespace: 'n0', time: Date.now() + 1, naming: [] }),
  );
  assert.equal(store.refusal(later), null);
  store.put(later);
  assert.equal(store.counts.sponsorships, 15);
});

test('a crowd of operators and holders keeps out no policy, no revocation, and none of whom the operator vouches for', (t) => {
  const own = didOf(person(1));
  const store = storeWith(t, { sponsorships: 40, notices: 40 }, { isSponsored: (did) => did === own });
  assert.equal(fill(store, 60, crowd), 30, 'three quarters are for strangers');
  assert.equal(
    fill(store, 5, (n) => sponsorshipStep({ operator, holder: didOf(person(100 + n)) })),
    5,
  );
  const listed = (n: number): Buffer => sponsorshipStep({ operator: person(5000 + n), holder: own });
  assert.equal(fill(store, 60, listed), 5, 'until the room is full');
  assert.equal(
    fill(store, 20, (n) => revokeLink(person(7000 + n), linkNumber(n))),
    20,
  );
  assert.equal(
    fill(store, 10, (n) => policyStep({ owner: person(8000 + n) })),
    10,
  );
  assert.deepEqual(
    [store.counts.sponsorships, store.counts.revocations, store.counts.policies],
    [40, 20, 10],
  );
  const bytes = storeWith(t, { sponsorshipBytes: 40_000 });
  const taken = fill(bytes, 100, crowd);
  assert.ok(taken > 10 && bytes.counts.bytes <= 30_000, `${taken} of ${bytes.counts.bytes} bytes`);
});
