import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { SCORE_THRESHOLDS } from '../../node/network/gossip-options.ts';
import type { RequestOf } from '../../protocols/storage/index.ts';
import { type Session, uri } from '../support/identities.ts';
import { digestOf, policyStep, revokeDid, revokeLink, rule, rules } from '../support/notices.ts';
import { until } from '../support/processes.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { RawReplica } from '../support/raw-replica.ts';
import { codeOf } from '../support/storage.ts';
import {
  type Act,
  assertHonestScores,
  grant,
  newSession,
  readOf,
  said,
  shardOf,
  startMeshed,
  TenantInbox,
  written,
} from '../support/tenants.ts';

const NAME = 'default';
const MINUTE_MS = 60_000;
/** Before now, and still within what clocks may differ. */
const JUST_NOW_MS = 12_000;

function put(record: Uint8Array, asFallback = false): RequestOf<'put'> {
  return { type: 'put', condition: null, asFallback, record };
}

/** Tells each node itself: all know it when this resolves. */
async function tellAll(nodes: readonly MaillonNode[], ...notices: readonly Buffer[]): Promise<void> {
  for (const node of nodes) for (const notice of notices) await node.namespaces.submit(notice);
}

/** Sends an envelope through a raw peer to each node, and one of `marker` after it. */
async function sendThrough(
  peers: readonly RawPeer[],
  act: Act,
  text: string,
  marker: { readonly session: Session; readonly inboxes: readonly TenantInbox[] },
): Promise<void> {
  const after = `after ${text}`;
  const mark = { owner: marker.session.did, by: marker.session, text: after };
  for (const peer of peers) {
    peer.send(shardOf({ ...act, text }), said({ ...act, text }));
    await peer.barrier();
    peer.send(shardOf(mark), said(mark));
  }
  await until(`${after}: at each from each`, () =>
    marker.inboxes.every(({ texts }) => texts.filter((one) => one === after).length === peers.length),
  );
}

test('a key that was revoked signs nothing more, whatever time it claims; what it did before stays', async (t) => {
  const nodes = await startMeshed(t, 3);
  const [a, , c] = nodes as [MaillonNode, MaillonNode, MaillonNode];
  const [owner, by, honest] = [newSession(), newSession(), newSession()];
  const link = grant(owner, by);
  const act = { owner: owner.did, by, chain: [link] };
  const inboxes = nodes.map((node) => new TenantInbox(node, owner.did));
  const marker = { session: honest, inboxes: nodes.map((node) => new TenantInbox(node, honest.did)) };
  const peers = await Promise.all(nodes.map((node) => RawPeer.connect(t, node)));
  await a.relay.submitSigned(said({ ...act, text: 'before' }));
  await a.storage.submitSigned(written({ ...act, key: 'k', text: 'before' }), { durability: 'all' });
  await until('it was in force', () => inboxes.every((inbox) => inbox.has('before')));
  await tellAll(nodes, revokeLink(owner.author, digestOf(link)));
  for (const [text, ago] of Object.entries({
    'of now': 0,
    'of before': JUST_NOW_MS,
    'of long ago': MINUTE_MS,
  })) {
    await sendThrough(peers, { ...act, time: Date.now() - ago }, text, marker);
  }
  const replicas = await Promise.all(nodes.map((node) => RawReplica.connect(t, node)));
  for (const ago of [0, JUST_NOW_MS, 10 * MINUTE_MS]) {
    const time = Date.now() - ago;
    for (const key of ['k', 'new']) {
      for (const text of ['after', null]) {
        const record = written({ ...act, key, text, time });
        for (const [i, replica] of replicas.entries()) {
          for (const asFallback of [false, true]) {
            const code = await codeOf(replica.ask(put(record, asFallback)));
            assert.equal(code, 'record_unauthorised', `${ago} ms ago, ${key}, at ${i}`);
          }
        }
        const code = await codeOf(a.storage.submitSigned(record));
        assert.equal(code, ago > MINUTE_MS ? 'bad_clock' : 'forbidden');
      }
    }
  }
  for (const inbox of inboxes) assert.deepEqual(inbox.texts, ['before']);
  for (const node of nodes) {
    assert.equal(await readOf(node, owner.did, 'k'), 'before');
    assert.equal(await readOf(node, owner.did, 'new'), null);
  }
  // another session of the same owner is not meant
  const other = { owner: owner.did, by: newSession() };
  const chain = [grant(owner, other.by)];
  await c.relay.submitSigned(said({ ...other, chain, text: 'another' }));
  await until('another session is heard', () => inboxes.every((inbox) => inbox.has('another')));
  await assertHonestScores(nodes);
});

