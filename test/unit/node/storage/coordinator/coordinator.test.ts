import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Credentials } from '../../../../../node/identity/credentials.ts';
import { createCrypto, createEd25519Signer } from '../../../../../node/runtime/crypto.ts';
import { createStorageServiceMetrics } from '../../../../../node/storage/api/counters.ts';
import type { BlobSource } from '../../../../../node/storage/blobs/blob-source.ts';
import { Coordinator } from '../../../../../node/storage/coordinator/coordinator.ts';
import type {
  ReplicaPlacement,
  ReplicaSet,
} from '../../../../../node/storage/placement/replica-placement.ts';
import { NoAnswer } from '../../../../../node/storage/rpc/client.ts';
import { systemClock } from '../../../../../protocols/common/clock.ts';
import {
  type Answers,
  decodeRecord,
  HybridClock,
  KIND_VALUE,
  Partitions,
  RecordAdmission,
  RecordSigner,
  ReplicaError,
  type RequestOf,
  type SignedRecord,
} from '../../../../../protocols/storage/index.ts';
import { codeOf, named, textOf } from '../../../../support/storage.ts';

const crypto = createCrypto();
const swarm = 'tests';
/** Enough for some rounds. */
const DEADLINE_MS = 300;
const VIEW = '00112233aabbccdd';
const OTHER_VIEW = 'ffffffffffffffff';

/** One of three replicas. The transport alone is made up: records are signed and verified. */
class FakeReplica {
  setId = VIEW;
  isSynced = true;
  held: SignedRecord | null = null;
  /** Takes what it is given and does not answer. */
  isMute = false;
  refusal: string | null = null;
  puts = 0;

  put({ record: bytes, condition }: RequestOf<'put'>): Answers['put'] {
    if (this.refusal !== null) throw new ReplicaError(this.refusal, 'no');
    this.puts += 1;
    const { setId, isSynced, held } = this;
    const record = decodeRecord(bytes, crypto);
    if (this.isMute) {
      this.held = record;
      throw new NoAnswer('it did not answer', true);
    }
    if (held !== null && Buffer.from(held.digest).equals(record.digest)) {
      return { setId, isSynced, outcome: { status: 'held' }, isDurable: true };
    }
    const isBehind =
      held !== null && (held.ms > record.ms || (held.ms === record.ms && held.counter >= record.counter));
    if (condition?.kind === 'notAbove' && held !== null && held.ms > condition.stamp.ms) {
      return { setId, isSynced, outcome: { status: 'condition', current: held }, isDurable: true };
    }
    if (isBehind) return { setId, isSynced, outcome: { status: 'stale', current: held }, isDurable: true };
    this.held = record;
    return { setId, isSynced, outcome: { status: 'stored' }, isDurable: true };
  }

  get(): Answers['get'] {
    if (this.refusal !== null) throw new ReplicaError(this.refusal, 'no');
    if (this.isMute) throw new NoAnswer('it did not answer', true);
    const { setId, isSynced, held } = this;
    return {
      setId,
      isSynced,
      held: held === null ? null : { kind: 'record', record: held.bytes, expiry: held.expiry },
    };
  }
}

function make() {
  const replicas = new Map(['a', 'b', 'c'].map((id) => [id, new FakeReplica()]));
  const gone = new Set<string>();
  const repaired: string[] = [];
  const place: ReplicaSet = {
    position: new Uint8Array(32),
    replicas: [...replicas.keys()].map((id) => {
      return { id, kadId: new Uint8Array(32), prefix: id, isLive: true, operator: '', isReady: false };
    }),
    setId: VIEW,
    isReplica: false,
    sponsors: new Set(),
    isSponsored: false,
  };
  const metrics = createStorageServiceMetrics();
  const partitions = new Partitions({ crypto }, { swarm });
  const clock = systemClock;
  const admission = new RecordAdmission(
    { crypto, clock, partitions, metrics, authorise: () => undefined },
    { swarm },
  );
  const signer = new RecordSigner(
    { crypto, signer: createEd25519Signer(new Uint8Array(32).fill(5)) },
    { swarm },
  );
  const ask = (id: string, request: { type: string }): Promise<never> => {
    const replica = replicas.get(id);
    if (replica === undefined || gone.has(id)) return Promise.reject(new NoAnswer('nobody there', false));
    return Promise.resolve().then(() => {
      return (request.type === 'put' ? replica.put(request as RequestOf<'put'>) : replica.get()) as never;
    });
  };
  const coordinator = new Coordinator(
    {
      crypto,
      clock,
      partitions,
      metrics,
      admission,
      signer,
      isAuthorisedNow: () => Promise.resolve(true),
      credentials: { chainFor: () => Promise.resolve([]) } as unknown as Credentials,
      ask,
      places: { of: () => place, fallbacks: () => [], sponsorsOf: () => [] } as unknown as ReplicaPlacement,
      versions: new HybridClock({ clock }),
      source: {} as unknown as BlobSource,
      isConnected: (id) => !gone.has(id),
      connect: () => Promise.reject(new NoAnswer('nobody there', false)),
      onOtherView: () => undefined,
      repair: (_, ids) => repaired.push(...ids),
    },
    { self: 'x', replicas: 3, deadlineMs: DEADLINE_MS },
  );
  const [a, b, c] = [...replicas.values()] as [FakeReplica, FakeReplica, FakeReplica];
  const put = (text: string, options = {}) => {
    return coordinator.put(named('k'), { kind: KIND_VALUE, value: Buffer.from(text) }, options);
  };
  const get = (consistency?: 'one' | 'majority') => coordinator.get(named('k'), consistency);
  return { a, b, c, gone, repaired, put, get, metrics };
}

