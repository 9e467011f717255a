import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { SCORE_THRESHOLDS } from '../../node/network/gossip-options.ts';
import * as cbor from '../support/cbor.ts';
import {
  AUTHOR,
  bodyOf,
  EXAMPLE,
  envelope,
  type Items,
  OTHER_AUTHOR,
  EXAMPLE_SHARD as SHARD,
  shardNumber,
  signatureOf,
  wireOf,
} from '../support/envelopes.ts';
import { Inbox, publish, scores, startNode } from '../support/node.ts';
import { until } from '../support/processes.ts';
import { RawPeer } from '../support/raw-peer.ts';

const WRONG_SHARD = 3;
const TOPIC = 'hello';
/** More than the SPEC's five. */
const FAULTS = 8;

/** Items of an envelope of now, never the same twice. */
function fresh(text: string, other: Partial<Items> = {}): Items {
  const random = cbor.map([['r', cbor.bytes(randomBytes(8))]]);
  const messages = cbor.list([cbor.bytes(Buffer.from(text))]);
  return { ...EXAMPLE, time: cbor.integer(Date.now()), messages, ext: random, ...other };
}

function now(text: string, other: Partial<Items> = {}): Buffer {
  return envelope(fresh(text, other));
}

function later(ms: number): Buffer {
  return cbor.integer(Date.now() + ms);
}

/** An envelope of `size` bytes. */
function sized(size: number): Buffer {
  const most = { messages: cbor.list([cbor.bytes(Buffer.alloc(147_456))]), chain: cbor.list([]) };
  const link = size - now('', most).byteLength - 3;
  return now('', {
    ...most,
    chain: cbor.list([cbor.bytes(Buffer.alloc(2 ** 11)), cbor.bytes(Buffer.alloc(link - 2 ** 11 - 3))]),
  });
}

/** Faults that need no context: on which shard, and an envelope that has one. */
const REJECTED: Readonly<Record<string, readonly [number, () => Buffer]>> = {
  'a forged signature': [SHARD, () => wireOf(fresh('bad'), randomBytes(64))],
  'a changed message': [SHARD, () => wireOf(fresh('bad'), signatureOf(bodyOf(fresh('bad'))))],
  'another author’s name': [
    SHARD,
    () =>
      wireOf(fresh('bad', { author: cbor.bytes(OTHER_AUTHOR.multikey) }), signatureOf(bodyOf(fresh('bad')))),
  ],
  'another swarm': [SHARD, () => envelope(fresh('bad'), { author: AUTHOR, swarm: 'other' })],
  'a wrong shard': [WRONG_SHARD, () => now('bad')],
  'a field out of its rule': [SHARD, () => now('bad', { namespace: cbor.text('Default') })],
  'a form that is not canonical': [SHARD, () => now('bad', { sequence: cbor.integer(1, 8) })],
  'bytes that are no CBOR': [SHARD, () => randomBytes(300).fill(0xff, 0, 1)],
  'one byte over the limit': [SHARD, () => sized(153_601)],
  'far over the limit': [SHARD, () => Buffer.concat([now('bad'), randomBytes(1_000_000)])],
};

/** Nobody here has its key. */
const STRANGER = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK';
/** An owner's namespace is another one, and its topic on another shard. */
const STRANGERS_SHARD = shardNumber({ owner: STRANGER, namespace: 'default', topic: TOPIC });

/** Messages an honest peer may forward. */
const IGNORED: Readonly<Record<string, () => Buffer>> = {
  expired: () => now('bad', { time: later(-5000), expiry: later(-1) }),
  late: () => now('bad', { time: later(-30_000) }),
  early: () => now('bad', { time: later(60_000) }),
  'of version 2': () => now('bad', { version: cbor.integer(2) }),
  'of another owner': () => now('bad', { owner: cbor.text(STRANGER) }),
};

async function swarm(t: TestContext): Promise<{ nodes: MaillonNode[]; inboxes: Inbox[] }> {
  const first = await startNode(t);
  const nodes = [
    first,
    ...(await Promise.all([startNode(t, { through: [first] }), startNode(t, { through: [first] })])),
  ];
  const inboxes = nodes.map((node) => new Inbox(node, TOPIC));
  await until('all are connected', () =>
    nodes.every((node) => node.status().mesh.every((size) => size >= 2)),
  );
  return { nodes, inboxes };
}

/** No node holds anything against another one. */
async function assertHonestScores(nodes: readonly MaillonNode[]): Promise<void> {
  const honest = new Set(nodes.map((node) => node.status().peerId));
  for (const node of nodes) {
    const held = [...(await scores(node))].filter(([id, score]) => honest.has(id) && score < 0);
    assert.deepEqual(held, [], 'an honest peer is below 0');
  }
}

/** A message through the whole swarm: what was sent before it has been dealt with. */
async function passMarker(
  nodes: readonly MaillonNode[],
  inboxes: readonly Inbox[],
  marker: string,
): Promise<void> {
  for (const [i, node] of nodes.entries()) await publish(node, TOPIC, `${marker} ${i}`);
  await until('the marker is everywhere', () =>
    inboxes.every((inbox) => nodes.every((_, i) => inbox.has(`${marker} ${i}`))),
  );
}

