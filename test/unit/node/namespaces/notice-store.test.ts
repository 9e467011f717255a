import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readdirSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { NOTICE_ROOM, type NoticeRoom } from '../../../../node/namespaces/notice-room.ts';
import { NoticeStore, type NoticeStoreInit } from '../../../../node/namespaces/notice-store.ts';
import { EventLog } from '../../../../node/observability/events.ts';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import { systemClock } from '../../../../protocols/common/clock.ts';
import { CodedError } from '../../../../protocols/common/errors.ts';
import {
  decodeNotice,
  type SignedNotice,
  type SignedPolicy,
} from '../../../../protocols/namespaces/index.ts';
import { didOf } from '../../../support/did.ts';
import type { Author } from '../../../support/envelopes.ts';
import {
  digestOf,
  linkNumber,
  person,
  policyChain,
  policyStep,
  revokeDid,
  revokeLink,
} from '../../../support/notices.ts';
import { scratch } from '../../../support/processes.ts';
import { silentLogger } from '../../../support/silent-logger.ts';

const crypto = createCrypto();
const owner = person(1);
const name = { owner: didOf(owner), namespace: 'default' };
const NOTHING = Buffer.alloc(0);

interface Opened {
  readonly store: NoticeStore;
  readonly events: EventLog;
  losses: number;
}

function open(directory: string, init: Partial<NoticeStoreInit> = {}): Opened {
  const events = new EventLog({ logger: silentLogger(), clock: systemClock });
  const opened = { events, losses: 0 } as Omit<Opened, 'store'> & { store?: NoticeStore };
  const onLoss = (): void => {
    opened.losses += 1;
  };
  opened.store = new NoticeStore({ crypto, events }, { directory, onLoss, ...init });
  return opened as Opened;
}

function decoded(bytes: Uint8Array | undefined): SignedNotice {
  return decodeNotice(bytes ?? NOTHING, crypto);
}

function lost(bytes: Buffer | undefined): SignedPolicy {
  return decoded(bytes) as SignedPolicy;
}

/** A closed store with a chain of policies and some revocations; the file that it is in. */
async function filled(t: TestContext): Promise<{ directory: string; path: string; chain: Buffer[] }> {
  const directory = join(scratch(t), 'namespaces');
  const { store } = open(directory);
  const chain = policyChain(owner, 4);
  for (const bytes of chain) store.put(decoded(bytes));
  for (let n = 0; n < 10; n++) store.put(decoded(revokeLink(owner, linkNumber(n))));
  await store.flush();
  store.close();
  return { directory, path: join(directory, 'notices.db'), chain };
}

function change(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  const { changes } = database.prepare(sql).run();
  database.close();
  assert.equal(changes, 1, 'one row is changed');
}

test('what was put counts at once, and is there again', async (t) => {
  const { directory, chain } = await filled(t);
  const { store, events } = open(directory);
  t.after(() => store.close());
  assert.equal(store.headOf(name)?.sequence, 4);
  const view = store.policyOf(name);
  assert.ok(view !== null && chain[3]?.equals(view.bytes));
  assert.equal(store.policyOf(name), view, 'it is decoded once');
  assert.deepEqual(
    store.historyOf(name).map(({ sequence }) => sequence),
    [1, 2, 3, 4],
  );
  assert.equal(store.historyOf(name), store.historyOf(name), 'decoded once, too');
  assert.deepEqual([...(store.revokersOf({ link: linkNumber(3) }) ?? [])], [didOf(owner)]);
  assert.equal(store.revokersOf({ link: linkNumber(99) }), undefined);
  assert.equal(store.revokersOf({ did: didOf(owner) }), undefined);
  store.put(decoded(policyStep({ owner, sequence: 5, after: chain[3] ?? null })));
  assert.deepEqual([store.policyOf(name)?.sequence, store.historyOf(name).length], [5, 5]);
  store.put(decoded(revokeDid(person(2), didOf(owner))));
  assert.ok(store.isRevokedBy({ did: didOf(owner) }, didOf(person(2))));
  assert.ok(store.has(digestOf(chain[0] ?? NOTHING)));
  assert.equal(store.policyOf({ owner: didOf(owner), namespace: 'other' }), null);
  assert.deepEqual([store.counts.policies, store.counts.revocations], [5, 11]);
  assert.equal(events.count('notices_damaged'), 0);
});

test('the log has all in the order of their arrival, and another name each time it is opened', async (t) => {
  const { directory, chain } = await filled(t);
  const first = open(directory).store;
  const { id } = first;
  const page = first.idsAfter(0, 3);
  assert.deepEqual(
    page.ids.map((one) => Buffer.from(one).toString('hex')),
    chain.slice(0, 3).map((bytes) => digestOf(bytes).subarray(0, 16).toString('hex')),
  );
  assert.deepEqual([page.next, page.isEnd], [3, false]);
  const rest = first.idsAfter(page.next, 100);
  assert.deepEqual([rest.ids.length, rest.isEnd], [11, true]);
  assert.deepEqual(first.idsAfter(rest.next, 100), { ids: [], next: rest.next, isEnd: true });
  assert.ok(chain[2]?.equals(first.noticeOf(page.ids[2] ?? NOTHING) ?? NOTHING));
  assert.equal(first.noticeOf(Buffer.alloc(16)), null);
  first.close();
  const second = open(directory).store;
  assert.notDeepEqual(second.id, id);
  second.close();
});

