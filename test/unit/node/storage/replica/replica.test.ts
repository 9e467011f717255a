/** Answers of a replica, by its partition state and by the clock. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { BlobRetention } from '../../../../../node/storage/blobs/blob-retention.ts';
import { restoredState } from '../../../../../node/storage/placement/partition-states.ts';
import type { ReplicaConfirmation } from '../../../../../node/storage/placement/replica-confirmation.ts';
import { Replica, type ReplicaComponents } from '../../../../../node/storage/replica/replica.ts';
import type { RecordStore } from '../../../../../node/storage/store/interface.ts';
import { CLOCK_GRACE_MS, CLOCK_SKEW_MS } from '../../../../../protocols/common/clock.ts';
import { CodedError } from '../../../../../protocols/common/errors.ts';
import {
  type Answers,
  type Condition,
  decodeRecord,
  type Member,
  Partitions,
  type RecordBody,
  ReplicaError,
  type SignedRecord,
} from '../../../../../protocols/storage/index.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import { scratch } from '../../../../support/processes.ts';
import {
  answering,
  HERE,
  keyIn,
  member,
  READY,
  recordOf,
  replicaAmong,
} from '../../../../support/replica-among.ts';
import { crypto, openStore, PLACE, storable } from '../../../../support/store-records.ts';

const NOW = 1_000_000_000_000;
const VIEW = '0'.repeat(16);

const nothing = (): void => undefined;

/** A replica that is a sponsor as soon as its store has begun with a write. */
class Subject {
  readonly #partitions = new Partitions({ crypto }, { swarm: 'maillon' });
  readonly #store: RecordStore;
  readonly #replica: Replica;
  isChosen = false;

  constructor(t: TestContext) {
    const clock = new ManualClock(NOW);
    this.#store = openStore(scratch(t), {
      clock,
      quotaOf: () => {
        const isSponsored = this.isChosen;
        this.isChosen = true;
        return { bytes: 2 ** 30, keys: 1_000, isSponsored };
      },
    });
    t.after(() => this.#store.close());
    const standing = { setId: VIEW, isReplica: true, isSynced: true, origin: VIEW };
    this.#replica = new Replica({
      clock,
      crypto,
      partitions: this.#partitions,
      store: this.#store,
      admission: { admit: (bytes: Uint8Array) => Promise.resolve(decodeRecord(bytes, crypto)) },
      blobs: { hold: nothing, replaced: nothing },
      places: { of: () => ({ isReplica: true, isSponsored: this.isChosen, replicas: [] }) },
      states: { of: () => standing, keep: () => Promise.resolve(), isStale: () => false },
    } as unknown as ReplicaComponents);
  }

  put(fields: Partial<RecordBody>, condition: Condition | null = null): Promise<Answers['put']> {
    const record = storable({ key: 'k', ms: NOW, ...fields });
    return this.#replica.answer({ type: 'put', record: record.bytes, condition, asFallback: false }, 'peer');
  }

  get held(): unknown {
    const partition = this.#partitions.of({ ...PLACE, key: 'k' });
    const held = this.#store.get(partition, 'k', NOW);
    return held !== null && 'record' in held
      ? [Buffer.from(held.record.value).toString(), held.expiry]
      : held;
  }
}

test('what is written while its replica becomes a sponsor lasts, as the answer says', async (t) => {
  const subject = new Subject(t);
  const { outcome, isDurable } = await subject.put({});
  assert.deepEqual([outcome, isDurable], [{ status: 'stored' }, true]);
  assert.deepEqual(subject.held, ['value of k', null]);
});

test('what its condition refuses meanwhile is not written after all', async (t) => {
  const subject = new Subject(t);
  await subject.put({});
  subject.isChosen = false;
  const { outcome } = await subject.put({ ms: NOW + 1, value: Buffer.from('refused') }, { kind: 'absent' });
  assert.equal(outcome.status, 'condition');
  assert.deepEqual(subject.held, ['value of k', null]);
});

const DAY_MS = 24 * 3_600_000;
const [SELF, B, C, D] = ['self', 'b', 'c', 'd'].map((id, rank) => member(id, rank + 1, READY)) as [
  Member,
  Member,
  Member,
  Member,
];
const { owner, namespace, partition } = HERE;
const NAMED = { owner, namespace, partition };

