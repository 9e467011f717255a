import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { EventLog } from '../../node/observability/events.ts';
import { systemClock } from '../../protocols/common/clock.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { didOf } from '../support/did.ts';
import type { Author } from '../support/envelopes.ts';
import {
  digestOf,
  linkNumber,
  person,
  policyChain,
  policyStep,
  revokeDid,
  revokeLink,
} from '../support/notices.ts';
import { linkDigest, linkTo, NoticesNode } from '../support/notices-node.ts';
import { scratch, until } from '../support/processes.ts';
import { silentLogger } from '../support/silent-logger.ts';

const owner = person(1);
const second = person(2);
const third = person(3);

function sequenceAt(node: NoticesNode, of: Author = owner, namespace = 'default'): number {
  return node.service.policyOf(didOf(of), namespace)?.sequence ?? 0;
}

function isRevokedAt(node: NoticesNode, link: Uint8Array, by: Author = owner): boolean {
  return node.service.revokersOf({ link })?.has(didOf(by)) ?? false;
}

async function refused(node: NoticesNode, bytes: Buffer, code: string): Promise<void> {
  await assert.rejects(node.service.submit(bytes), (error) => {
    assert.ok(error instanceof CodedError, String(error));
    assert.equal(error.code, code);
    return true;
  });
}

test('what is submitted at one is known at those that are connected, over a line of three, and by gossip', async (t) => {
  const [a, b, c] = [await NoticesNode.start(t), await NoticesNode.start(t), await NoticesNode.start(t)];
  await b.join(a);
  await c.join(b);
  await a.meshWith(b);
  await b.meshWith(c);
  await until('each has asked the other', () =>
    [a, b, c].every((one) => one.service.metrics.exchangesOk > 0),
  );
  const before = c.service.metrics.exchangesOk;
  let changes = 0;
  c.service.onChange(() => (changes += 1));
  const policy = policyStep({ owner });
  const view = await a.service.submit(policy);
  assert.equal(view.kind, 'policy');
  assert.ok(digestOf(policy).equals(view.digest));
  await until('the third knows the policy', () => sequenceAt(c) === 1);
  await a.service.submit(revokeLink(owner, linkNumber(1)));
  await until('and the revocation', () => isRevokedAt(c, linkNumber(1)));
  assert.equal(c.service.metrics.exchangesOk, before, 'it was told, it did not ask');
  await until('its listener heard of both', () => changes === 2);
  for (const [node, peer] of [
    [a, b],
    [b, a],
    [b, c],
    [c, b],
  ] as const) {
    assert.ok(node.score(peer) >= 0, 'nobody is charged');
  }
});