test('only synced replicas of one view acknowledge', async () => {
  const { a, b, c, put, gone } = make();
  const receipt = await put('1');
  assert.ok(receipt.replicas.length >= 2);
  a.isSynced = false;
  b.setId = OTHER_VIEW;
  assert.equal(await codeOf(put('2')), 'outcome_unknown', 'three have it on disk, and no two count together');
  c.setId = OTHER_VIEW;
  assert.equal(
    (await put('3')).replicas.length,
    2,
    'a majority of replicas that this node does not see so is one',
  );
  gone.add('a').add('b');
  assert.equal(await codeOf(put('4')), 'insufficient_replicas');
});

test('nothing was stored for sure, or it may have been: never the same answer', async () => {
  const { a, b, c, put, gone } = make();
  gone.add('a').add('b');
  assert.equal(await codeOf(put('1')), 'insufficient_replicas');
  assert.equal(c.puts, 0, 'where there are too few nobody is given anything');
  gone.clear();
  a.isMute = true;
  b.isMute = true;
  assert.equal(await codeOf(put('2')), 'outcome_unknown');
  for (const replica of [a, b, c]) {
    replica.isMute = false;
    replica.refusal = 'no_room';
  }
  assert.equal(await codeOf(put('3')), 'no_room');
  for (const replica of [a, b, c]) replica.refusal = 'over_quota';
  assert.equal(await codeOf(put('3')), 'over_quota');
  c.refusal = null;
  assert.equal(await codeOf(put('3')), 'outcome_unknown', 'one has it');
});

test('what a replica may have stored is not forgotten when it cannot be asked again', async () => {
  const { a, b, put, gone } = make();
  a.isMute = true;
  const take = a.put.bind(a);
  a.put = (request) => {
    gone.add('a');
    return take(request);
  };
  b.refusal = 'not_responsible';
  gone.add('c');
  assert.equal(await codeOf(put('1')), 'outcome_unknown');
  assert.ok(a.held !== null && a.puts === 1);
});

test('a refusal says nothing of what an earlier attempt of the same write may have stored', async () => {
  const { a, b, put, gone } = make();
  await put('newer', { durability: 'all' });
  const newer = b.held as SignedRecord;
  a.held = null;
  b.held = { ...newer, ms: newer.ms + 5_000 };
  const refuse = b.put.bind(b);
  b.put = (request) => {
    gone.add('b');
    return refuse(request);
  };
  gone.add('c');
  assert.equal(await codeOf(put('overtaken')), 'outcome_unknown');
  const held = a.held as SignedRecord | null;
  assert.equal(Buffer.from(held?.value ?? []).toString(), 'overtaken');
});

test('a write goes above what it finds, unless it was to go onto something else', async () => {
  const { a, b, c, put, get } = make();
  const first = await put('1');
  const fast = make();
  await fast.put('fast');
  const newer = fast.a.held as SignedRecord;
  const ahead = { ...newer, ms: newer.ms + 5_000 };
  for (const replica of [a, b, c]) replica.held = ahead;
  const second = await put('2');
  assert.ok(second.version.ms >= ahead.ms);
  assert.equal(textOf(await get()), '2');
  assert.equal(await codeOf(put('3', { ifVersion: first.etag })), 'precondition_failed');
});

test('a majority reads the newest and has the others mended; without one the best copy is said to be just that', async () => {
  const { a, b, c, put, get, gone, repaired } = make();
  await put('1', { durability: 'all' });
  const old = b.held;
  await put('2', { durability: 'all' });
  b.held = old;
  const read = await get();
  assert.deepEqual([textOf(read), read?.degraded], ['2', false]);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(repaired, ['b']);
  gone.add('a').add('c');
  const degraded = await get();
  assert.deepEqual([textOf(degraded), degraded?.degraded], ['1', true], 'it cannot know better');
  assert.equal(await codeOf(get('majority')), 'insufficient_replicas');
  assert.equal(textOf(await get('one')), '1');
  b.held = null;
  assert.equal(await codeOf(get()), 'insufficient_replicas');
  gone.clear();
  for (const replica of [a, b, c]) replica.refusal = 'corrupt';
  assert.equal(await codeOf(get()), 'corrupt');
});