/** One that has all of the partition, among two others. */
function synced(components: Parameters<typeof answering>[1] = {}) {
  const among = replicaAmong();
  among.become(SELF, B, C);
  among.states.synced(HERE);
  const replica = answering(among, components);
  const put = (record: SignedRecord, asFallback = false): Promise<Answers['put']> =>
    replica.answer({ type: 'put', record: record.bytes, condition: null, asFallback }, 'b');
  const get = (n = 0): Promise<Answers['get']> =>
    replica.answer({ type: 'get', owner, namespace, key: keyIn(n) }, 'b');
  const list = (): Promise<Answers['list']> =>
    replica.answer({ type: 'list', ...NAMED, prefix: '', after: null, limit: 10 }, 'b');
  return { ...among, replica, put, get, list };
}

function refused(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ReplicaError && error.code === code;
}

test('a value is there until the moment it expires, and then it is neither read nor listed', async () => {
  const { clock, get, list, put } = synced();
  await put(recordOf({ key: keyIn(0), time: clock.now(), expiry: clock.now() + DAY_MS }));
  await put(recordOf({ key: keyIn(1), time: clock.now() }));
  clock.advance(DAY_MS - 1);
  assert.equal((await get()).held?.kind, 'record');
  assert.equal((await list()).entries.length, 2);
  clock.advance(1);
  assert.equal((await get()).held?.kind, 'floor');
  assert.deepEqual(
    (await list()).entries.map(({ key }) => key),
    [keyIn(1)],
  );
});

test('it takes what it is a replica of; what others are, as a fallback near them only', async () => {
  const { become, put } = synced();
  const record = recordOf({ key: keyIn(0) });
  const { isDurable, isSynced, outcome } = await put(record);
  assert.deepEqual([isDurable, isSynced, outcome.status], [true, true, 'stored']);
  become(member('self', 9, READY), B, C, D);
  await assert.rejects(put(record), refused('not_responsible'));
  assert.equal((await put(record, true)).outcome.status, 'held');
  const nearer = Array.from({ length: 12 }, (_, n) => member(`n${n}`, 1 + n, READY));
  become(member('self', 99, READY), ...nearer);
  await assert.rejects(put(record, true), refused('not_responsible'));
});

test('what it says of itself is whether it has all, as a replica of the set that there is', async () => {
  const { become, get, places } = synced();
  const { isSynced, setId } = await get();
  assert.deepEqual([isSynced, setId], [true, places.of(HERE).setId]);
  become(member('self', 9, READY), B, C, D);
  assert.equal((await get()).isSynced, false, 'a former one had all');
  become(SELF, B, C);
  assert.equal((await get()).isSynced, false, 'and may lack what came meanwhile');
});

test('a record signed long ago is taken where it is held already, or others vouch for it', async () => {
  const vouched = { by: false };
  const witnesses = { vouch: () => Promise.resolve(vouched.by) } as unknown as ReplicaConfirmation;
  const { clock, get, put } = synced({ witnesses });
  const record = recordOf({ key: keyIn(0) });
  clock.advance(CLOCK_SKEW_MS + CLOCK_GRACE_MS);
  await put(record);
  clock.advance(1);
  assert.equal((await put(record)).outcome.status, 'held');
  const old = recordOf({ key: keyIn(1) });
  await assert.rejects(put(old), { code: 'record_unauthorised' });
  assert.equal((await get(1)).held, null);
  vouched.by = true;
  assert.equal((await put(old)).outcome.status, 'stored');
});

test('the right to have a blob fetched is a record signed now, where the record will be', async () => {
  const prepared: string[] = [];
  const blobs = {
    prefetch: ({ key }: SignedRecord) => {
      prepared.push(key);
      return Promise.resolve({ blocks: 0, isWhole: false });
    },
  } as unknown as BlobRetention;
  const { become, clock, replica } = synced({ blobs });
  const prefetch = (): Promise<Answers['prefetch']> =>
    replica.answer({ type: 'prefetch', record: recordOf({ key: keyIn(0) }).bytes }, 'b');
  clock.advance(CLOCK_SKEW_MS + CLOCK_GRACE_MS);
  await prefetch();
  become(member('self', 9, READY), B, C, D);
  await assert.rejects(prefetch(), refused('not_responsible'));
  become(SELF, B, C);
  clock.advance(1);
  await assert.rejects(prefetch(), { code: 'record_unauthorised' });
  assert.deepEqual(prepared, [keyIn(0)]);
});

