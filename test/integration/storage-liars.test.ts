import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import {
  type Answers,
  encodeAnswer,
  encodeError,
  FINGERPRINT_BYTES,
  type RequestOf,
  type RequestType,
  type Stamp,
  type StorageRequest,
} from '../../protocols/storage/index.ts';
import * as cbor from '../support/cbor.ts';
import { authorNumber } from '../support/directory.ts';
import { startNode } from '../support/node.ts';
import { OWNER } from '../support/owner.ts';
import { Planted } from '../support/planted.ts';
import { until } from '../support/processes.ts';
import {
  answering,
  NOTHING_DIFFERS,
  partitionId,
  RawReplica,
  type Reaction,
  varint,
} from '../support/raw-replica.ts';
import { EXAMPLE, type Items, record, wireOf } from '../support/records.ts';
import { codeOf, known, named, read, startMembers, textOf } from '../support/storage.ts';

const HOUR_MS = 3_600_000;
const LIAR = authorNumber(77);
/** Pages follow one another within milliseconds. */
const QUIET_MS = 3_000;
const bytes = (text: string): Buffer => Buffer.from(text);
const UNMARKED = { isReplica: true, origin: null, fingerprint: new Uint8Array(FINGERPRINT_BYTES) };

interface Stage {
  readonly nodes: readonly MaillonNode[];
  readonly light: MaillonNode;
  readonly liar: RawReplica;
}

/** Two honest nodes and a liar: all three are replicas of everything. The light node holds nothing and asks them. */
async function stage(t: TestContext): Promise<Stage> {
  const nodes = await startMembers(t, 2);
  const liar = await RawReplica.join(t, nodes, LIAR);
  liar.react = pretending(liar, () => null);
  const light = await startNode(t, { through: nodes, role: 'light' });
  await known([light], 3);
  // who has just met the others counts for nothing until it has looked who has what
  await until('every partition can be read and written', async () => {
    const all = { owner: OWNER.did, namespace: 'default' };
    const lists = await Promise.all([...nodes, light].map((node) => codeOf(node.storage.list(all))));
    return lists.every((code) => code === null);
  });
  return { nodes, light, liar };
}

function fresh(key: string, other: Partial<Items> = {}): Items {
  const now = Date.now();
  return { ...EXAMPLE, key: cbor.text(key), ms: cbor.integer(now), time: cbor.integer(now), ...other };
}

const NO_DIGEST = new Uint8Array(32).fill(255);

function stampAt(ms: number): Stamp {
  return { ms, counter: 0, digest: NO_DIGEST };
}

/** A replica like the others, as far as it says; it takes every write and keeps none. */
function pretending(
  liar: RawReplica,
  lie: (
    request: StorageRequest,
    standing: { setId: string; isSynced: boolean },
  ) => Answers[RequestType] | null,
): Reaction {
  return answering(async (request) => {
    const standing = await liar.standing(request);
    const said = lie(request, standing);
    if (said !== null) return said;
    if (request.type === 'put') return { ...standing, outcome: { status: 'stored' }, isDurable: true };
    if (request.type === 'get') return { ...standing, held: null };
    if (request.type === 'state') return { ...standing, ...UNMARKED, count: 0, bytes: 0 };
    if (request.type === 'list') return { ...standing, entries: [], next: null };
    if (request.type === 'reconcile') return { ...standing, message: NOTHING_DIFFERS };
    return null;
  });
}

/** A liar's answer to a `get`. */
type Lie = readonly [what: string, react: (stage: Stage, old: Uint8Array) => Reaction];

function holding(make: (old: Uint8Array) => Uint8Array): Lie[1] {
  return ({ liar }, old) =>
    pretending(liar, (request, standing) => {
      if (request.type !== 'get') return null;
      return { ...standing, held: { kind: 'record', record: make(old), expiry: null } };
    });
}

