import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { encodeRequest, FRAME_MAX_BYTES, type RequestOf } from '../../protocols/storage/index.ts';
import * as cbor from '../support/cbor.ts';
import { OWNER } from '../support/owner.ts';
import { Planted } from '../support/planted.ts';
import { until } from '../support/processes.ts';
import { answering, partitionId, RawReplica, varint } from '../support/raw-replica.ts';
import { bodyOf, EXAMPLE, type Items, record, signatureOf, TOMBSTONE, wireOf } from '../support/records.ts';
import { codeOf, named, read, startMembers } from '../support/storage.ts';

const HOUR_MS = 3_600_000;
const STRANGER = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK';
const bytes = (text: string): Buffer => Buffer.from(text);

/** Items of a record of now. */
function fresh(key: string, other: Partial<Items> = {}): Items {
  const now = Date.now();
  return { ...EXAMPLE, key: cbor.text(key), ms: cbor.integer(now), time: cbor.integer(now), ...other };
}

function put(bytesOfRecord: Uint8Array): RequestOf<'put'> {
  return { type: 'put', condition: null, asFallback: false, record: bytesOfRecord };
}

function changed(wire: Buffer): Buffer {
  const copy = Buffer.from(wire);
  copy[wire.indexOf('hi')] = 'H'.charCodeAt(0);
  return copy;
}

function ahead(): Buffer {
  return cbor.integer(Date.now() + HOUR_MS);
}

function expired(): Partial<Items> {
  const now = Date.now();
  return {
    ms: cbor.integer(now - 5_000),
    time: cbor.integer(now - 5_000),
    expiry: cbor.integer(now - 2_000),
  };
}

type Bad = readonly [what: string, make: (key: string) => Uint8Array, ...codes: string[]];

/** Records that nobody may take, what is wrong with them, and the codes it may have. */
const BAD: readonly Bad[] = [
  ['forged signature', (key) => wireOf(fresh(key), Buffer.alloc(64, 1)), 'record_signature'],
  ['another swarm', (key) => record(fresh(key), { swarm: 'another' }), 'record_signature'],
  ['value changed', (key) => changed(record(fresh(key))), 'record_signature'],
  [
    'signature of another key',
    (key) => wireOf(fresh(key), signatureOf(bodyOf(fresh(`${key}x`)))),
    'record_signature',
  ],
  ['version ahead', (key) => record(fresh(key, { ms: cbor.integer(Date.now() + 40_000) })), 'record_clock'],
  ['version far ahead', (key) => record(fresh(key, { ms: ahead() })), 'record_field'],
  ['time far ahead', (key) => record(fresh(key, { time: ahead() })), 'record_clock'],
  ['later version', (key) => record(fresh(key, { version: cbor.integer(2) })), 'record_version'],
  ['link to no blob', (key) => record(fresh(key, { kind: cbor.integer(2) })), 'record_field'],
  ['expired', (key) => record(fresh(key, expired())), 'record_expired'],
  [
    'tombstone with a value',
    (key) => record(fresh(key, { ...TOMBSTONE, value: EXAMPLE.value })),
    'record_field',
  ],
  [
    'value too large',
    (key) => record(fresh(key, { value: cbor.bytes(Buffer.alloc(2 ** 20 + 1)) })),
    'record_field',
    'record_too_large',
  ],
  [
    'namespace of somebody',
    (key) => record(fresh(key, { owner: cbor.text(STRANGER) })),
    'record_unauthorised',
    'record_field',
  ],
  [
    'not canonical',
    (key) => record(fresh(key, { counter: cbor.integer(0, 1) })),
    'record_not_canonical',
    'record_malformed',
  ],
  ['no record at all', () => bytes('nonsense'), 'record_malformed', 'record_version'],
];

test('records that are forged, early, expired, of a later version or of elsewhere are refused and not stored', async (t) => {
  const [node, other] = (await startMembers(t, 2)) as [MaillonNode, MaillonNode];
  for (const [what, make, ...codes] of BAD) {
    // whoever did wrong three times is not listened to any more
    const attacker = await RawReplica.connect(t, node);
    const key = `bad/${what}`;
    const code = await codeOf(attacker.ask(put(make(key))));
    assert.ok(code !== null && codes.includes(code), `${what}: ${code}`);
    const { held } = await attacker.ask({ type: 'get', ...named(key) });
    assert.equal(held, null, what);
    assert.equal(await read(other, key), null, what);
  }
  const { entries } = await other.storage.list({ owner: OWNER.did, namespace: 'default', prefix: 'bad/' });
  assert.deepEqual(entries, []);
});

test('a record is taken by replicas only, whatever the sender says', async (t) => {
  const [node] = (await startMembers(t, 4)) as [MaillonNode];
  const self = node.status().peerId;
  let elsewhere = '';
  for (let n = 0; n < 64; n++) {
    const { holders } = await node.storage.where(named(`k/${n}`));
    if (!holders.some(({ id }) => id === self)) elsewhere = `k/${n}`;
  }
  assert.notEqual(elsewhere, '', 'one of 64 keys is not of this node');
  const attacker = await RawReplica.connect(t, node);
  assert.equal(await codeOf(attacker.ask(put(record(fresh(elsewhere))))), 'not_responsible');
  assert.equal(await read(node, elsewhere), null);
  assert.equal(node.storage.status().records, 0);
});