test('two that were apart have the same after they met, each from the other', async (t) => {
  const [a, b] = [await NoticesNode.start(t), await NoticesNode.start(t)];
  for (const bytes of policyChain(owner, 20)) await a.service.submit(bytes);
  for (let n = 0; n < 50; n++) await a.service.submit(revokeLink(owner, linkNumber(n)));
  for (const bytes of policyChain(second, 3, 'other')) await b.service.submit(bytes);
  for (let n = 50; n < 80; n++) await b.service.submit(revokeLink(second, linkNumber(n)));
  await b.join(a);
  for (const node of [a, b]) {
    await until('both know all', () => {
      const { policies, revocations } = node.service.counts;
      return policies === 23 && revocations === 80;
    });
    assert.equal(sequenceAt(node), 20);
    assert.deepEqual(
      node.service.historyOf(didOf(owner), 'default').map(({ sequence }) => sequence),
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
  }
  assert.ok(a.score(b) >= 0 && b.score(a) >= 0);
});

test('a notice made while nobody is there is told to who comes later, and further', async (t) => {
  const a = await NoticesNode.start(t);
  await a.service.submit(policyStep({ owner }));
  const b = await NoticesNode.start(t, { through: [a] });
  const c = await NoticesNode.start(t, { through: [b] });
  await until('the third knows it', () => sequenceAt(c) === 1);
  // told while the connection is young: before gossip has made a way, or after
  const d = await NoticesNode.start(t);
  await d.join(c);
  await d.service.submit(revokeDid(second, didOf(third)));
  await until('the first knows', () => a.service.revokersOf({ did: didOf(third) })?.has(didOf(second)));
});

test('of two successors each node keeps the first it saw; nothing follows the other one', async (t) => {
  const [a, b] = [await NoticesNode.start(t), await NoticesNode.start(t)];
  const first = policyStep({ owner });
  const time = Date.now();
  const left = policyStep({ owner, sequence: 2, after: first, time });
  const right = policyStep({ owner, sequence: 2, after: first, time: time + 1 });
  for (const bytes of [first, left]) await a.service.submit(bytes);
  for (const bytes of [first, right]) await b.service.submit(bytes);
  await refused(a, right, 'policy_conflict');
  await b.join(a);
  await a.service.submit(revokeLink(owner, linkNumber(1)));
  await b.service.submit(revokeLink(owner, linkNumber(2)));
  await until('they have spoken', () => isRevokedAt(b, linkNumber(1)) && isRevokedAt(a, linkNumber(2)));
  const digestAt = (node: NoticesNode): Uint8Array | undefined =>
    node.service.policyOf(didOf(owner), 'default')?.digest;
  assert.ok(digestOf(left).equals(digestAt(a) ?? Buffer.alloc(0)));
  assert.ok(digestOf(right).equals(digestAt(b) ?? Buffer.alloc(0)));
  await refused(b, policyStep({ owner, sequence: 3, after: left, time: time + 2 }), 'policy_conflict');
  assert.ok(a.score(b) >= 0 && b.score(a) >= 0, 'neither is charged for it');
});

test('a policy never goes back, and after a transfer the old owner has no say', async (t) => {
  const node = await NoticesNode.start(t);
  const chain = policyChain(owner, 3);
  for (const bytes of chain) await node.service.submit(bytes);
  const [one, two, three] = chain as [Buffer, Buffer, Buffer];
  await refused(node, policyStep({ owner, sequence: 3, after: two, time: Date.now() }), 'policy_conflict');
  await refused(node, policyStep({ owner, sequence: 2, after: one, time: Date.now() }), 'policy_conflict');
  await refused(node, policyStep({ owner, sequence: 5, after: three }), 'policy_early');
  await refused(node, policyStep({ owner, sequence: 4, after: three, time: 0 }), 'policy_time');
  assert.equal((await node.service.submit(two)).kind, 'policy', 'what is known is no error');
  const transfer = policyStep({ owner, sequence: 4, after: three, holder: second });
  await node.service.submit(transfer);
  assert.equal(node.service.policyOf(didOf(owner), 'default')?.holder, didOf(second));
  await refused(node, policyStep({ owner, sequence: 5, after: transfer, by: owner }), 'policy_holder');
  const next = policyStep({ owner, sequence: 5, after: transfer, by: second, holder: second });
  await node.service.submit(next);
  assert.equal(sequenceAt(node), 5);
  await refused(node, policyStep({ owner: third, by: owner }), 'notice_field');
});

test('all is there after a restart, before anybody is asked', async (t) => {
  const data = scratch(t);
  const first = await NoticesNode.start(t, { data });
  const chain = policyChain(owner, 2);
  for (const bytes of chain) await first.service.submit(bytes);
  await first.service.submit(revokeLink(owner, linkNumber(1)));
  await first.stop();
  const again = await NoticesNode.start(t, { data });
  assert.equal(sequenceAt(again), 2);
  assert.ok(isRevokedAt(again, linkNumber(1)));
  await again.service.submit(policyStep({ owner, sequence: 3, after: chain[1] ?? null }));
  const other = await NoticesNode.start(t, { through: [again] });
  await until('the other one has all', () => sequenceAt(other) === 3 && isRevokedAt(other, linkNumber(1)));
});

test('a policy that comes before its predecessor is made up for by asking', async (t) => {
  const [a, b] = [await NoticesNode.start(t), await NoticesNode.start(t)];
  await b.join(a);
  await a.meshWith(b);
  await until(
    'each has asked the other',
    () => a.service.metrics.exchangesOk > 0 && b.service.metrics.exchangesOk > 0,
  );
  // a knows three of which b heard nothing: put there past gossip
  await b.leave(a);
  const chain = policyChain(owner, 4);
  for (const bytes of chain.slice(0, 3)) await a.service.submit(bytes);
  await b.join(a);
  await a.service.submit(chain[3] ?? Buffer.alloc(0));
  await until('b has all four', () => sequenceAt(b) === 4);
  assert.ok(b.score(a) >= 0);
});

test('who comes after a revocation takes what was done before it, once the holder went on from there', async (t) => {
  const [a, b] = [await NoticesNode.start(t), await NoticesNode.start(t)];
  const one = policyStep({ owner });
  const delegate = { by: second, as: owner, chain: [linkTo(second)] };
  const two = policyStep({ owner, sequence: 2, after: one, ...delegate });
  const revoked = revokeLink(owner, linkDigest(second));
  for (const bytes of [one, two, revoked]) await a.service.submit(bytes);
  for (const bytes of [revoked, one]) await b.service.submit(bytes);
  await refused(b, two, 'notice_unauthorised');
  await b.join(a);
  await until('b has read all of a', () => b.service.metrics.exchangesOk > 0);
  assert.equal(sequenceAt(b), 1, 'whose key was revoked has no say');
  await refused(a, policyStep({ owner, sequence: 3, after: two, ...delegate }), 'notice_unauthorised');
  await a.service.submit(policyStep({ owner, sequence: 3, after: two }));
  await until('b follows the holder', () => sequenceAt(b) === 3);
});

test('a revoked delegate cannot hand the namespace to itself and vouch for that', async (t) => {
  const [liar, b] = [await NoticesNode.start(t), await NoticesNode.start(t)];
  const one = policyStep({ owner });
  const taken = { owner, sequence: 2, after: one, by: second, as: owner, chain: [linkTo(second)] };
  const two = policyStep({ ...taken, holder: third });
  const three = policyStep({ owner, sequence: 3, after: two, by: third, holder: third });
  for (const bytes of [one, two, three]) await liar.service.submit(bytes);
  for (const bytes of [one, revokeLink(owner, linkDigest(second))]) await b.service.submit(bytes);
  await b.join(liar);
  await until(
    'the liar was asked and heard',
    () => isRevokedAt(liar, linkDigest(second)) && b.service.metrics.exchangesOk > 1,
  );
  assert.equal(sequenceAt(b), 1);
  assert.equal(b.service.policyOf(didOf(owner), 'default')?.holder, didOf(owner));
});

test('what rotted on disk is said, dropped at the start or when it is read, and asked for again', async (t) => {
  const data = scratch(t);
  const path = join(data, 'namespaces/notices.db');
  const rot = (where: string): Promise<boolean> =>
    until('the file is free', () => {
      const database = new DatabaseSync(path);
      try {
        return database.prepare(`UPDATE notices SET mark = 0 WHERE ${where}`).run().changes === 1;
      } catch (error) {
        // the node may just be writing
        assert.match(String(error), /locked/);
        return false;
      } finally {
        database.close();
      }
    });
  const keeper = await NoticesNode.start(t);
  const first = await NoticesNode.start(t, { data, through: [keeper] });
  for (const bytes of policyChain(owner, 4)) await first.service.submit(bytes);
  await first.service.submit(revokeLink(owner, linkNumber(1)));
  await until(
    'another has all',
    () => keeper.service.counts.policies === 4 && isRevokedAt(keeper, linkNumber(1)),
  );
  await first.stop();
  await rot('sequence = 2');
  await rot('kind = 1');
  const events = new EventLog({ logger: silentLogger(), clock: systemClock });
  const again = await NoticesNode.start(t, { data, events });
  assert.equal(events.count('notices_damaged'), 1);
  assert.equal(sequenceAt(again), 4, 'a later policy is not taken back');
  assert.deepEqual([again.service.counts.policies, again.service.counts.revocations], [3, 0]);
  await again.join(keeper);
  await until(
    'both are back',
    () => again.service.counts.policies === 4 && isRevokedAt(again, linkNumber(1)),
  );
  let changes = 0;
  again.service.onChange(() => (changes += 1));
  await rot('sequence = 4');
  // whoever asks for it finds that it is not what was written
  assert.ok(again.service.historyOf(didOf(owner), 'default').length === 3);
  await until('it is back while the node runs', () => sequenceAt(again) === 4);
  assert.ok(changes > 0);
  assert.ok(again.score(keeper) >= 0 && keeper.score(again) >= 0);
});

test('a process that is killed has what it acknowledged', async (t) => {
  const data = scratch(t);
  const node = await NoticesNode.start(t, { data });
  await node.service.submit(policyStep({ owner }));
  await node.service.submit(revokeLink(owner, linkNumber(1)));
  // what a kill leaves: the files as they are now, never closed
  const left = scratch(t);
  cpSync(join(data, 'namespaces'), join(left, 'namespaces'), { recursive: true });
  const again = await NoticesNode.start(t, { data: left });
  assert.equal(sequenceAt(again), 1);
  assert.ok(isRevokedAt(again, linkNumber(1)));
});
