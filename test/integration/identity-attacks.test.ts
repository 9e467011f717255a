import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { SCORE_THRESHOLDS } from '../../node/network/gossip-options.ts';
import type { RequestOf } from '../../protocols/storage/index.ts';
import { BAD_CHAINS } from '../support/bad-chains.ts';
import * as cbor from '../support/cbor.ts';
import { sha256 } from '../support/envelopes.ts';
import {
  cacao,
  cacaoBody,
  cacaoOf,
  evmWallet,
  messageOf,
  payloadEntries,
  payloadOf,
  uri,
} from '../support/identities.ts';
import { digestOf, policyStep, revokeDid, revokeLink, rule, rules, texts } from '../support/notices.ts';
import { until } from '../support/processes.ts';
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

/** One more than are free. */
const FAULTS = 3;
/** Attackers at a time. */
const AT_ONCE = 8;
const KEY = 'hello';

function put(record: Uint8Array): RequestOf<'put'> {
  return { type: 'put', condition: null, asFallback: false, record };
}

/** With a chain that holds, but signed for another swarm. */
function ofAnotherSwarm(): Act {
  const [owner, by] = [newSession(), newSession()];
  return { owner: owner.did, by, chain: [grant(owner, by)], swarm: 'other' };
}

test('a chain that does not hold takes effect nowhere, and costs its sender its hearing', async (t) => {
  const nodes = await startMeshed(t, 3);
  const [target] = nodes as [MaillonNode];
  const honest = newSession();
  const ofHonest = nodes.map((node) => new TenantInbox(node, honest.did));
  const all = Object.entries({ ...BAD_CHAINS, 'of another swarm': ofAnotherSwarm });
  const inboxes: TenantInbox[] = [];
  const written_: { readonly what: string; readonly owner: string }[] = [];
  for (let i = 0; i < all.length; i += AT_ONCE) {
    const attackers = await Promise.all(
      all.slice(i, i + AT_ONCE).map(async ([what, make]) => {
        return {
          what,
          acts: Array.from({ length: FAULTS }, make),
          peer: await RawReplica.connect(t, target),
        };
      }),
    );
    for (const { what, acts, peer } of attackers) {
      for (const act of acts) {
        inboxes.push(...nodes.map((node) => new TenantInbox(node, act.owner)));
        written_.push({ what, owner: act.owner });
        const bad = { ...act, text: what };
        peer.peer.send(shardOf(bad), said(bad));
      }
    }
    for (const { what, acts, peer } of attackers) {
      await until(`graylisted for one ${what}`, async () => {
        return (await peer.peer.score()) < SCORE_THRESHOLDS.graylistThreshold;
      });
      const [act] = acts as [Act];
      const code = await codeOf(peer.ask(put(written({ ...act, key: KEY, text: what }))));
      assert.match(code ?? 'stored', /^record_(chain|field|signature|too_large)$/, what);
    }
  }
  for (const [i, node] of nodes.entries()) {
    await node.relay.submitSigned(said({ owner: honest.did, by: honest, text: String(i) }));
  }
  await until('the marker is everywhere', () => ofHonest.every(({ texts: got }) => got.length === 3));
  assert.deepEqual(
    inboxes.flatMap((inbox) => inbox.texts),
    [],
  );
  for (const { what, owner } of written_) {
    for (const node of nodes) assert.equal(await readOf(node, owner, KEY), null, what);
  }
  await assertHonestScores(nodes);
});

test('records with chains that do not hold cost their sender its streams', async (t) => {
  const nodes = await startMeshed(t, 2);
  const [target] = nodes as [MaillonNode];
  const attacker = await RawReplica.connect(t, target);
  const make = BAD_CHAINS['for another namespace'];
  assert.ok(make !== undefined);
  const bad = () => put(written({ ...make(), key: KEY, text: 'bad' }));
  for (let n = 0; n < 3; n++) assert.equal(await codeOf(attacker.ask(bad())), 'record_chain');
  await until('it is graylisted', async () => {
    return (await attacker.peer.score()) < SCORE_THRESHOLDS.graylistThreshold;
  });
  // not even on the stream that it has
  await assert.rejects(attacker.ask(bad()), /the stream ended/);
  await assertHonestScores(nodes);
});

/** An attempt that fails because of what `prepare` told the nodes before. */
interface Vain {
  readonly act: Act;
  /** Notices given to all nodes before. */
  readonly notices: readonly Buffer[];
}

function revokedLink(): Vain {
  const [owner, by] = [newSession(), newSession()];
  const link = grant(owner, by);
  return {
    act: { owner: owner.did, by, chain: [link] },
    notices: [revokeLink(owner.author, digestOf(link))],
  };
}

function revokedSession(): Vain {
  const [owner, by] = [newSession(), newSession()];
  return {
    act: { owner: owner.did, by, chain: [grant(owner, by)] },
    notices: [revokeDid(owner.author, by.did)],
  };
}

function revokedBetween(): Vain {
  const [owner, between, by] = [newSession(), newSession(), newSession()];
  const last = grant(between, by, { resources: [uri(owner.did)] });
  const chain = [grant(owner, between), last];
  return { act: { owner: owner.did, by, chain }, notices: [revokeLink(between.author, digestOf(last))] };
}

function revokedFirst(): Vain {
  const [owner, between, by] = [newSession(), newSession(), newSession()];
  const chain = [grant(owner, between), grant(between, by, { resources: [uri(owner.did)] })];
  return { act: { owner: owner.did, by, chain }, notices: [revokeDid(owner.author, between.did)] };
}