test('a damaged revocation is dropped, said, and taken again; the others stay', async (t) => {
  const { directory, path } = await filled(t);
  change(path, "UPDATE notices SET subject = 'x' WHERE position = 7");
  const { store, events, losses } = open(directory);
  t.after(() => store.close());
  assert.equal(events.count('notices_damaged'), 1);
  assert.equal(losses, 1);
  assert.deepEqual([store.counts.policies, store.counts.revocations], [4, 9]);
  const gone = Array.from({ length: 10 }, (_, n) => n).filter((n) => {
    return store.revokersOf({ link: linkNumber(n) }) === undefined;
  });
  assert.deepEqual(gone, [2]);
  store.put(decoded(revokeLink(owner, linkNumber(2))));
  await store.flush();
  assert.ok(store.idsAfter(14, 10).ids.length === 1, 'at a new position');
});

test('a policy that rotted while the node runs is found when it is read', async (t) => {
  const { directory, path } = await filled(t);
  const opened = open(directory);
  const { store, events } = opened;
  t.after(() => store.close());
  change(path, 'UPDATE notices SET bytes = zeroblob(300) WHERE sequence = 4');
  assert.equal(store.policyOf(name)?.sequence, 3);
  assert.equal(events.count('notices_damaged'), 1);
  assert.equal(opened.losses, 1);
  change(path, 'UPDATE notices SET mark = 0 WHERE sequence = 2');
  assert.deepEqual(
    store.historyOf(name).map(({ sequence }) => sequence),
    [1, 3],
  );
});

test('a policy lost from the middle does not take back the later ones, and only it itself fills the gap', async (t) => {
  const { directory, path, chain } = await filled(t);
  change(path, 'UPDATE notices SET time = 1 WHERE sequence = 2');
  change(path, 'UPDATE notices SET time = 1 WHERE sequence = 3');
  const { store } = open(directory);
  t.after(() => store.close());
  assert.equal(store.headOf(name)?.sequence, 4);
  const other = policyStep({ owner, sequence: 3, after: chain[1] ?? null, time: 5 });
  assert.equal(store.isMissing(lost(other)), false);
  assert.equal(store.isMissing(lost(chain[1])), false, 'nobody vouches for it yet');
  assert.equal(store.isMissing(lost(chain[2])), true);
  store.put(decoded(chain[2]));
  assert.equal(store.isMissing(lost(chain[2])), false);
  assert.equal(store.isMissing(lost(chain[1])), true);
  store.put(decoded(chain[1]));
  assert.equal(store.isMissing(lost(chain[0])), false);
  assert.equal(store.headOf(name)?.sequence, 4);
  assert.equal(store.historyOf(name).length, 4);
});

for (const [what, damage] of [
  ['nothing that SQLite knows', (path: string) => writeFileSync(path, Buffer.alloc(8192, 7))],
  [
    'somebody else’s database',
    (path: string) => {
      const database = new DatabaseSync(path);
      database.exec('DROP TABLE notices; CREATE TABLE notices (a); PRAGMA application_id = 1');
      database.close();
    },
  ],
  [
    'cut in the middle',
    (path: string) => {
      const database = new DatabaseSync(path);
      const { size } = database.prepare('SELECT page_count * 4096 AS size FROM pragma_page_count').get() as {
        size: number;
      };
      database.close();
      writeFileSync(path, Buffer.alloc(4096, 1), { flag: 'r+', flush: true });
      assert.ok(size > 4096);
    },
  ],
] as const) {
  test(`a file that is ${what} is set aside, and a new one begun`, async (t) => {
    const { directory, path, chain } = await filled(t);
    damage(path);
    const { store, events, losses } = open(directory);
    t.after(() => store.close());
    assert.equal(events.count('notices_damaged'), 1);
    assert.ok(losses <= 1);
    assert.ok(existsSync(`${path}.damaged`), readdirSync(directory).join());
    assert.equal(store.headOf(name), undefined);
    store.put(decoded(chain[0]));
    await store.flush();
    assert.equal(store.headOf(name)?.sequence, 1);
  });
}

test('a file of a later version is left as it is', async (t) => {
  const { directory, path } = await filled(t);
  const database = new DatabaseSync(path);
  database.exec('PRAGMA user_version = 2');
  database.close();
  assert.throws(() => open(directory), { code: 'notices_version' });
  assert.ok(!existsSync(`${path}.damaged`));
});

