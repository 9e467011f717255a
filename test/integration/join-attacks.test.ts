/** Attacks on the join protocol: guessing, replaying, flooding, a crash between the disk and the answer. */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { inviteBookPath } from '../../node/join/invite-book.ts';
import { createCrypto } from '../../node/runtime/crypto.ts';
import { decodeLink } from '../../protocols/identity/index.ts';
import {
  encodeRequest,
  type Invite,
  parseInvite,
  REQUEST_MAX_BYTES,
  REQUESTS_BURST,
} from '../../protocols/join/index.ts';
import { SWARM } from '../support/envelopes.ts';
import { uri } from '../support/identities.ts';
import { JoiningPeer } from '../support/joining-peer.ts';
import { Machine } from '../support/machine.ts';
import { startNode, tcpAddress } from '../support/node.ts';
import { revokeLink } from '../support/notices.ts';
import { OWNER } from '../support/owner.ts';
import { type Cleanup, until } from '../support/processes.ts';
import { grant, newSession } from '../support/tenants.ts';

const crypto = createCrypto();
const randomBytes = (length: number) => globalThis.crypto.getRandomValues(new Uint8Array(length));

async function issuer(t: Cleanup) {
  const data = mkdtempSync(join(tmpdir(), 'maillon-issuer-'));
  const node = await startNode(t, { data });
  // once the node has stopped, which still writes to it
  t.after(() => rmSync(data, { recursive: true, force: true }));
  const invite = async (): Promise<Invite> =>
    parseInvite((await node.members.invite({ role: 'node' })).invite, crypto);
  const peer = () => JoiningPeer.connect(t, newSession().author, tcpAddress(node));
  return { node, data, invite, peer };
}

describe('who asks to join', () => {
  test('learns nothing by guessing: an id that is not there and a wrong secret are told alike', async (t) => {
    const { node, invite, peer } = await issuer(t);
    const { id, secret } = await invite();
    const guesser = await peer();
    const wrong = secret.map((byte, index) => (index === 31 ? byte ^ 1 : byte));
    const answers = [
      await guesser.redeem({ id, secret: wrong }),
      await guesser.redeem({ id: randomBytes(8), secret }),
      await guesser.redeem({ id: randomBytes(8), secret: randomBytes(32) }),
    ];
    for (const { error, chain, entryPoints } of answers) {
      assert.deepEqual([error, chain, entryPoints], ['invite_unknown', [], []]);
    }
    assert.equal((await node.members.list()).invites.length, 1);
    assert.equal(
      (await (await peer()).redeem({ id, secret })).error,
      '',
      'it is still good for the right one',
    );
  });

  test('is refused for a while when it asks too much, and others are not', async (t) => {
    const { invite, peer } = await issuer(t);
    const flooder = await peer();
    const errors: string[] = [];
    for (let count = 0; count <= REQUESTS_BURST; count += 1) {
      errors.push((await flooder.redeem({ id: randomBytes(8), secret: randomBytes(32) })).error);
    }
    assert.equal(errors.at(-1), 'rate_limited');
    const right = await invite();
    assert.equal((await flooder.redeem(right)).error, 'rate_limited', 'not even with a right one');
    assert.equal((await (await peer()).redeem(right)).error, '');
  });

  test('is cut off where what it sends cannot be read, or is larger than any request', async (t) => {
    const { node, peer } = await issuer(t);
    const one = await peer();
    const bad = [
      Buffer.from('hello'),
      Buffer.alloc(REQUEST_MAX_BYTES + 1),
      Buffer.concat([encodeRequest({ kind: 'renew', chain: [], name: '' }), Buffer.of(0)]),
      encodeRequest({ kind: 'renew', chain: [], name: 'a\u0007bell' }),
    ];
    for (const bytes of bad) await assert.rejects(one.send(bytes));
    assert.equal((await node.members.list()).members.length, 0);
  });
});