function revokedByItself(): Vain {
  const [owner, by] = [newSession(), newSession()];
  return {
    act: { owner: owner.did, by, chain: [grant(owner, by)] },
    notices: [revokeDid(by.author, by.did)],
  };
}

function revokedSignIn(): Vain {
  const [wallet, admin, by] = [evmWallet(0x41), newSession(), newSession()];
  const link = cacao(wallet, by);
  const digest = sha256(cacaoBody(wallet.header, payloadEntries(payloadOf(wallet, by))));
  // another session of the same wallet withdraws it
  const chain = [cacao(wallet, admin)];
  return {
    act: { owner: wallet.did, by, chain: [link] },
    notices: [revokeLink(admin.author, digest, { as: wallet.did, chain })],
  };
}

function formerHolder(how: 'itself' | 'its session'): Vain {
  const [owner, heir, by] = [newSession(), newSession(), newSession()];
  const first = policyStep({ owner: owner.author });
  const second = policyStep({ owner: owner.author, sequence: 2, after: first, holder: heir.author });
  const act = how === 'itself' ? { by: owner } : { by, chain: [grant(owner, by)] };
  return { act: { owner: owner.did, ...act }, notices: [first, second] };
}

function notOnTheList(): Vain {
  const [owner, listed, by] = [newSession(), newSession(), newSession()];
  const list = rules({ publish: rule(false, listed.did), write: rule(false, listed.did) });
  return { act: { owner: owner.did, by }, notices: [policyStep({ owner: owner.author, rules: list })] };
}

/** A listed reader is no writer. */
function readerOnly(): Vain {
  const [owner, by] = [newSession(), newSession()];
  const list = rules({ read: rule(true, by.did) });
  return { act: { owner: owner.did, by }, notices: [policyStep({ owner: owner.author, rules: list })] };
}

function otherDomain(): Vain {
  const [owner, by, wallet] = [newSession(), newSession(), evmWallet(0x42)];
  const open = rules({ publish: rule(true), write: rule(true), domains: texts('app.example.org') });
  const chain = [cacao(wallet, by, { domain: 'other.example.org', resources: [uri(owner.did)] })];
  return {
    act: { owner: owner.did, by, chain },
    notices: [policyStep({ owner: owner.author, rules: open })],
  };
}

function laterCacao(): Vain {
  const [wallet, by] = [evmWallet(0x43), newSession()];
  const payload = payloadOf(wallet, by);
  const signature = cbor.bytes(wallet.sign(messageOf(wallet, payload)));
  const link = cacaoOf('caip999', payloadEntries(payload), wallet.type, signature);
  return { act: { owner: wallet.did, by, chain: [link] }, notices: [] };
}

/** By what makes them vain: faults that depend on what a node knows. */
const VAIN: Readonly<Record<string, () => Vain>> = {
  'another owner of the same name': () => ({
    act: { owner: newSession().did, by: newSession() },
    notices: [],
  }),
  'a chain of who owns nothing there': () => {
    const [owner, other, by] = [newSession(), newSession(), newSession()];
    const chain = [grant(other, by, { resources: [uri(owner.did)] })];
    return { act: { owner: owner.did, by, chain }, notices: [] };
  },
  'a revoked link': revokedLink,
  'a revoked session': revokedSession,
  'a link that one in between revoked': revokedBetween,
  'a link of somebody who was revoked': revokedFirst,
  'a session that revoked itself': revokedByItself,
  'a revoked sign-in': revokedSignIn,
  'a former holder': () => formerHolder('itself'),
  'a session of a former holder': () => formerHolder('its session'),
  'somebody who is not on the list': notOnTheList,
  'a reader': readerOnly,
  'a sign-in at another domain': otherDomain,
  'a sign-in of a version to come': laterCacao,
};

test('what a policy or a revocation forbids takes effect nowhere, and is not held against who forwards it', async (t) => {
  const nodes = await startMeshed(t, 3);
  const [target] = nodes as [MaillonNode];
  const honest = newSession();
  const ofHonest = nodes.map((node) => new TenantInbox(node, honest.did));
  for (const [what, make] of Object.entries(VAIN)) {
    const { act, notices } = make();
    for (const node of nodes) for (const notice of notices) await node.namespaces.submit(notice);
    const inboxes = nodes.map((node) => new TenantInbox(node, act.owner));
    const forwarder = await RawReplica.connect(t, target);
    const before = target.status().relay.copiesReceived;
    for (let n = 0; n < FAULTS; n++) {
      const vain = { ...act, text: 'vain' };
      forwarder.peer.send(shardOf(vain), said(vain));
    }
    await until(`${what}: all were looked at`, () => target.status().relay.copiesReceived >= before + FAULTS);
    for (let n = 0; n < FAULTS; n++) {
      const code = await codeOf(forwarder.ask(put(written({ ...act, key: KEY, text: 'vain' }))));
      assert.equal(code, 'record_unauthorised', what);
    }
    const score = await forwarder.peer.score();
    assert.ok(score >= 0, `${what}: ${score}`);
    const text = `after ${what}`;
    const next = { owner: honest.did, by: honest, text };
    forwarder.peer.send(shardOf(next), said(next));
    await until(text, () => ofHonest.every((inbox) => inbox.has(text)));
    assert.equal(await codeOf(forwarder.ask(put(written({ ...next, key: text })))), null);
    await until(`${what}: its score is reckoned`, async () => (await forwarder.peer.score()) > 0);
    for (const inbox of inboxes) assert.deepEqual(inbox.texts, [], what);
    for (const node of nodes) assert.equal(await readOf(node, act.owner, KEY), null, what);
  }
  await assertHonestScores(nodes);
});
