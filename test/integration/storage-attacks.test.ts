import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { Frames } from '../../node/transport/frames.ts';
import {
  decodeAnswer,
  encodeRequest,
  REQUESTS_MAX,
  type RequestOf,
  type RequestType,
  STORAGE_PROTOCOL,
} from '../../protocols/storage/index.ts';
import * as cbor from '../support/cbor.ts';
import { authorNumber } from '../support/directory.ts';
import { floor, type Held, LyingReplica } from '../support/lying-replica.ts';
import { startNode } from '../support/node.ts';
import { until } from '../support/processes.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { bodyOf, EXAMPLE, record, signatureOf, wireOf } from '../support/records.ts';
import { codeOf, holders, idOf, known, named, read, startMembers } from '../support/storage.ts';

const HOUR_MS = 3_600_000;
const author = authorNumber(1);

/** A record of `key` with this value, made by the owner at `ms`. */
function recordAt(ms: number, key: string, value: string): Buffer {
  return record({
    key: cbor.text(key),
    ms: cbor.integer(ms),
    time: cbor.integer(Math.min(ms, Date.now())),
    value: cbor.bytes(Buffer.from(value)),
  });
}

const said = (bytes: Buffer): Held => ({ kind: 'record', record: bytes, expiry: null });

test('a replica that lies is never believed, and what it is given is kept by the others', async (t) => {
  const [first, second] = (await startMembers(t, 2)) as [MaillonNode, MaillonNode];
  const liar = await LyingReplica.join(t, [first, second], author);
  await known([first, second], 3);
  const forged = { ...EXAMPLE, ms: cbor.integer(Date.now()) };
  const lies: [string, (key: string) => Held][] = [
    [
      'a signature of nothing',
      (key) => said(wireOf({ ...forged, key: cbor.text(key) }, Buffer.alloc(64, 1))),
    ],
    [
      'a body that was changed after it was signed',
      (key) => {
        const items = { ...forged, key: cbor.text(key) };
        return said(wireOf({ ...items, counter: cbor.integer(9) }, signatureOf(bodyOf(items))));
      },
    ],
    ['a good record of another key', () => said(recordAt(Date.now(), 'another', 'misplaced'))],
    ['a record from the future', (key) => said(recordAt(Date.now() + HOUR_MS, key, 'far'))],
    [
      'a floor from the future',
      () => floor({ ms: Date.now() + HOUR_MS, counter: 0, digest: Buffer.alloc(32, 1) }),
    ],
    ['bytes', () => ({ kind: 'record', record: Buffer.from('nonsense'), expiry: null })],
  ];
  for (const [n, [what, says]] of lies.entries()) {
    liar.says = () => null;
    const key = `key ${n}`;
    await first.storage.put(named(key), Buffer.from('true'));
    liar.says = says;
    for (const node of [first, second]) assert.equal(await read(node, key), 'true', what);
  }
  assert.ok(liar.asked.length > 0 && liar.given.length > 0, 'it was taken for a replica');
  for (const n of lies.keys()) {
    await until('both honest ones have it', async () => {
      const found = (await holders(first, `key ${n}`)).filter(({ id }) => id !== liar.peer.id);
      const etags = new Set(found.map(({ etag }) => etag));
      return found.length === 2 && etags.size === 1 && !etags.has(null);
    });
  }
});

/** Asks `node` on a stream of its own. */
async function ask<T extends RequestType>(peer: RawPeer, request: RequestOf<T>) {
  const stream = await peer.open(STORAGE_PROTOCOL);
  const frame = await new Promise<Uint8Array>((resolve, reject) => {
    const frames = new Frames(stream, {
      onFrame: resolve,
      onEnd: (error) => reject(error ?? new Error('ended')),
    });
    frames.send(encodeRequest(1, request));
  });
  stream.abort(new Error('done'));
  return decodeAnswer(frame, request);
}

test('nothing forged, misplaced or from the future is stored', async (t) => {
  const node = await startNode(t);
  const peer = await RawPeer.connect(t, node);
  const put = (bytes: Buffer) => {
    return ask(peer, { type: 'put', condition: null, asFallback: false, record: bytes });
  };
  const good = recordAt(Date.now(), 'good', 'good');
  assert.equal((await put(good)).outcome.status, 'stored');
  assert.equal((await put(good)).outcome.status, 'held');
  assert.equal(await read(node, 'good'), 'good');
  const older = await put(recordAt(Date.now() - HOUR_MS, 'good', 'old'));
  assert.equal(older.outcome.status, 'stale');
  const forged = Buffer.from(recordAt(Date.now(), 'forged', 'forged'));
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  const owned = record({
    owner: cbor.text('did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'),
    ms: cbor.integer(Date.now()),
    time: cbor.integer(Date.now()),
  });
  assert.equal(await codeOf(put(recordAt(Date.now() + HOUR_MS, 'far', 'far'))), 'record_field');
  assert.equal(await codeOf(put(owned)), 'record_unauthorised');
  assert.equal(await codeOf(put(forged)), 'record_signature');
  for (const key of ['forged', 'far', 'greeting']) assert.equal(await read(node, key), null);
  assert.equal(node.storage.status().records, 1);
});

test('peers that say nothing, nonsense, too much or never read are cut off, and others are served', async (t) => {
  const node = await startNode(t);
  const other = await RawPeer.connect(t, node);
  const peer = await RawPeer.connect(t, node);
  const nonsense = await peer.open(STORAGE_PROTOCOL);
  nonsense.send(Buffer.of(3, 0x83, 0x01, 0x02));
  await until('nonsense ends the stream', () => nonsense.status !== 'open');
  const endless = await peer.open(STORAGE_PROTOCOL);
  endless.send(Buffer.from([0xff, 0xff, 0x7f]));
  await until('a length above the largest, too', () => endless.status !== 'open');
  // a record holds as much itself, where its author signs it elsewhere
  await node.storage.submitSigned(recordAt(Date.now(), 'large', 'l'.repeat(2 ** 20)));
  const greedy = await other.open(STORAGE_PROTOCOL);
  greedy.pause();
  for (let id = 0; id < REQUESTS_MAX; id++) {
    if (greedy.status !== 'open') break;
    const frame = encodeRequest(id, { type: 'get', ...named('large') });
    greedy.send(Buffer.concat([Buffer.of(frame.byteLength), frame]));
  }
  await until('who does not read is cut off', () => greedy.status !== 'open');
  const light = await startNode(t, { through: [node], role: 'light' });
  await known([light], 1);
  assert.equal((await light.storage.get(named('large')))?.size, 2 ** 20);
});

test('R copies are there again after a replica is lost', async (t) => {
  const nodes = await startMembers(t, 5, { settings: { 'storage.downTimeoutMs': 600_000 } });
  const [first] = nodes as [MaillonNode];
  const keys = Array.from({ length: 20 }, (_, n) => `k${n}`);
  await Promise.all(
    keys.map((key) => first.storage.put(named(key), Buffer.from(key), { durability: 'all' })),
  );
  const lost = nodes.find((node) => node !== first) as MaillonNode;
  const lostId = idOf(lost);
  await lost.stop();
  for (const key of keys) {
    await until(`three copies of ${key}`, async () => {
      const found = await holders(first, key);
      const concerned = found.some(({ id }) => id === lostId);
      const copies = found.filter(({ etag }) => etag !== null);
      return copies.length >= 3 && (!concerned || found.some(({ role }) => role === 'fallback'));
    });
  }
  for (const key of keys) assert.equal(await read(first, key), key);
});