const LIES: readonly Lie[] = [
  ['nothing', ({ liar }) => pretending(liar, () => null)],
  ['an older value', holding((old) => old)],
  ['a forged newer value', holding(() => wireOf(fresh('k'), Buffer.alloc(64, 1)))],
  ['a record of another swarm', holding(() => record(fresh('k'), { swarm: 'another' }))],
  ['a record of another key', holding(() => record(fresh('other')))],
  ['a record of another namespace', holding(() => record(fresh('k', { namespace: cbor.text('another') })))],
  [
    'a record of the far future',
    holding(() => record(fresh('k', { ms: cbor.integer(Date.now() + HOUR_MS) }))),
  ],
  ['a record of a later version', holding(() => record(fresh('k', { version: cbor.integer(2) })))],
  ['nonsense for a record', holding(() => bytes('nonsense'))],
  [
    'a floor of the far future',
    ({ liar }) =>
      pretending(liar, (request, standing) => {
        if (request.type !== 'get') return null;
        return { ...standing, held: { kind: 'floor', stamp: stampAt(Date.now() + HOUR_MS) } };
      }),
  ],
  [
    'an older value under another view',
    ({ liar }, old) =>
      pretending(liar, (request) => {
        if (request.type !== 'get') return null;
        return { setId: 'f'.repeat(16), isSynced: true, held: { kind: 'record', record: old, expiry: null } };
      }),
  ],
  ['a refusal', () => (id) => Promise.resolve(encodeError(id, 'not_responsible', 'no'))],
  ['an answer to something else', () => (id) => Promise.resolve(encodeError(id + 1, 'stopping', 'no'))],
  ['silence', () => () => Promise.resolve(null)],
  ['nonsense for an answer', () => () => Promise.resolve(Buffer.of(0x83, 1, 2))],
  [
    'an answer without end',
    () => (_id, _request, stream) => {
      stream.send(varint(2 ** 20));
      const flood = (): void => {
        if (stream.status !== 'open' || stream.writeStatus !== 'writable') return;
        stream.send(Buffer.alloc(1024));
        setTimeout(flood, 5);
      };
      flood();
      return Promise.resolve(null);
    },
  ],
  [
    'an answer that is too large',
    () => (_id, _request, stream) => {
      stream.send(varint(2 ** 30));
      return Promise.resolve(null);
    },
  ],
];

test('whatever one replica of three answers, reads give what was written', async (t) => {
  const here = await stage(t);
  const { nodes, light, liar } = here;
  const [first] = nodes as [MaillonNode];
  await first.storage.put(named('k'), bytes('old'), { durability: 'all' });
  const { held } = await liar.ask({ type: 'get', ...named('k') });
  assert.ok(held?.kind === 'record');
  await first.storage.put(named('k'), bytes('new'), { durability: 'all' });
  for (const [what, react] of LIES) {
    const before = liar.asked.get ?? 0;
    liar.react = react(here, held.record);
    await until(`it is asked, ${what}`, async () => {
      for (const node of [...nodes, light]) {
        const record = await node.storage.get(named('k'), { consistency: 'majority' });
        assert.equal(textOf(record), 'new', what);
        assert.equal(await read(node, 'k'), 'new', what);
        // the nearest copy may be an old one, or none; it is never one that nobody wrote
        const nearest = textOf(await node.storage.get(named('k'), { consistency: 'one' }));
        assert.ok(nearest === 'new' || nearest === 'old' || nearest === null, `${what}: ${nearest}`);
      }
      return (liar.asked.get ?? 0) > before;
    });
  }
});

const HAS = 'that it has it, and has not';
const HAD = 'that it has had it';

/** A liar's answers to a `put`. Its claim to hold a record counts, so only a write to all is sure of the others. */
const PUT_LIES: readonly (readonly [string, (now: number) => Answers['put']['outcome']])[] = [
  [HAS, () => ({ status: 'stored' })],
  [HAD, () => ({ status: 'held' })],
  ['that it has one of next year', (now) => ({ status: 'stale', current: stampAt(now + 8760 * HOUR_MS) })],
  ['that it has one of the largest version', () => ({ status: 'stale', current: stampAt(2 ** 53 - 1) })],
  ['that it has a newer one', (now) => ({ status: 'stale', current: stampAt(now + 15_000) })],
  ['that the condition does not hold', (now) => ({ status: 'condition', current: stampAt(now + 15_000) })],
  ['that there is nothing', () => ({ status: 'condition', current: null })],
];