test('a key whose time is over cannot put what it says to have written then', async (t) => {
  const nodes = await startMeshed(t, 3);
  const [owner, by] = [newSession(), newSession()];
  const expiry = Date.now() - 5 * MINUTE_MS;
  const act = { owner: owner.did, by, chain: [grant(owner, by, { expiry })] };
  const record = written({ ...act, key: 'k', text: 'late', time: expiry - MINUTE_MS });
  const peers = await Promise.all(nodes.map((node) => RawReplica.connect(t, node)));
  for (const peer of peers) {
    for (const asFallback of [false, true]) {
      assert.equal(await codeOf(peer.ask(put(record, asFallback))), 'record_unauthorised');
    }
  }
  for (const node of nodes) {
    assert.equal(await codeOf(node.storage.submitSigned(record)), 'bad_clock');
    assert.equal(await readOf(node, owner.did, 'k'), null);
  }
});

test('revocations by those who are not above a link have no effect', async (t) => {
  const nodes = await startMeshed(t, 3);
  const [a, , c] = nodes as [MaillonNode, MaillonNode, MaillonNode];
  const [owner, by, sibling, stranger] = [newSession(), newSession(), newSession(), newSession()];
  const [link, ofSibling] = [grant(owner, by), grant(owner, sibling)];
  const act = { owner: owner.did, by, chain: [link] };
  const inbox = new TenantInbox(c, owner.did);
  const peer = await RawPeer.connect(t, a);
  const notices: Buffer[] = [];
  for (const { author } of [stranger, sibling]) {
    notices.push(revokeLink(author, digestOf(link)), revokeDid(author, by.did), revokeDid(author, owner.did));
  }
  // not even one further down withdraws what is above it
  notices.push(revokeLink(by.author, digestOf(link)), revokeDid(by.author, owner.did));
  notices.push(revokeDid(by.author, sibling.did), revokeLink(by.author, digestOf(ofSibling)));
  peer.tell(...notices);
  await until('all know them', () =>
    nodes.every(({ namespaces }) => {
      return (
        namespaces.revokersOf({ did: owner.did })?.size === 3 &&
        namespaces.revokersOf({ link: digestOf(link) })?.size === 3 &&
        namespaces.revokersOf({ did: by.did })?.size === 2 &&
        namespaces.revokersOf({ link: digestOf(ofSibling) })?.has(by.did) === true
      );
    }),
  );
  const acts: readonly Act[] = [
    act,
    { owner: owner.did, by: sibling, chain: [ofSibling] },
    { owner: owner.did, by: owner },
  ];
  for (const [i, one] of acts.entries()) {
    await a.relay.submitSigned(said({ ...one, text: `of ${i}` }));
    await a.storage.submitSigned(written({ ...one, key: `of ${i}`, text: 'kept' }), { durability: 'all' });
    await until(`of ${i} is there`, () => inbox.has(`of ${i}`));
    assert.equal(await readOf(c, owner.did, `of ${i}`), 'kept');
  }
  // the owner's own word has one, at once and everywhere
  peer.tell(revokeDid(owner.author, by.did));
  await until('all know it', () =>
    nodes.every(({ namespaces }) => namespaces.revokersOf({ did: by.did })?.has(owner.did) === true),
  );
  for (const node of nodes) {
    assert.equal(await codeOf(node.relay.submitSigned(said({ ...act, text: 'gone' }))), 'forbidden');
    assert.equal(
      await codeOf(node.storage.submitSigned(written({ ...act, key: 'k', text: 'gone' }))),
      'forbidden',
    );
  }
  assert.ok((await peer.score()) >= 0, 'who forwards them pays nothing');
});

