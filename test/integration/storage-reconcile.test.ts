import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { SignedRecord } from '../../protocols/storage/index.ts';
import { keys, makeRecord, PLACE, ReplicaNode } from '../support/replica-node.ts';
import { heldIn } from '../support/store-records.ts';

/** Two replicas of one partition that are connected. */
async function startTwo(t: TestContext): Promise<{ a: ReplicaNode; b: ReplicaNode }> {
  const ids: string[] = [];
  const a = await ReplicaNode.start(() => ids);
  const b = await ReplicaNode.start(() => ids);
  t.after(async () => {
    await a.stop();
    await b.stop();
  });
  ids.push(a.id, b.id);
  await a.network.dial(b.network.getMultiaddrs());
  return { a, b };
}

function named(count: number): string[] {
  const names = keys();
  return Array.from({ length: count }, () => names.next().value);
}

async function store(node: ReplicaNode, records: readonly SignedRecord[]): Promise<void> {
  await Promise.all(records.map((record) => node.store.put({ place: PLACE, record, condition: null })));
}

function values(names: readonly string[], counter = 0): SignedRecord[] {
  return names.map((key) => makeRecord(key, { value: Buffer.from(`${key}/${counter}`), counter }));
}

test('two replicas that differ in every way are the same afterwards, and looking again costs next to nothing', async (t) => {
  const { a, b } = await startTwo(t);
  const names = named(600);
  await store(a, values(names.slice(0, 500)));
  await store(b, values(names.slice(0, 450)));
  await store(b, values(names.slice(500, 550)));
  // newer versions on either side, deletions, and floors of what only one of them saw end
  await store(a, values(names.slice(0, 40), 1));
  await store(b, values(names.slice(20, 60), 2));
  const deleted = names.slice(100, 130).map((key) => makeRecord(key, { kind: 1, counter: 3 }));
  await store(b, deleted);
  const ended = names.slice(550).map((key) => makeRecord(key, { counter: 4 }));
  await a.store.raiseFloors(PLACE, ended);
  assert.equal(await a.review(b.id), false);
  const [ofA, ofB] = [await heldIn(a.store, PLACE), await heldIn(b.store, PLACE)];
  assert.equal(ofA.length, names.length);
  assert.deepEqual(ofA, ofB);
  const counters = (from: number, to: number): Set<number> => {
    const some = new Set(names.slice(from, to));
    return new Set(ofA.filter(({ key }) => some.has(key)).map(({ counter }) => counter));
  };
  assert.deepEqual([counters(0, 20), counters(20, 60)], [new Set([1]), new Set([2])]);
  assert.ok(ofA.filter(({ kind }) => kind === 1).length === deleted.length);
  assert.ok(ofA.filter(({ kind }) => kind === 16).length === ended.length);
  const { sessions } = a.metrics.reconciliation;
  assert.equal(await a.review(b.id), true, 'the state says that they are the same');
  assert.equal(a.metrics.reconciliation.sessions, sessions);
});

test('a copy that breaks off goes on with the rest: nothing is fetched twice', async (t) => {
  const { a, b } = await startTwo(t);
  const names = named(800);
  await store(b, values(names));
  const abort = new AbortController();
  const broken = a.pull(b.id, abort.signal);
  const put = a.store.put.bind(a.store);
  let taken = 0;
  a.store.put = (request) => {
    taken += 1;
    if (taken === 300) abort.abort(new Error('it breaks off'));
    return put(request);
  };
  await assert.rejects(broken);
  const first = a.store.summary(PLACE)?.count ?? 0;
  assert.ok(first >= 200 && first < names.length, `${first} were taken over`);
  const { bytesReceived } = a.metrics.reconciliation;
  await a.pull(b.id);
  assert.equal(a.store.summary(PLACE)?.count, names.length);
  assert.equal(a.metrics.recordsCopied, names.length);
  assert.equal(a.metrics.liesFound + b.metrics.liesFound, 0);
  assert.ok(a.metrics.reconciliation.bytesReceived > bytesReceived);
});
