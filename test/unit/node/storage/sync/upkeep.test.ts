import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createCrypto } from '../../../../../node/runtime/crypto.ts';
import { createStorageServiceMetrics } from '../../../../../node/storage/api/counters.ts';
import { SWEEP_MS, UPKEEP_TICK_MS } from '../../../../../node/storage/api/limits.ts';
import type { Members } from '../../../../../node/storage/placement/members.ts';
import { PartitionStates } from '../../../../../node/storage/placement/partition-states.ts';
import { ReplicaPlacement } from '../../../../../node/storage/placement/replica-placement.ts';
import type { PartitionPlace } from '../../../../../node/storage/store/interface.ts';
import type { Sync } from '../../../../../node/storage/sync/sync.ts';
import { Upkeep } from '../../../../../node/storage/sync/upkeep.ts';
import {
  type Answers,
  KIND_FLOOR,
  KIND_TOMBSTONE,
  type Member,
  Partitions,
  placeOf,
  type RequestType,
  TOMBSTONE_LIFE_MS,
} from '../../../../../protocols/storage/index.ts';
import { SWARM } from '../../../../support/envelopes.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import { scratch } from '../../../../support/processes.ts';
import { silentLogger } from '../../../../support/silent-logger.ts';
import { openStore, storable } from '../../../../support/store-records.ts';

const ALICE = 'did:key:zAlice';
const NAMES = { owner: ALICE, namespace: 'kept' };
const START = 1_000_000;
const crypto = createCrypto();
const partitions = new Partitions({ crypto }, { swarm: SWARM });
const PLACE: PartitionPlace = { ...NAMES, namespaceId: partitions.namespaceId(NAMES), partition: 3 };
const AT = placeOf(crypto, PLACE);

/** How another node answers. */
interface Home {
  /** Null: the one that this node sees. */
  setId: string | null;
  isReplica: boolean;
  isSynced: boolean;
  /** Whether it has on disk what this node has. */
  hasAll: boolean;
  isMute: boolean;
}

/** A member at this rank of distance. */
function member(id: string, rank: number, other: Partial<Member> = {}): Member {
  const kadId = Uint8Array.from(AT);
  kadId[0] = (kadId[0] ?? 0) ^ rank;
  return { id, kadId, prefix: 'loopback', isLive: true, operator: '', isReady: false, ...other };
}

const READY = { operator: ALICE, isReady: true };

const onDue = (): void => undefined;

/** This node, `self`, with one value that it was a replica of alone, as a sponsor unless said otherwise. */
async function make(t: TestContext, { replicas = 2, isSponsor = true } = {}) {
  const clock = new ManualClock(START);
  const store = openStore(scratch(t), { clock });
  t.after(() => store.close());
  const members = { list: [] as Member[], version: 1, size: 1, isSettled: true };
  const replicaSet = new Map<string, Home>();
  const asked: string[] = [];
  const sponsors = { of: () => [new Set(isSponsor ? [ALICE] : [])], version: 1 };
  const places = new ReplicaPlacement(
    { members, crypto, sponsors, namesOf: (id) => partitions.namesOf(id) },
    { self: 'self', replicas, distinctPrefixes: true },
  );
  const logger = silentLogger();
  const own = { store, places, clock, logger, metrics: createStorageServiceMetrics() };
  const states = new PartitionStates({ ...own, members: members as unknown as Members, onDue });
  const keeps = { own: false };
  const answer = (id: string, type: RequestType): Answers['state'] => {
    asked.push(`${type} ${id}`);
    const replica = replicaSet.get(id);
    if (replica === undefined || replica.isMute) throw new Error('it does not answer');
    const setId = replica.setId ?? places.of(PLACE).setId;
    const held = store.summary(PLACE) ?? { count: 0, bytes: 0, fingerprint: new Uint8Array(16) };
    return { ...held, setId, isReplica: replica.isReplica, isSynced: replica.isSynced, origin: null };
  };
  const upkeep = new Upkeep(
    {
      ...own,
      states,
      sync: { copyFrom: () => Promise.resolve() } as unknown as Sync,
      copier: { covers: (id) => Promise.resolve(replicaSet.get(id)?.hasAll === true) },
      joiner: { isShare: (partition) => places.onceReady(partition).isReplica && isSponsor },
      mayKeep: () => keeps.own,
      ask: async (id, { type }) => answer(id, type) as never,
    },
    { self: 'self', replicas },
  );
  /** From now on these are members, and this node sees it. */
  const become = (list: readonly Member[]): void => {
    members.list = [...list];
    members.size = list.length;
    members.version += 1;
    for (const { id } of list) {
      if (id !== 'self' && !replicaSet.has(id)) replicaSet.set(id, { ...HONEST });
    }
  };
  /** A whole look at all that is kept; whether the value is still there. */
  const review = async (): Promise<boolean> => {
    upkeep.scheduleNow();
    await upkeep.tick();
    return store.get(PLACE, 'k', clock.now()) !== null;
  };
  become([member('self', 1, isSponsor ? READY : {})]);
  assert.deepEqual(
    [states.of(PLACE).isReplica, states.of(PLACE).isSynced],
    [true, true],
    'alone it has all there is',
  );
  await store.put({ place: PLACE, record: storable({ ...NAMES, key: 'k' }), condition: null });
  await states.keep(PLACE);
  return { asked, become, clock, replicaSet, keeps, members, places, review, states, store, upkeep };
}

