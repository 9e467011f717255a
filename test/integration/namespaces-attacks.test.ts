import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTICE_ROOM } from '../../node/namespaces/notice-room.ts';
import {
  decodeLogAnswer,
  decodeNoticesAnswer,
  decodeQuestion,
  encodeLogAnswer,
  encodeNoticesAnswer,
  encodeQuestion,
} from '../../protocols/namespaces/index.ts';
import { didOf } from '../support/did.ts';
import { sha256, TIME } from '../support/envelopes.ts';
import {
  digestOf,
  linkNumber,
  POLICY,
  person,
  policy,
  policyChain,
  policyStep,
  policyWire,
  revocation,
  revokeLink,
} from '../support/notices.ts';
import { linkDigest, linkTo, NoticesNode } from '../support/notices-node.ts';
import { NoticesPeer } from '../support/notices-peer.ts';
import { until } from '../support/processes.ts';

const owner = person(1);
const thief = person(2);
const LOG = Buffer.alloc(16, 5);

function sequenceAt(node: NoticesNode, namespace = 'default'): number {
  return node.service.policyOf(didOf(owner), namespace)?.sequence ?? 0;
}

/** From where a question asks for what is new; null for any other question. */
function position(question: Uint8Array): number | null {
  const asked = decodeQuestion(question);
  return asked.type === 'log' ? asked.position : null;
}

/** A revocation that tells when what was sent before it was dealt with. */
function mark(n: number): Buffer {
  return revokeLink(person(1000), linkNumber(n));
}

async function isMarked(node: NoticesNode, n: number): Promise<void> {
  await until('what was sent is dealt with', () => node.service.revokersOf({ link: linkNumber(n) }));
}

test('what is forged, stolen or of another swarm takes no effect anywhere, and costs the forger alone', async (t) => {
  const middle = await NoticesNode.start(t);
  const end = await NoticesNode.start(t, { through: [middle] });
  await middle.meshWith(end);
  const one = policyStep({ owner });
  await middle.service.submit(one);
  await until('the end knows it', () => sequenceAt(end) === 1);
  const forgeries = [
    policyWire({ ...POLICY }, Buffer.alloc(64, 1)),
    policy({}, { swarm: 'another' }),
    revocation({}, { swarm: 'another' }),
    policyStep({ owner, sequence: 2, after: one, by: thief, holder: thief }),
    policyStep({
      owner,
      sequence: 2,
      after: one,
      by: thief,
      as: owner,
      chain: [linkTo(person(3))],
      holder: thief,
    }),
    Buffer.concat([one, Buffer.of(0)]),
  ];
  for (const [n, forgery] of forgeries.entries()) {
    const forger = await NoticesPeer.connect(t, middle);
    forger.push(forgery, mark(n));
    await isMarked(end, n);
    await until(`forgery ${n} costs`, () => forger.score < 0);
    forger.push(
      ...Array.from({ length: 3 }, (_, i) => policyWire({ ...POLICY }, Buffer.alloc(64, 100 + 3 * n + i))),
    );
    await until('three shun it', () => forger.score < -500);
  }
  for (const node of [middle, end]) {
    assert.equal(sequenceAt(node), 1);
    assert.equal(node.service.policyOf(didOf(owner), 'default')?.holder, didOf(owner));
  }
  assert.ok(end.score(middle) >= 0, 'who was between');
});

test('who replays old ones, or sends what is early, is not charged; none takes effect', async (t) => {
  const node = await NoticesNode.start(t);
  const chain = policyChain(owner, 5);
  for (const bytes of chain) await node.service.submit(bytes);
  const honest = await NoticesPeer.connect(t, node);
  const [one] = chain;
  const fork = policyStep({ owner, sequence: 2, after: one ?? null });
  const early = policyChain(person(3), 30).slice(1);
  honest.push(...chain, fork, ...early, mark(1));
  await isMarked(node, 1);
  assert.equal(sequenceAt(node), 5);
  assert.ok(
    digestOf(chain[4] ?? fork).equals(node.service.policyOf(didOf(owner), 'default')?.digest ?? fork),
  );
  assert.ok(honest.score >= 0);
  assert.equal(node.service.policyOf(didOf(person(3)), 'default'), null);
});

test('a flood in one name stops at its bound, and others have room', async (t) => {
  const room = { ...NOTICE_ROOM, revocations: 60 };
  const [node, next] = [await NoticesNode.start(t, { room }), await NoticesNode.start(t, { room })];
  await next.join(node);
  await node.meshWith(next);
  const flooder = await NoticesPeer.connect(t, node);
  const flood = Array.from({ length: 300 }, (_, n) => revokeLink(thief, linkNumber(n)));
  for (let at = 0; at < flood.length; at += 100) flooder.push(...flood.slice(at, at + 100));
  await until('it is dealt with', () => {
    const { refused, revocationsAccepted } = node.service.metrics;
    return refused.notice_room + refused.overloaded + revocationsAccepted >= 300;
  });
  // some of the flood was not looked at, for its number: more comes until there is no room
  for (let more = flood.length; node.service.counts.revocations < 60; more++) {
    const { refused, revocationsAccepted } = node.service.metrics;
    const before = refused.overloaded + revocationsAccepted;
    flooder.push(revokeLink(thief, linkNumber(more)));
    await until('it is dealt with', () => {
      const { refused: now, revocationsAccepted: taken } = node.service.metrics;
      return now.overloaded + taken > before || node.service.counts.revocations >= 60;
    });
  }
  await node.service.submit(revokeLink(owner, linkNumber(1)));
  await until('the next one hears of an honest one', () =>
    next.service.revokersOf({ link: linkNumber(1) })?.has(didOf(owner)),
  );
  for (const one of [node, next]) {
    assert.ok(one.service.counts.revocations <= 61, `${one.service.counts.revocations}`);
  }
  assert.equal(node.service.counts.revocations, 61);
});

