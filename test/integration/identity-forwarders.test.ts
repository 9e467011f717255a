import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { digestOf, policyStep, revokeDid, revokeLink, rule, rules } from '../support/notices.ts';
import { until } from '../support/processes.ts';
import { RawPeer } from '../support/raw-peer.ts';
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

/** An act allowed until a notice, and that notice. */
interface Withdrawn {
  readonly act: Act;
  /** Notices all know before. */
  readonly before: readonly Buffer[];
  readonly notice: Buffer;
}

function revokedLink(): Withdrawn {
  const [owner, by] = [newSession(), newSession()];
  const link = grant(owner, by);
  const act = { owner: owner.did, by, chain: [link] };
  return { act, before: [], notice: revokeLink(owner.author, digestOf(link)) };
}

function revokedSession(): Withdrawn {
  const [owner, by] = [newSession(), newSession()];
  const act = { owner: owner.did, by, chain: [grant(owner, by)] };
  return { act, before: [], notice: revokeDid(owner.author, by.did) };
}

function closed(): Withdrawn {
  const [owner, by] = [newSession(), newSession()];
  const open = rules({ publish: rule(true), write: rule(true) });
  const first = policyStep({ owner: owner.author, rules: open });
  const notice = policyStep({ owner: owner.author, sequence: 2, after: first, rules: rules() });
  return { act: { owner: owner.did, by }, before: [first], notice };
}

function transferred(): Withdrawn {
  const [owner, by, heir] = [newSession(), newSession(), newSession()];
  const act = { owner: owner.did, by, chain: [grant(owner, by)] };
  return { act, before: [], notice: policyStep({ owner: owner.author, holder: heir.author }) };
}

const WITHDRAWN: Readonly<Record<string, () => Withdrawn>> = {
  'a link that was revoked': revokedLink,
  'a session that was revoked': revokedSession,
  'a namespace that was closed': closed,
  'a namespace that was handed over': transferred,
};
/** Envelopes while a notice is on its way. */
const ENVELOPES = 40;
/** Envelopes in all that one node forwarded to another that knew better. */
const FORWARDED = 60;

/** `b` gets envelopes of `act` while `c` learns that `act` is withdrawn; `c` has `b` as its only peer. */
async function race(b: MaillonNode, c: MaillonNode, attacker: RawPeer, made: Withdrawn): Promise<void> {
  const { act, before, notice } = made;
  for (const node of [b, c]) for (const one of before) await node.namespaces.submit(one);
  const envelopes = Array.from({ length: ENVELOPES }, (_, n) => said({ ...act, text: String(n) }));
  const told = c.namespaces.submit(notice);
  for (const envelope of envelopes) attacker.send(shardOf({ ...act, text: '' }), envelope);
  await Promise.all([told, attacker.barrier()]);
}

function unauthorised(node: MaillonNode): number {
  return node.status().relay.refused.envelope_unauthorised;
}

test('who forwards what it does not know to be withdrawn is not punished, and what it brings later is taken', async (t) => {
  const [b, c] = (await startMeshed(t, 2)) as [MaillonNode, MaillonNode];
  const attacker = await RawPeer.connect(t, b);
  const honest = newSession();
  const inbox = new TenantInbox(c, honest.did);
  for (const [what, make] of Object.entries(WITHDRAWN)) {
    const [enough, atB] = [unauthorised(c) + FORWARDED, b.status().relay.envelopesAccepted];
    await until(`${what}: enough was forwarded`, async () => {
      const made = make();
      const [here, there] = [b, c].map((node) => new TenantInbox(node, made.act.owner)) as [
        TenantInbox,
        TenantInbox,
      ];
      await race(b, c, attacker, made);
      const marker = { owner: honest.did, by: honest, text: `after ${made.act.owner}` };
      attacker.send(shardOf(marker), said(marker));
      await until('what follows is there', () => inbox.has(marker.text));
      const taken = there.texts.length;
      assert.ok(here.texts.length >= taken, 'what the second takes came from the first');
      return unauthorised(c) >= enough;
    });
    assert.ok(b.status().relay.envelopesAccepted - atB >= FORWARDED, `${what}: the first took it`);
  }
  await assertHonestScores([b, c]);
  const id = b.status().peerId;
  await until('its score is reckoned', async () => {
    const peer = (await c.peers()).find((one) => one.id === id);
    return (peer?.score ?? 0) > 0;
  });
  assert.ok((await attacker.score()) >= 0, 'what was right when it was sent is held against nobody');
});

test('who hands on a record that it does not know to be withdrawn is not punished either', async (t) => {
  const [b, c] = (await startMeshed(t, 2)) as [MaillonNode, MaillonNode];
  const codes: (string | null)[] = [];
  await until('some were refused by the second only', async () => {
    for (const make of Object.values(WITHDRAWN)) {
      const { act, before, notice } = make();
      for (const node of [b, c]) for (const one of before) await node.namespaces.submit(one);
      const told = c.namespaces.submit(notice);
      const code = await codeOf(
        b.storage.submitSigned(written({ ...act, key: 'k', text: 'withdrawn' }), { durability: 'all' }),
      );
      codes.push(code);
      await told;
    }
    return codes.some((code) => code !== null && code !== 'forbidden');
  });
  const known = new Set([null, 'forbidden', 'bad_owner', 'outcome_unknown']);
  assert.deepEqual(
    codes.filter((code) => !known.has(code)),
    [],
  );
  await assertHonestScores([b, c]);
  const honest = newSession();
  const right = written({ owner: honest.did, by: honest, key: 'k', text: 'right' });
  await b.storage.submitSigned(right, { durability: 'all' });
  assert.equal(await readOf(c, honest.did, 'k'), 'right');
});