const HONEST: Home = { setId: null, isReplica: true, isSynced: true, hasAll: true, isMute: false };
/** Two that are closer than this node. */
const STRANGERS = [member('b', 2), member('c', 3)];
const SUCCESSORS = [member('b', 2, READY), member('c', 3, READY)];
const FARTHER = member('self', 4, READY);

test('a promised copy without a successor is kept, however often it is looked at', async (t) => {
  const { become, clock, replicaSet, review, states, upkeep } = await make(t);
  assert.equal(states.isPromised(PLACE), true);
  // the holder withdrew its trust, or chose others that are not there yet
  become([...STRANGERS, member('self', 4)]);
  assert.equal(states.of(PLACE).isReplica, false);
  for (let i = 0; i < 5; i++) {
    assert.equal(await review(), true);
    clock.advance(3_600_000);
  }
  assert.equal(upkeep.shares.leaving, 1);
  assert.ok(
    [...replicaSet.values()].every(({ hasAll }) => hasAll),
    'though others have all of it',
  );
});

test('a promised copy is dropped only when each new replica has confirmed all of it under the same view', async (t) => {
  const lacking: readonly [string, Partial<Home>][] = [
    ['does not answer', { isMute: true }],
    ['is not synced', { isSynced: false }],
    ['sees other replicas', { setId: '0'.repeat(16) }],
    ['says that it is none', { isReplica: false }],
    ['lacks something', { hasAll: false }],
  ];
  for (const [what, lack] of lacking) {
    for (const id of ['b', 'c']) {
      const { become, replicaSet, review, upkeep, store } = await make(t);
      become([...SUCCESSORS, FARTHER]);
      Object.assign(replicaSet.get(id) ?? {}, lack);
      assert.equal(await review(), true, `${id} ${what}`);
      if (what !== 'does not answer') assert.equal(upkeep.shares.leaving, 1, what);
      Object.assign(replicaSet.get(id) ?? {}, HONEST);
      assert.equal(await review(), false, 'now each of them has');
      assert.equal(store.summary(PLACE), null);
      await upkeep.tick();
      assert.equal(upkeep.shares.leaving, 0);
    }
  }
});

test('a promised copy is kept while one of the new replicas is gone', async (t) => {
  const { asked, become, review, upkeep } = await make(t);
  const [b, c] = SUCCESSORS as [Member, Member];
  // one more sponsor, so that this node holds no copy beside them
  become([b, { ...c, isLive: false }, member('d', 3.5, READY), FARTHER]);
  assert.equal(await review(), true);
  assert.equal(upkeep.shares.leaving, 1);
  assert.deepEqual(asked, [], 'nothing was said that counts');
  become([b, c, FARTHER]);
  assert.equal(await review(), false);
});