test('a policy that is rolled back, forked, or made by a former holder takes no effect, and what it let stays closed', async (t) => {
  const nodes = await startMeshed(t, 3);
  const [a] = nodes as [MaillonNode];
  const [owner, heir, stranger] = [newSession(), newSession(), newSession()];
  const { author } = owner;
  const open = rules({ publish: rule(true), write: rule(true) });
  const first = policyStep({ owner: author, rules: open });
  const second = policyStep({ owner: author, sequence: 2, after: first, rules: rules() });
  const third = policyStep({ owner: author, sequence: 3, after: second, holder: heir.author });
  const asStranger = { owner: owner.did, by: stranger };
  await tellAll(nodes, first);
  assert.equal(
    await codeOf(a.storage.submitSigned(written({ ...asStranger, key: 'k', text: 'open' }))),
    null,
  );
  await tellAll(nodes, second, third);

  const by = (who: Session) => ({ owner: author, by: who.author, holder: heir.author, rules: open });
  const harmless: Readonly<Record<string, Buffer>> = {
    'the first again': first,
    'another first': policyStep({ owner: author, rules: open, time: Date.now() + 1 }),
    'another second': policyStep({ owner: author, sequence: 2, after: first, rules: open }),
    'another third': policyStep({ owner: author, sequence: 3, after: second, rules: open }),
    'a fourth that follows nothing known': policyStep({ ...by(owner), sequence: 4, after: first }),
    'a sixth': policyStep({ ...by(owner), sequence: 6, after: third }),
  };
  for (const [what, notice] of Object.entries(harmless)) {
    const peer = await RawPeer.connect(t, a);
    for (let n = 0; n < 4; n++) peer.tell(notice);
    await peer.barrier();
    await assertClosed(nodes, asStranger, heir, what);
    assert.ok((await peer.score()) >= 0, what);
  }
  const forged: Readonly<Record<string, () => Buffer>> = {
    'a fourth by the former holder': () => policyStep({ ...by(owner), sequence: 4, after: third }),
    'a fourth by a stranger': () => policyStep({ ...by(stranger), sequence: 4, after: third }),
    'a fourth by the former holder in the name of the new one': () =>
      policyStep({ ...by(owner), as: heir.author, sequence: 4, after: third }),
    'a fourth by a session of the former holder': () => {
      const session = newSession();
      const chain = [grant(owner, session)];
      return policyStep({ ...by(session), as: heir.author, chain, sequence: 4, after: third });
    },
    'one by a session of the new holder that is no administrator': () => {
      const session = newSession();
      const chain = [grant(heir, session, { resources: [uri(owner.did, NAME, 'publish,read,write')] })];
      return policyStep({ ...by(session), as: heir.author, chain, sequence: 4, after: third });
    },
  };
  for (const [what, make] of Object.entries(forged)) {
    const peer = await RawPeer.connect(t, a);
    for (let n = 0; n < 3; n++) peer.tell(make());
    await until(
      `graylisted for ${what}`,
      async () => (await peer.score()) < SCORE_THRESHOLDS.graylistThreshold,
    );
    await assertClosed(nodes, asStranger, heir, what);
  }
  // whoever holds it now opens it again
  await tellAll(nodes, policyStep({ ...by(heir), sequence: 4, after: third }));
  assert.equal(
    await codeOf(a.storage.submitSigned(written({ ...asStranger, key: 'k', text: 'again' }))),
    null,
  );
  await assertHonestScores(nodes);
});

/** That the third policy holds everywhere: the heir has it, and nobody else anything. */
async function assertClosed(
  nodes: readonly MaillonNode[],
  act: Act,
  heir: Session,
  what: string,
): Promise<void> {
  for (const node of nodes) {
    const policy = node.namespaces.policyOf(act.owner, NAME);
    assert.equal(policy?.sequence, 3, what);
    assert.equal(policy.holder, heir.did, what);
    assert.equal(await codeOf(node.relay.submitSigned(said({ ...act, text: what }))), 'forbidden', what);
    assert.equal(
      await codeOf(node.storage.submitSigned(written({ ...act, key: 'k', text: what }))),
      'forbidden',
      what,
    );
    assert.equal(await readOf(node, act.owner, 'k'), 'open', what);
  }
}