test('when the file turns out to be damaged it is begun anew, and what was revoked stays so', async (t) => {
  const { directory, path, chain } = await filled(t);
  const opened = open(directory);
  const { store, events } = opened;
  t.after(() => store.close());
  const { id } = store;
  // every page but the first, behind SQLite's back
  const file = openSync(path, 'r+');
  for (let page = 1; page < 8; page++) writeSync(file, Buffer.alloc(4096, 0xff), 0, 4096, page * 4096);
  closeSync(file);
  for (let n = 0; n < 400 && events.count('notices_damaged') === 0; n++) {
    try {
      store.put(decoded(revokeLink(person(3), linkNumber(1000 + n))));
      await store.flush();
    } catch (error) {
      assert.ok(error instanceof CodedError && error.code === 'no_room', String(error));
    }
    store.noticeOf(digestOf(chain[0] ?? NOTHING).subarray(0, 16));
    store.historyAbove(name, 0, 10);
  }
  assert.ok(events.count('notices_damaged') >= 1);
  assert.ok(opened.losses >= 1);
  assert.notDeepEqual(store.id, id, 'peers ask anew');
  assert.ok(store.revokersOf({ link: linkNumber(1) })?.has(didOf(owner)), 'a revocation has no end');
  assert.equal(store.isRevokedBy({ link: linkNumber(1) }, didOf(owner)), false, 'but is to be taken again');
  store.put(decoded(revokeLink(owner, linkNumber(1))));
  await store.flush();
  assert.equal(store.isRevokedBy({ link: linkNumber(1) }, didOf(owner)), true);
});

function roomOf(other: Partial<NoticeRoom>, init: Partial<NoticeStoreInit> = {}) {
  return (t: TestContext): NoticeStore => {
    const { store } = open(join(scratch(t), 'namespaces'), { room: { ...NOTICE_ROOM, ...other }, ...init });
    t.after(() => store.close());
    return store;
  };
}

/** Puts what has room; how many that were. */
function fill(store: NoticeStore, by: (n: number) => Author, count: number): number {
  let taken = 0;
  for (let n = 0; n < count; n++) {
    const notice = decoded(revokeLink(by(n), linkNumber(n)));
    if (store.refusal(notice) !== null) continue;
    store.put(notice);
    taken += 1;
  }
  return taken;
}

test('revocations in one name, policies of a namespace and bytes of one owner are bounded', (t) => {
  const few = roomOf({ revocations: 20 })(t);
  assert.equal(
    fill(few, () => owner, 30),
    20,
  );
  assert.equal(
    fill(few, () => person(2), 5),
    5,
  );
  const short = roomOf({ policies: 3 })(t);
  const chain = policyChain(owner, 4);
  for (const bytes of chain.slice(0, 3)) {
    assert.equal(short.refusal(decoded(bytes)), null);
    short.put(decoded(bytes));
  }
  assert.match(short.refusal(decoded(chain[3])) ?? '', /at most 3 policies/);
  const small = roomOf({ principalBytes: 5000 })(t);
  const taken = fill(small, () => owner, 30);
  assert.ok(taken > 3 && taken < 20, `${taken}`);
});

test('what is full takes no more and drops nothing; a quarter is for those whom the operator sponsors', (t) => {
  const sponsored = didOf(person(1));
  const store = roomOf({ notices: 40 }, { isSponsored: (did) => did === sponsored })(t);
  assert.equal(
    fill(store, (n) => person(100 + n), 60),
    30,
  );
  assert.equal(
    fill(store, () => person(1), 60),
    10,
  );
  assert.deepEqual(store.counts.revocations, 40);
  assert.ok(store.revokersOf({ link: linkNumber(0) })?.has(didOf(person(100))));
  const bytes = roomOf({ bytes: 40_000 })(t);
  const taken = fill(bytes, (n) => person(100 + n), 200);
  assert.ok(taken > 20 && bytes.counts.bytes <= 30_000, `${taken} of ${bytes.counts.bytes} bytes`);
});

test('a disk that takes no more is said, nothing is kept of what failed, and it goes on afterwards', async (t) => {
  const directory = join(scratch(t), 'namespaces');
  const { store, events } = open(directory);
  t.after(() => store.close());
  const [one, two] = policyChain(owner, 2);
  store.put(decoded(one));
  await store.flush();
  // another process holds the file: a write does not get through
  const other = new DatabaseSync(join(directory, 'notices.db'));
  other.exec('PRAGMA locking_mode = NORMAL; BEGIN IMMEDIATE');
  other.exec("INSERT INTO notices VALUES (NULL, x'00', 1, '', '', 0, 0, '', x'00', NULL, x'00', 0)");
  assert.throws(() => store.put(decoded(two)), { code: 'no_room' });
  assert.equal(store.headOf(name)?.sequence, 1);
  assert.equal(events.count('disk_failed'), 1);
  assert.match(store.fault ?? '', /locked/);
  other.exec('ROLLBACK');
  other.close();
  store.put(decoded(two));
  await store.flush();
  assert.equal(store.headOf(name)?.sequence, 2);
  assert.equal(store.fault, null);
});

test('after it is closed nothing is taken; closing twice is no error', async (t) => {
  const { directory, chain } = await filled(t);
  const { store } = open(directory);
  store.close();
  store.close();
  assert.throws(() => store.put(decoded(chain[0])), { code: 'closed' });
});