test('after an absence longer than tombstones live it shows nothing before it has reconciled', async () => {
  const { get, list, put, replica, states } = synced();
  await put(recordOf({ key: keyIn(0) }));
  const state = (): Promise<Answers['state']> => replica.answer({ type: 'state', ...NAMED }, 'b');
  assert.equal((await state()).count, 1);
  await states.distrustAll({ isStale: true });
  assert.deepEqual([(await get()).held, (await list()).entries, (await state()).count], [null, [], 0]);
  const fetch = { type: 'fetch', namespaceId: HERE.namespaceId, partition, keys: [keyIn(0)] } as const;
  assert.deepEqual((await replica.answer(fetch, 'b')).records, [null]);
  states.synced(HERE);
  assert.deepEqual([(await list()).entries.length, (await state()).count], [1, 1]);
});

test('what was restored is given to replicas that reconcile, and to no reader', async () => {
  const { become, clock, disk, states, store } = synced();
  await store.put({ place: HERE, record: recordOf({ key: keyIn(0) }), condition: null });
  await states.keep(HERE);
  const state = store.getState(HERE);
  await store.setState(HERE, restoredState(state, { asOf: clock.now(), isStale: false, isOther: false }));
  become(SELF, B, C);
  const again = replicaAmong({ disk });
  again.become(SELF, B, C);
  const replica = answering(again);
  const { held } = await replica.answer({ type: 'get', owner, namespace, key: keyIn(0) }, 'b');
  assert.equal(held, null);
  const fetch = { type: 'fetch', namespaceId: HERE.namespaceId, partition, keys: [keyIn(0)] } as const;
  assert.ok((await replica.answer(fetch, 'b')).records[0] instanceof Uint8Array);
});

test('who is no member compares nothing and hands nothing over; a member is answered once all is taken', async () => {
  const done: string[] = [];
  const { become, replica } = synced({
    isMember: (peer) => peer === 'b',
    copyFrom: (peer) => Promise.resolve(void done.push(`copied from ${peer}`)),
    blobs: { refill: () => Promise.resolve(void done.push('blobs')) } as unknown as BlobRetention,
  });
  const { namespaceId } = HERE;
  const requests = [
    { type: 'reconcile', namespaceId, partition, message: new Uint8Array() },
    { type: 'entries', namespaceId, partition, ids: [] },
    { type: 'handover', ...NAMED },
  ] as const;
  for (const request of requests)
    await assert.rejects(replica.answer(request, 'x'), refused('not_responsible'));
  const handover = { type: 'handover', ...NAMED } as const;
  assert.equal((await replica.answer(handover, 'b')).isSynced, true);
  assert.deepEqual(done, ['copied from b', 'blobs']);
  become(member('self', 99, READY), ...Array.from({ length: 12 }, (_, n) => member(`n${n}`, 1 + n, READY)));
  await assert.rejects(replica.answer(handover, 'b'), refused('not_responsible'));
});

test('a copy that does not open is said to be so and repaired; beside it others are given', async () => {
  const corrupt: string[] = [];
  const { get, put, replica, store } = synced({ onCorrupt: (_partition, key) => corrupt.push(key) });
  for (const n of [0, 1]) await put(recordOf({ key: keyIn(n) }));
  const read = store.get.bind(store);
  store.get = (at, key, now) => {
    if (key === keyIn(0)) throw new CodedError('corrupt', 'it does not open');
    return read(at, key, now);
  };
  await assert.rejects(get(0), refused('corrupt'));
  assert.equal((await get(1)).held?.kind, 'record');
  const keys = [keyIn(0), keyIn(1)];
  const fetch = { type: 'fetch', namespaceId: HERE.namespaceId, partition, keys } as const;
  const { records } = await replica.answer(fetch, 'b');
  assert.deepEqual([records[0], records[1] instanceof Uint8Array], [null, true]);
  assert.deepEqual(corrupt, [keyIn(0), keyIn(0)]);
});

test('where there is no room blobs that nobody needs go first; then the write is refused by name', async () => {
  const freed = { some: true, times: 0 };
  const blobs = {
    hold: nothing,
    replaced: nothing,
    freeRoom: () => {
      freed.times += 1;
      return Promise.resolve(freed.some);
    },
  } as unknown as BlobRetention;
  const { put, store } = synced({ blobs });
  const write = store.put.bind(store);
  store.put = (request) =>
    freed.times > 0 && freed.some
      ? write(request)
      : Promise.resolve({ status: 'no_room', reason: 'capacity' });
  assert.equal((await put(recordOf({ key: keyIn(0) }))).outcome.status, 'stored');
  freed.some = false;
  await assert.rejects(put(recordOf({ key: keyIn(1) })), refused('no_room'));
  assert.equal(freed.times, 2);
});