describe('an invite that was used', () => {
  test('is refused to whoever heard the request, and given again to the key that used it', async (t) => {
    const { node, invite, peer } = await issuer(t);
    const right = await invite();
    const [joiner, thief] = [await peer(), await peer()];
    const first = await joiner.redeem(right);
    assert.equal(first.error, '');
    assert.equal((await thief.redeem(right)).error, 'invite_used');
    const second = await joiner.redeem(right);
    assert.equal(second.error, '');
    const [link] = second.chain;
    assert.ok(link);
    const { audience, issuer: from, resources } = decodeLink(link, crypto, SWARM).link;
    assert.equal(from, node.owner);
    assert.deepEqual(
      resources.map(({ actions, namespace, owner }) => [actions, namespace, owner]),
      [[['publish', 'read', 'sponsor', 'write'], '*', node.owner]],
    );
    const { members } = await node.members.list();
    assert.deepEqual(
      members.map(({ did, name }) => [did, name]),
      [[audience, 'raw']],
    );
  });

  test('at the same moment goes to one of many', async (t) => {
    const { node, invite, peer } = await issuer(t);
    const right = await invite();
    const peers = await Promise.all(Array.from({ length: 6 }, peer));
    const errors = await Promise.all(peers.map(async (one) => (await one.redeem(right)).error));
    assert.deepEqual(errors.toSorted(), ['', ...Array.from({ length: 5 }, () => 'invite_used')]);
    assert.equal((await node.members.list()).members.length, 1);
  });

  test('stays used over kill −9 of an issuer whose answer never came', async (t) => {
    const machine = new Machine(t);
    const { port, peerId, program } = await machine.start();
    const invite = parseInvite((await machine.ask('invite')).invite, crypto);
    const address = `/ip4/127.0.0.1/tcp/${port}/p2p/${peerId}`;
    const [joiner, thief] = [newSession().author, newSession().author];
    const path = inviteBookPath(machine.data);
    const before = readFileSync(path);
    await (await JoiningPeer.connect(t, joiner, address)).throwAt({
      kind: 'redeem',
      id: invite.id,
      secret: invite.secret,
      name: 'killed',
    });
    await until('the use is on disk', () => !readFileSync(path).equals(before));
    await program.end('SIGKILL');
    assert.ok(!readFileSync(path).includes(Buffer.from(invite.secret)), 'the secret is not kept');
    await machine.start();
    assert.equal((await (await JoiningPeer.connect(t, thief, address)).redeem(invite)).error, 'invite_used');
    assert.equal((await (await JoiningPeer.connect(t, joiner, address)).redeem(invite)).error, '');
  });
});

describe('a delegation is renewed', () => {
  test('for the key that it is for, and for no other', async (t) => {
    const { node, invite, peer } = await issuer(t);
    const [member, thief] = [await peer(), await peer()];
    const { chain } = await member.redeem(await invite());
    const renewed = await member.request({ kind: 'renew', chain, name: 'again' });
    assert.equal(renewed.error, '');
    assert.notDeepEqual(renewed.chain, chain);
    assert.equal((await thief.request({ kind: 'renew', chain, name: '' })).error, 'chain_not_renewable');
    await node.members.revoke(member.id);
    assert.equal((await member.request({ kind: 'renew', chain, name: '' })).error, 'member_revoked');
  });

  test('not where the owner revoked just that delegation', async (t) => {
    const { node, invite, peer } = await issuer(t);
    const member = await peer();
    const { chain } = await member.redeem(await invite());
    const { link } = decodeLink(chain[0] ?? new Uint8Array(), crypto, SWARM);
    await node.namespaces.submit(revokeLink(OWNER.author, link.digest));
    assert.equal((await member.request({ kind: 'renew', chain, name: '' })).error, 'chain_not_renewable');
  });

  test('only where it was made for a member: a grant that was to end does end', async (t) => {
    const { node } = await issuer(t);
    const session = newSession();
    assert.equal(OWNER.did, node.owner);
    const resources = [uri(OWNER.did, '*', 'publish,read,write')];
    const bytes = grant(OWNER, session, { resources, expiry: Date.now() + 60_000 });
    const peer = await JoiningPeer.connect(t, session.author, tcpAddress(node));
    const answer = await peer.request({ kind: 'renew', chain: [bytes], name: '' });
    assert.equal(answer.error, 'chain_not_renewable');
  });
});

test('there are so many open invites at most, and a spent one makes no room for more by itself', async (t) => {
  const { node, data } = await issuer(t);
  const made = [];
  for (let count = 0; count < 32; count += 1) made.push(await node.members.invite({ role: 'member' }));
  await assert.rejects(node.members.invite({ role: 'node' }), { code: 'too_many_invites' });
  await node.members.revoke(made[0]?.id ?? '');
  await node.members.invite({ role: 'node' });
  const file = readFileSync(join(data, 'invites'));
  for (const { invite } of made) {
    assert.ok(!file.includes(Buffer.from(parseInvite(invite, crypto).secret)), 'no secret is kept');
  }
});