test('whatever one replica of three says to a write, the others have it and its version is of now', async (t) => {
  const { nodes, light, liar } = await stage(t);
  const failed: string[] = [];
  for (const [number, [what, outcome]] of PUT_LIES.entries()) {
    const durability = what === HAS || what === HAD ? 'all' : 'majority';
    liar.react = pretending(liar, (request, standing) => {
      return request.type === 'put' ? { ...standing, outcome: outcome(Date.now()), isDurable: true } : null;
    });
    for (const node of [...nodes, light]) {
      const key = `w/${number}`;
      const value = `${what} at ${node.status().peerId}`;
      try {
        const { version, etag } = await node.storage.put(named(key), bytes(value), { durability });
        assert.ok(version.ms <= Date.now() + 20_000, `${version.ms - Date.now()} ms ahead`);
        for (const reader of [...nodes, light]) assert.equal(await read(reader, key), value);
        await node.storage.put(named(key), bytes('next'), { ifVersion: etag, durability });
        for (const reader of [...nodes, light]) assert.equal(await read(reader, key), 'next');
      } catch (error) {
        failed.push(`${what}: ${String(error)}`);
      }
    }
  }
  assert.deepEqual(failed, []);
});

type ListLie = readonly [
  what: string,
  page: (request: RequestOf<'list'>) => Pick<Answers['list'], 'entries' | 'next'>,
];

test('whatever one replica of three lists, a list is what was written', async (t) => {
  const { nodes, light, liar } = await stage(t);
  const [first] = nodes as [MaillonNode];
  const keys = Array.from({ length: 40 }, (_, n) => `l/${String(n).padStart(2, '0')}`);
  for (const key of keys) await first.storage.put(named(key), bytes(key), { durability: 'all' });
  await first.storage.delete(named('l/07'), { durability: 'all' });
  const wanted = keys.filter((key) => key !== 'l/07');
  const ahead = stampAt(Date.now() + 10_000);
  const entry = (key: string) => ({ key, ...ahead, size: 1, expiry: null, contentType: '' });
  const inPartition = (partition: number, ...listed: string[]) => {
    return listed.filter((key) => partitionId(key).partition === partition).map(entry);
  };
  const lies: readonly ListLie[] = [
    ['nothing', () => ({ entries: [], next: null })],
    [
      'what is not there',
      ({ partition }) => ({ entries: inPartition(partition, 'l/07', 'l/99'), next: null }),
    ],
    ['newer versions', ({ partition }) => ({ entries: inPartition(partition, 'l/00', 'l/01'), next: null })],
    ['what belongs elsewhere', () => ({ entries: [entry('l/00'), entry('l/99')], next: null })],
    ['out of order', () => ({ entries: [entry('l/02'), entry('l/01')], next: null })],
    ['what was not asked for', () => ({ entries: [entry('zzz')], next: null })],
    ['empty pages without end', ({ after }) => ({ entries: [], next: nextKey(after) })],
  ];
  const failed: string[] = [];
  for (const [what, lie] of lies) {
    const before = liar.asked.list ?? 0;
    liar.react = pretending(liar, (request, standing) => {
      return request.type === 'list' ? { ...standing, ...lie(request) } : null;
    });
    for (const node of [...nodes, light]) {
      try {
        const { entries } = await node.storage.list({ owner: OWNER.did, namespace: 'default', prefix: 'l/' });
        assert.deepEqual(
          entries.map(({ key }) => key),
          wanted,
        );
      } catch (error) {
        failed.push(`${what}: ${String(error)}`);
      }
    }
    assert.ok((liar.asked.list ?? 0) > before, `it was asked: ${what}`);
  }
  assert.deepEqual(failed, []);
});