test('replicas that change while they confirm have confirmed nothing', async (t) => {
  const { become, replicaSet, review, places } = await make(t);
  become([...SUCCESSORS, FARTHER]);
  const before = places.of(PLACE).setId;
  const c = replicaSet.get('c');
  assert.ok(c !== undefined);
  // between its answer and the end of the look another one joins that is closer
  Object.defineProperty(c, 'hasAll', {
    get: () => {
      become([member('e', 0, READY), ...SUCCESSORS, FARTHER]);
      c.setId = before;
      return true;
    },
  });
  assert.equal(await review(), true);
});

test('what was promised to nobody is given to the replicas, and their word is enough', async (t) => {
  const { become, replicaSet, review, states } = await make(t, { isSponsor: false });
  assert.equal(states.isPromised(PLACE), false);
  become([...STRANGERS, member('self', 4)]);
  for (const replica of replicaSet.values()) replica.hasAll = false;
  assert.equal(await review(), false);
});

test('a node keeps what belongs to its own operator while it may, though each replica has it', async (t) => {
  const { become, keeps, review, upkeep } = await make(t);
  become([...SUCCESSORS, FARTHER]);
  keeps.own = true;
  assert.equal(await review(), true);
  assert.equal(upkeep.shares.leaving, 0, 'it is on top: nobody waits for it');
  keeps.own = false;
  assert.equal(await review(), false);
});

test('a copy beside the replicas is kept as long as one of them is gone', async (t) => {
  const { become, review, upkeep } = await make(t);
  const [b, c] = SUCCESSORS as [Member, Member];
  become([b, { ...c, isLive: false }, FARTHER]);
  assert.equal(await review(), true);
  assert.deepEqual([upkeep.shares.fallback, upkeep.shares.leaving], [1, 0]);
});

test('a replica of fewer than are wanted says so', async (t) => {
  const { become, review, upkeep } = await make(t, { replicas: 3 });
  assert.equal(await review(), true);
  assert.equal(upkeep.shares.underReplicated, 1);
  become([member('self', 1, READY), ...SUCCESSORS]);
  await review();
  assert.equal(upkeep.shares.underReplicated, 0);
});

test('the clock has what expired removed, and deleted keys forgotten at the end of their life', async (t) => {
  const { clock, store, upkeep } = await make(t);
  const expiry = START + 60_000;
  await store.put({ place: PLACE, record: storable({ ...NAMES, key: 'short', expiry }), condition: null });
  const gone = storable({ ...NAMES, key: 'gone', kind: KIND_TOMBSTONE, value: new Uint8Array(), ms: START });
  await store.put({ place: PLACE, record: gone, condition: null });
  const kindOf = (key: string): number | undefined => store.head(PLACE, key)?.kind;
  upkeep.start();
  t.after(() => upkeep.stop());
  await clock.advanceAsync(UPKEEP_TICK_MS);
  clock.advance(expiry - clock.now() - 1);
  await upkeep.tick();
  assert.notEqual(kindOf('short'), KIND_FLOOR);
  // writes go to another thread: the end of a tick is waited for, not a time
  const live = async (ms: number): Promise<void> => {
    for (const until = clock.now() + ms; clock.now() < until; ) {
      clock.advance(UPKEEP_TICK_MS);
      await upkeep.tick();
    }
  };
  await live(SWEEP_MS + 2 * UPKEEP_TICK_MS);
  assert.equal(kindOf('short'), KIND_FLOOR);
  assert.equal(kindOf('gone'), KIND_TOMBSTONE, 'a replica that was away for days must hear of it');
  clock.advance(START + TOMBSTONE_LIFE_MS - clock.now() - 2 * UPKEEP_TICK_MS);
  // the one that goes on began long ago
  await upkeep.tick();
  await upkeep.tick();
  assert.equal(kindOf('gone'), KIND_TOMBSTONE);
  await live(SWEEP_MS + 4 * UPKEEP_TICK_MS);
  assert.equal(kindOf('gone'), KIND_FLOOR);
  assert.notEqual(store.get(PLACE, 'k', clock.now()), null);
});
