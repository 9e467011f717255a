import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { JOIN_TICK_MS, SETTLE_MS } from '../../../../../node/storage/api/limits.ts';
import type {
  ReplicaPlacement,
  ReplicaSet,
} from '../../../../../node/storage/placement/replica-placement.ts';
import { Joiner } from '../../../../../node/storage/sync/joiner.ts';
import { peerIdOf } from '../../../../support/announcements.ts';
import { authorNumber } from '../../../../support/directory.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import { DOWN_TIMEOUT_MS, MEMBERS_AT, makeMembers, OWN } from '../../../../support/members.ts';
import { keys, makeRecord, PLACE, partitions, ReplicaNode } from '../../../../support/replica-node.ts';
import { silentLogger } from '../../../../support/silent-logger.ts';

const ELSEWHERE = { ...PLACE, partition: 1 };
const [B, C] = [2, 3].map((n) => peerIdOf(authorNumber(n))) as [string, string];

/** Two replicas that are connected: one that joins, and one that has something. */
async function startTwo(t: TestContext): Promise<{ own: ReplicaNode; source: ReplicaNode }> {
  const own = await ReplicaNode.start(() => []);
  const source = await ReplicaNode.start(() => []);
  t.after(() => Promise.all([own.stop(), source.stop()]));
  await own.network.dial(source.network.getMultiaddrs());
  return { own, source };
}

function onceReady({ partition }: { partition: number }): Pick<ReplicaSet, 'isReplica' | 'isSponsored'> {
  return { isReplica: partition === PLACE.partition, isSponsored: true };
}

/** A joiner over the store, the copier and the network of `own`, which will be a replica of one partition. */
async function make(t: TestContext, own: ReplicaNode, init: Parameters<typeof makeMembers>[1] = {}) {
  const here = makeMembers(t, { mayBeAlone: false, ...init });
  const { members, clock } = here;
  members.start();
  const log = { asked: 0, ready: 0 };
  const joiner = new Joiner(
    {
      members,
      places: { onceReady } as unknown as ReplicaPlacement,
      partitions,
      copier: own.copier,
      store: own.store,
      clock,
      logger: silentLogger(),
      ask: (id, request, signal) => {
        log.asked += 1;
        return own.ask(id, request, signal);
      },
      onReady: () => void (log.ready += 1),
    },
    { operator: OWN, downTimeoutMs: DOWN_TIMEOUT_MS },
  );
  t.after(() => joiner.stop());
  /** The members are known as far as they can be. */
  const settle = async (): Promise<void> => {
    members.learnDown([]);
    await here.look();
    clock.advance(SETTLE_MS);
    assert.equal(members.isSettled, true);
  };
  return { ...here, joiner, log, settle };
}

function records(count: number, counter = 0): ReturnType<typeof makeRecord>[] {
  const names = keys();
  return Array.from({ length: count }, () => makeRecord(names.next().value, { counter }));
}

async function store(node: ReplicaNode, count: number, counter = 0): Promise<void> {
  for (const record of records(count, counter))
    await node.store.put({ place: PLACE, record, condition: null });
}

test('a node that joins copies its share from the sponsors, and nothing else, before it is ready', async (t) => {
  const { own, source } = await startTwo(t);
  await store(source, 40);
  const [record] = records(1);
  assert.ok(record !== undefined);
  await source.store.put({ place: ELSEWHERE, record, condition: null });
  const { joiner, members, log, sponsor, settle } = await make(t, own);
  await sponsor(source.id, OWN);
  await joiner.tick();
  assert.equal(log.asked, 0, 'who does not know the members yet waits');
  await settle();
  let heldWhenReady = 0;
  members.onChange(() => {
    heldWhenReady = own.store.summary(PLACE)?.count ?? 0;
  });
  await joiner.tick();
  assert.deepEqual([members.isReady, log.ready, heldWhenReady], [true, 1, 40]);
  assert.deepEqual(own.store.summary(PLACE)?.fingerprint, source.store.summary(PLACE)?.fingerprint);
  assert.equal(own.store.summary(ELSEWHERE), null);
  const { asked } = log;
  await joiner.tick();
  assert.deepEqual([log.ready, log.asked], [1, asked], 'once');
});

test('what is written while it copies is copied too', async (t) => {
  const { own, source } = await startTwo(t);
  await store(source, 20);
  const { joiner, members, sponsor, settle } = await make(t, own);
  await sponsor(source.id, OWN);
  await settle();
  const put = own.store.put.bind(own.store);
  let more: Promise<void> | undefined;
  own.store.put = async (request) => {
    more ??= store(source, 30, 1);
    await more;
    return put(request);
  };
  await joiner.tick();
  assert.equal(members.isReady, true);
  assert.equal(own.store.summary(PLACE)?.count, 30);
  assert.deepEqual(own.store.summary(PLACE)?.fingerprint, source.store.summary(PLACE)?.fingerprint);
});