test('a replica that wants the others to take over forged records and floors gets nothing in and nothing out', async (t) => {
  const { nodes, light, liar } = await stage(t);
  const [first] = nodes as [MaillonNode];
  await first.storage.put(named('kept'), bytes('kept'), { durability: 'all' });
  const ahead = stampAt(Date.now() + 10_000);
  const { partition } = partitionId('kept');
  const planted = keyIn(partition);
  const items = new Planted([
    { key: 'kept', ...ahead, kind: 16 },
    { key: planted, ...ahead, kind: 0 },
  ]);
  liar.react = pretending(liar, (request, standing) => {
    if (request.type === 'fetch') {
      return { records: request.keys.map((key) => wireOf(fresh(key), Buffer.alloc(64, 1))) };
    }
    if (request.type === 'partitions') {
      return {
        entries: [{ owner: OWNER.did, namespace: 'default', partition, count: 2, bytes: 10 }],
        next: null,
      };
    }
    if (request.type === 'state') return { ...standing, ...UNMARKED, count: 2, bytes: 10 };
    return items.answer(request, standing);
  });
  await liar.ask({ type: 'handover', owner: OWNER.did, namespace: 'default', partition });
  await until('the node compares', () => (liar.asked.reconcile ?? 0) > 0);
  await until('and asks for what it lacks', () => (liar.asked.fetch ?? 0) > 0);
  const { held } = await liar.ask({ type: 'get', ...named('kept') });
  assert.equal(held?.kind, 'record', 'the floor of one is not believed');
  for (const node of [...nodes, light]) {
    assert.equal(await read(node, 'kept'), 'kept');
    assert.equal(await read(node, planted), null);
  }
});

function nextKey(after: string | null): string {
  const number = after === null ? 0 : Number(after.slice(2)) + 1;
  return `l/${String(number).padStart(9, '0')}`;
}

/** Answers to a reconciliation that go on for ever. */
const ENDLESS: readonly (readonly [what: string, message: () => Uint8Array])[] = [
  ['another fingerprint each time', () => Buffer.concat([Buffer.of(0x61, 0, 0, 1), randomBytes(16)])],
  [
    'ids that nobody has, and a fingerprint of the rest',
    () => {
      const ids = Buffer.concat([Buffer.of(0x61, 1, 2, 0, 1, 2, 2), randomBytes(2 * 32)]);
      return Buffer.concat([ids, Buffer.of(0, 0, 1), randomBytes(16)]);
    },
  ],
  ['what cannot be read', () => Buffer.of(0x61, 0xff)],
];

test('a replica that never comes to an end does not keep the others busy for ever', async (t) => {
  const { nodes, light, liar } = await stage(t);
  const [first] = nodes as [MaillonNode];
  await first.storage.put(named('kept'), bytes('kept'), { durability: 'all' });
  const { partition } = partitionId('kept');
  for (const [what, message] of ENDLESS) {
    const before = liar.asked.reconcile ?? 0;
    liar.react = pretending(liar, (request, standing) => {
      return request.type === 'reconcile' ? { ...standing, message: message() } : null;
    });
    const handover = { type: 'handover', owner: OWNER.did, namespace: 'default', partition } as const;
    assert.notEqual(await codeOf(liar.ask(handover)), null, what);
    assert.ok((liar.asked.reconcile ?? 0) > before, what);
    await untilQuiet(() => liar.asked.reconcile ?? 0);
    for (const node of [...nodes, light]) assert.equal(await read(node, 'kept'), 'kept', what);
  }
});

/** Resolves when `count` has not grown for a while: there it says how long, since nothing else tells an end. */
async function untilQuiet(count: () => number): Promise<void> {
  let last = count();
  let since = performance.now();
  await until('it is asked no more', () => {
    if (count() !== last) {
      last = count();
      since = performance.now();
    }
    return performance.now() - since > QUIET_MS;
  });
}

function keyIn(partition: number): string {
  for (let n = 0; ; n++) if (partitionId(`planted/${n}`).partition === partition) return `planted/${n}`;
}

test('a replica that answers with what cannot be read does not end the node that asks', async (t) => {
  const { nodes, light, liar } = await stage(t);
  const [first] = nodes as [MaillonNode];
  liar.react = (id) => {
    const answer = { setId: '0'.repeat(16), isSynced: true, held: null };
    return Promise.resolve(encodeAnswer(id, 'get', answer));
  };
  await first.storage.put(named('k'), bytes('v'));
  for (const node of [...nodes, light]) {
    assert.equal(await read(node, 'k'), 'v');
    const { entries } = await node.storage.list({ owner: OWNER.did, namespace: 'default', prefix: 'k' });
    assert.equal(entries.length, 1);
    const { holders } = await node.storage.where(named('k'));
    assert.equal(holders.filter(({ role }) => role === 'replica').length, 3);
  }
});