test('genuine records that come again later bring nothing back', async (t) => {
  const nodes = await startMembers(t, 3);
  const [node, other] = nodes as [MaillonNode, MaillonNode];
  const attackers = await Promise.all(nodes.map((one) => RawReplica.connect(t, one)));
  const [first] = attackers as [RawReplica];
  const held = async (): Promise<Uint8Array> => {
    const answer = await first.ask({ type: 'get', ...named('k') });
    assert.ok(answer.held?.kind === 'record');
    return answer.held.record;
  };
  await node.storage.put(named('k'), bytes('old'), { durability: 'all' });
  const old = await held();
  await other.storage.put(named('k'), bytes('new'), { durability: 'all' });
  const newer = await held();
  const replay = async (wire: Uint8Array): Promise<void> => {
    for (const attacker of attackers) {
      for (const asFallback of [false, true]) {
        const { outcome } = await attacker.ask({ ...put(wire), asFallback });
        assert.equal(outcome.status, 'stale');
      }
    }
  };
  await replay(old);
  for (const one of nodes) assert.equal(await read(one, 'k'), 'new');
  await other.storage.delete(named('k'), { durability: 'all' });
  await replay(old);
  await replay(newer);
  for (const one of nodes) {
    assert.equal(await read(one, 'k'), null);
    assert.equal(await one.storage.get(named('k'), { consistency: 'one' }), null);
  }
});

test('who is no member cannot make a node take over that keys have ended', async (t) => {
  const [node, other] = (await startMembers(t, 2)) as [MaillonNode, MaillonNode];
  await node.storage.put(named('kept'), bytes('kept'), { durability: 'all' });
  const attacker = await RawReplica.connect(t, node);
  const ms = Date.now() + 10_000;
  const entry = { key: 'kept', ms, counter: 0, digest: new Uint8Array(32), kind: 16 as const };
  const planted = new Planted([entry]);
  attacker.react = answering((request) => {
    return Promise.resolve(planted.answer(request, { setId: '0'.repeat(16), isSynced: true }));
  });
  const { partition } = partitionId('kept');
  await codeOf(attacker.ask({ type: 'handover', owner: OWNER.did, namespace: 'default', partition }));
  const { held } = await attacker.ask({ type: 'get', ...named('kept') });
  assert.equal(held?.kind, 'record');
  for (const one of [node, other]) assert.equal(await read(one, 'kept'), 'kept');
});

test('streams that are oversized, endless or nonsense cost the peer its stream and nobody else anything', async (t) => {
  const [node, other] = (await startMembers(t, 2)) as [MaillonNode, MaillonNode];
  await node.storage.put(named('k'), bytes('there'));
  const silent = await RawReplica.connect(t, node);
  (await silent.stream()).send(varint(1000));
  const bad: readonly (readonly [string, Uint8Array])[] = [
    ['a length above the largest frame', varint(FRAME_MAX_BYTES + 1)],
    ['a length without end', Buffer.alloc(16, 0xff)],
    ['nonsense', Buffer.of(3, 1, 2, 3)],
    ['a later version of frames', frame(head(2))],
    ['a request without what it asks for', frame(head(1))],
  ];
  for (const [what, sent] of bad) {
    const attacker = await RawReplica.connect(t, node);
    const stream = await attacker.stream();
    stream.send(sent);
    await until(
      `${what} ends the stream or is answered`,
      () => stream.status !== 'open' || attacker.isAnswered,
    );
    assert.equal(await read(other, 'k'), 'there', what);
  }
  const unknown = await RawReplica.connect(t, node);
  const answer = await unknown.exchange(cbor.list([cbor.integer(1), cbor.integer(7), cbor.integer(200)]), 7);
  assert.match(Buffer.from(answer).toString('latin1'), /frame_type/);
  assert.equal(await read(node, 'k'), 'there');
});

/** The head of a `get` with nothing behind it. */
function head(version: number): Buffer {
  return cbor.list([cbor.integer(version), cbor.integer(0), cbor.integer(1)]);
}

function frame(encoded: Buffer): Buffer {
  return Buffer.concat([varint(encoded.byteLength), encoded]);
}

test('a peer that asks without end is refused what is too much, and others are served', async (t) => {
  const [node, other] = (await startMembers(t, 2)) as [MaillonNode, MaillonNode];
  const value = Buffer.alloc(200_000, 'v');
  await node.storage.put(named('k'), value, { durability: 'all' });
  const attacker = await RawReplica.connect(t, node);
  await attacker.stream();
  const request = { type: 'partitions', after: null, limit: 1000 } as const;
  const codes = await Promise.all(Array.from({ length: 400 }, () => codeOf(attacker.ask(request))));
  assert.ok(
    codes.some((code) => code === 'rate_limited' || code === 'overloaded'),
    'it is told so',
  );
  assert.ok(codes.includes(null), 'what is not too much is answered');
  assert.equal((await other.storage.get(named('k')))?.size, value.byteLength);

  const greedy = await RawReplica.connect(t, node);
  const stream = await greedy.stream();
  stream.pause();
  const get = { type: 'get', ...named('k') } as const;
  try {
    for (let id = 0; id < 2_000; id++) stream.send(frame(Buffer.from(encodeRequest(id, get))));
  } catch {
    // it was cut off in the middle of it, as it may be
  }
  assert.equal((await other.storage.get(named('k')))?.size, value.byteLength);
  assert.equal(await codeOf(node.storage.put(named('k2'), bytes('x'), { durability: 'all' })), null);
});