test('a source that does not give all it has keeps it from being ready; the clock makes it try again', async (t) => {
  const { own, source } = await startTwo(t);
  await store(source, 10);
  const { joiner, members, clock, log, sponsor, settle } = await make(t, own);
  await sponsor(source.id, OWN);
  await settle();
  const openItems = source.store.openItems.bind(source.store);
  source.store.openItems = () => Promise.reject(new Error('the disk is slow'));
  await joiner.tick();
  assert.deepEqual([members.isReady, log.ready], [false, 0]);
  source.store.openItems = openItems;
  const ready = new Promise<void>((resolve) => {
    members.onChange(() => members.isReady && resolve());
  });
  joiner.start();
  clock.advance(JOIN_TICK_MS);
  await ready;
  assert.equal(own.store.summary(PLACE)?.count, 10);
});

test('a node waits for a majority of the sponsors until the others are gone for longer than the down timeout', async (t) => {
  const { own, source } = await startTwo(t);
  await store(source, 10);
  const { joiner, members, clock, log, sponsor, leave, look, settle } = await make(t, own);
  for (const id of [source.id, B, C]) await sponsor(id, OWN);
  for (const id of [B, C]) await leave(id);
  await settle();
  await joiner.tick();
  assert.deepEqual([members.isReady, log.asked], [false, 0], 'one of three may lack what was acknowledged');
  clock.advance(DOWN_TIMEOUT_MS + 1);
  await look();
  // one member fewer: it looks a while whether more of them change
  clock.advance(SETTLE_MS);
  await joiner.tick();
  assert.equal(members.isReady, true);
  assert.equal(own.store.summary(PLACE)?.count, 10);
});

test('the first sponsor of an operator is ready at once; others do not count as sources', async (t) => {
  const { own, source } = await startTwo(t);
  const { joiner, members, log, offer, sponsor, settle } = await make(t, own);
  await sponsor(source.id, 'did:key:zOther');
  offer(B, 'loopback', { operator: OWN, isReady: false });
  await settle();
  await joiner.tick();
  assert.deepEqual([members.isReady, log.asked, log.ready], [true, 0, 1]);
});

test('after a power cut that was longer than the down timeout two of three sponsors go on without the third', async (t) => {
  const { own, source } = await startTwo(t);
  await store(source, 10);
  const before = await make(t, own);
  for (const id of [source.id, B]) await before.sponsor(id, OWN);
  before.members.becomeReady();
  before.members.stop();
  const clock = new ManualClock(MEMBERS_AT + 10 * DOWN_TIMEOUT_MS);
  const { joiner, members, offer, connected, look, settle } = await make(t, own, {
    path: before.path,
    clock,
  });
  // it was away as long as this node, so that it is not ready either
  offer(source.id, 'loopback', { operator: OWN, isReady: false });
  connected.add(source.id);
  await look();
  await settle();
  await joiner.tick();
  assert.equal(members.isReady, true, 'each write was acknowledged by one of these two');
  assert.equal(own.store.summary(PLACE)?.count, 10);
});

test('a new machine waits for what the last sponsors hold, however long they are gone, until they are revoked', async (t) => {
  const { own } = await startTwo(t);
  const { joiner, members, clock, log, revoked, sponsor, leave, look, settle } = await make(t, own, {
    mayBeAlone: true,
  });
  for (const id of [B, C]) await sponsor(id, OWN);
  for (const id of [B, C]) await leave(id);
  await settle();
  clock.advance(20 * DOWN_TIMEOUT_MS);
  await look();
  await joiner.tick();
  assert.equal(members.isReady, false, 'it would say that there is nothing');
  for (const id of [B, C]) revoked.add(`${OWN} ${id}`);
  // they are members of nobody first, and none any more then
  await look();
  await look();
  clock.advance(SETTLE_MS);
  await joiner.tick();
  assert.deepEqual([members.isReady, log.asked], [true, 0]);
});

test('one of three sponsors that breaks does not keep a fourth from being ready', async (t) => {
  const { own, source } = await startTwo(t);
  await store(source, 10);
  const third = await ReplicaNode.start(() => []);
  t.after(() => third.stop());
  await own.network.dial(third.network.getMultiaddrs());
  const { joiner, members, log, sponsor, settle } = await make(t, own);
  // nobody answers at the address of the last one
  for (const id of [source.id, third.id, B]) await sponsor(id, OWN);
  await settle();
  await joiner.tick();
  assert.equal(members.isReady, true);
  assert.ok(log.asked >= 3);
  assert.equal(own.store.summary(PLACE)?.count, 10);
});