test('peers that lie about their log, or never answer, are left; the honest one is heard', async (t) => {
  const node = await NoticesNode.start(t);
  let page = 0;
  const ids = (count: number): Buffer[] => {
    page += 1;
    return Array.from({ length: count }, (_, n) => sha256(Buffer.from(`${page} ${n}`)).subarray(0, 16));
  };
  const nothing = encodeNoticesAnswer({ done: 1, notices: [], error: '' });
  const liars = [
    // ids without end
    await NoticesPeer.connect(t, node, (question) => {
      const at = position(question);
      if (at === null) return nothing;
      return encodeLogAnswer({ log: LOG, ids: ids(50), next: at + 50, isEnd: false, error: '' });
    }),
    // no progress
    await NoticesPeer.connect(t, node, () =>
      encodeLogAnswer({ log: LOG, ids: [], next: 0, isEnd: false, error: '' }),
    ),
    // notices that are none
    await NoticesPeer.connect(t, node, (question) => {
      if (position(question) === null)
        return encodeNoticesAnswer({ done: 1, notices: [Buffer.of(1)], error: '' });
      return encodeLogAnswer({ log: LOG, ids: ids(1), next: 1, isEnd: true, error: '' });
    }),
    // silence
    await NoticesPeer.connect(t, node, () => null),
    // more than a frame
    await NoticesPeer.connect(t, node, () => Buffer.alloc(300_000)),
  ];
  await until('all were asked', () => liars.every(({ asked }) => asked > 0));
  const honest = await NoticesNode.start(t);
  for (const bytes of policyChain(owner, 3)) await honest.service.submit(bytes);
  await node.join(honest);
  await until('the honest one was asked and heard', () => sequenceAt(node) === 3);
  assert.ok(node.score(honest) >= 0);
  await until('who gives what is no notice is shunned in time', () => (liars[2]?.score ?? 0) < -500);
  assert.deepEqual([node.service.counts.policies, node.service.counts.revocations], [3, 0]);
});

test('a peer that has nothing but what was revoked, and much of it, is not listened to for long', async (t) => {
  const node = await NoticesNode.start(t);
  await node.service.submit(revokeLink(owner, linkDigest(thief)));
  const made: Buffer[] = [];
  const liar = await NoticesPeer.connect(t, node, (question) => {
    const asked = decodeQuestion(question);
    if (asked.type === 'log') {
      const start = made.length;
      for (let n = 0; n < 600; n++) made.push(revokedNotice(start + n));
      const ids = made.slice(start).map((bytes) => digestOf(bytes).subarray(0, 16));
      return encodeLogAnswer({ log: LOG, ids, next: made.length, isEnd: false, error: '' });
    }
    if (asked.type === 'history') return null;
    const notices = asked.ids.flatMap(
      (id) => made.find((one) => digestOf(one).subarray(0, 16).equals(id)) ?? [],
    );
    return encodeNoticesAnswer({ done: asked.ids.length, notices, error: '' });
  });
  await until('it is left', () => node.service.metrics.exchangesFailed > 0);
  assert.equal(node.service.metrics.refused.notice_unauthorised, 600, 'after a page');
  await until('and asked again from there', () => made.length >= 1200);
  assert.ok(liar.score >= 0, 'it may be honest');
  assert.deepEqual([node.service.counts.policies, node.service.counts.revocations], [0, 1]);
});

/** A notice of the owner over a revoked link. */
function revokedNotice(n: number): Buffer {
  return revokeLink(thief, linkNumber(n), { time: TIME, as: didOf(owner), chain: [linkTo(thief)] });
}

test('a stream that says nothing, nonsense, or too much is ended; others are answered', async (t) => {
  const node = await NoticesNode.start(t);
  await node.service.submit(policyStep({ owner }));
  const peer = await NoticesPeer.connect(t, node);
  const nonsense = await peer.open();
  nonsense.send(Buffer.of(3, 0x83, 0x01, 0x02));
  await until('nonsense is answered by a reset', () => nonsense.status !== 'open');
  const endless = await peer.open();
  endless.send(Buffer.from([0xff, 0xff, 0x7f]));
  for (let i = 0; i < 64 && endless.status === 'open'; i++) endless.send(Buffer.alloc(16 * 1024));
  await until('what has no end, too', () => endless.status !== 'open');
  const silent = await peer.open();
  await until('who says nothing is hung up on', () => silent.status !== 'open');
  const other = await NoticesPeer.connect(t, node);
  const nowhere = { log: new Uint8Array(), position: 0 };
  const log = decodeLogAnswer(await other.ask(encodeQuestion({ type: 'log', ...nowhere })));
  assert.equal(log.ids.length, 1);
  const { notices } = decodeNoticesAnswer(await other.ask(encodeQuestion({ type: 'fetch', ids: log.ids })));
  assert.equal(notices.length, 1);
  const history = { owner: didOf(owner), namespace: 'default' };
  const policies = await other.ask(encodeQuestion({ type: 'history', ...history, above: 0 }));
  assert.equal(decodeNoticesAnswer(policies).notices.length, 1);
});

test('a namespace of the same name by another owner is another', async (t) => {
  const node = await NoticesNode.start(t);
  await node.service.submit(policyStep({ owner }));
  await node.service.submit(policyStep({ owner: thief }));
  assert.equal(node.service.policyOf(didOf(owner), 'default')?.holder, didOf(owner));
  assert.equal(node.service.policyOf(didOf(thief), 'default')?.holder, didOf(thief));
});