test('faults that need no context cost a peer its hearing; nothing is delivered, nobody else pays', async (t) => {
  const { nodes, inboxes } = await swarm(t);
  const [target] = nodes;
  assert.ok(target !== undefined);
  const attackers = await Promise.all(
    Object.entries(REJECTED).map(async ([name, fault]) => ({
      name,
      fault,
      peer: await RawPeer.connect(t, target),
    })),
  );
  for (const { peer, fault } of attackers) {
    const [shard, make] = fault;
    for (let i = 0; i < FAULTS; i++) peer.send(shard, make());
  }
  for (const { name, peer } of attackers) {
    await until(
      `graylisted for ${name}`,
      async () => (await peer.score()) < SCORE_THRESHOLDS.graylistThreshold,
      10_000,
    );
  }
  for (const { name, peer } of attackers) {
    // gossipsub looks at a score once a second only
    await until(`not listened to any more for ${name}`, async () => {
      const before = target.status().relay.copiesReceived;
      peer.send(SHARD, wireOf(fresh('bad'), randomBytes(64)));
      await peer.barrier();
      return target.status().relay.copiesReceived === before;
    });
    peer.send(SHARD, now(`valid, but of a peer that sent ${name}`));
    await peer.barrier();
  }
  await passMarker(nodes, inboxes, 'after');
  for (const inbox of inboxes) assert.deepEqual(inbox.texts.toSorted(), ['after 0', 'after 1', 'after 2']);
  await assertHonestScores(nodes);
});

test('faults of context cost nothing: what the peer sends afterwards arrives everywhere', async (t) => {
  const { nodes, inboxes } = await swarm(t);
  const [target] = nodes;
  assert.ok(target !== undefined);
  for (const [name, make] of Object.entries(IGNORED)) {
    const peer = await RawPeer.connect(t, target);
    const before = target.status().relay.copiesReceived;
    const shard = name === 'of another owner' ? STRANGERS_SHARD : SHARD;
    for (let i = 0; i < FAULTS; i++) peer.send(shard, make());
    await until(`${name}: all were looked at`, () => target.status().relay.copiesReceived >= before + FAULTS);
    assert.ok((await peer.score()) >= 0, `${name}: ${await peer.score()}`);
    const valid = now(`after ${name}`);
    for (let i = 0; i < 5; i++) peer.send(SHARD, valid);
    await until(`after ${name}`, () => inboxes.every((inbox) => inbox.has(`after ${name}`)));
    // the score is reckoned anew once a second: what was delivered first earns something
    await until(`${name}: its score is reckoned`, async () => (await peer.score()) !== 0);
    assert.ok((await peer.score()) > 0, `${name}, and replayed: ${await peer.score()}`);
    peer.send(SHARD, now(`later ${name}`));
    await until(`later ${name}`, () => inboxes.every((inbox) => inbox.has(`later ${name}`)));
  }
  await passMarker(nodes, inboxes, 'end');
  const expected = [
    ...Object.keys(IGNORED).flatMap((name) => [`after ${name}`, `later ${name}`]),
    'end 0',
    'end 1',
    'end 2',
  ].toSorted();
  for (const inbox of inboxes) assert.deepEqual(inbox.texts.toSorted(), expected, 'each once, nothing else');
  await assertHonestScores(nodes);
});

test('a true envelope on a wrong shard does not stand in its own way', async (t) => {
  const node = await startNode(t);
  const inbox = new Inbox(node, TOPIC);
  const attacker = await RawPeer.connect(t, node);
  const honest = await RawPeer.connect(t, node);
  const message = now('true');
  attacker.send(WRONG_SHARD, message);
  await until('it was refused', () => node.status().relay.refused.envelope_shard > 0);
  honest.send(SHARD, message);
  honest.send(SHARD, now('next'));
  await until('the next one is there', () => inbox.has('next'));
  await until('the true one is there', () => inbox.has('true'), 5000);
  assert.equal(inbox.texts.length, 2);
});

test('true envelopes that somebody put on a wrong shard cost nothing to who forwards them rightly', async (t) => {
  const node = await startNode(t);
  const inbox = new Inbox(node, TOPIC);
  const attacker = await RawPeer.connect(t, node);
  const honest = await RawPeer.connect(t, node);
  const messages = ['a', 'b', 'c'].map((text) => now(text));
  attacker.send(WRONG_SHARD, ...messages);
  await until('they were refused', () => node.status().relay.refused.envelope_shard >= messages.length);
  honest.send(SHARD, ...messages, now('next'));
  await until('the next one is there', () => inbox.has('next'));
  // 'next' alone earns it something, once the score is reckoned anew
  await until('its score is reckoned', async () => (await honest.score()) !== 0);
  const score = await honest.score();
  assert.ok(score >= 0, `who forwarded them rightly has ${score}`);
});

test('a peer that floods is graylisted, and stands in the way of nothing that others bring', async (t) => {
  const node = await startNode(t, { settings: { 'relay.ignoredPerSecond': 1 } });
  const inbox = new Inbox(node, TOPIC);
  const attacker = await RawPeer.connect(t, node);
  const honest = await RawPeer.connect(t, node);
  const flood = (): Buffer[] => Array.from({ length: 20 }, () => now('bad', { time: later(-30_000) }));
  await until('the attacker is graylisted', async () => {
    attacker.send(SHARD, ...flood());
    return (await attacker.score()) < SCORE_THRESHOLDS.graylistThreshold;
  });
  const message = now('true');
  attacker.send(SHARD, ...flood(), message);
  await attacker.barrier();
  honest.send(SHARD, message);
  honest.send(SHARD, now('next'));
  await until('the next one is there', () => inbox.has('next'));
  await until('the true one is there', () => inbox.has('true'), 5000);
  assert.equal(inbox.texts.length, 2);
});
