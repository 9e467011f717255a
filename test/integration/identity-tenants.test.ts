import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ListEntry, MaillonNode, PutOptions } from '../../node/index.ts';
import * as cbor from '../support/cbor.ts';
import { type Session, uri } from '../support/identities.ts';
import { startNode } from '../support/node.ts';
import { policyStep, rule, rules } from '../support/notices.ts';
import { scratch, until } from '../support/processes.ts';
import { codeOf, known } from '../support/storage.ts';
import {
  grant,
  newSession,
  readOf,
  said,
  startTenantNodes,
  TenantInbox,
  written,
} from '../support/tenants.ts';

const NAME = 'default';
const bytes = (text: string): Buffer => Buffer.from(text);

/** Two nodes of one owner and one of another, in one swarm. */
async function twoOwners(t: TestContext): Promise<[MaillonNode, MaillonNode, MaillonNode]> {
  const keys = scratch(t);
  const settings = (owner: string) => {
    return { 'identity.ownerKey': join(keys, owner, 'development.key') };
  };
  const a = await startNode(t, { settings: settings('one') });
  const b = await startNode(t, { settings: settings('two'), through: [a] });
  const a2 = await startNode(t, { settings: settings('one'), through: [a] });
  await known([a, b, a2], 3);
  await until('all are connected', () =>
    [a, b, a2].every((node) => node.status().mesh.every((size) => size >= 2)),
  );
  return [a, b, a2];
}

/** All pages of a list, two entries each. */
async function listed(node: MaillonNode, owner: string): Promise<ListEntry[]> {
  const entries: ListEntry[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<MaillonNode['storage']['list']>> = await node.storage.list({
      owner,
      namespace: NAME,
      limit: 2,
      ...(cursor === null ? {} : { cursor }),
    });
    assert.ok(page.entries.length <= 2);
    entries.push(...page.entries);
    cursor = page.cursor;
  } while (cursor !== null);
  return entries;
}

const keysOf = (entries: readonly ListEntry[]): string[] => entries.map(({ key }) => key);

/** That of a list of promises, each is refused as forbidden. */
async function assertForbidden(attempts: Readonly<Record<string, Promise<unknown>>>): Promise<void> {
  // all are waited for from the beginning: one that fails before its turn would fail the test
  const codes = await Promise.all(
    Object.entries(attempts).map(async ([what, attempt]) => [what, await codeOf(attempt)] as const),
  );
  for (const [what, code] of codes) assert.equal(code, 'forbidden', what);
}

test('messages of two tenants with one name and one topic never meet, and neither speaks in the other’s', async (t) => {
  const [a, b, a2] = await twoOwners(t);
  assert.notEqual(a.owner, b.owner);
  assert.equal(a.owner, a2.owner);
  const nodes = [a, b, a2];
  const topic = 'hello';
  const ofA = nodes.map((node) => new TenantInbox(node, a.owner));
  const ofB = nodes.map((node) => new TenantInbox(node, b.owner));
  for (let n = 0; n < 3; n++) {
    for (const [i, node] of nodes.entries()) {
      await node.relay.publish({ owner: node.owner, namespace: NAME, topic, data: bytes(`${i} ${n}`) });
    }
  }
  await until('each has its own', () => {
    return ofA.every(({ texts }) => texts.length === 6) && ofB.every(({ texts }) => texts.length === 3);
  });
  for (const { texts } of ofA) assert.deepEqual(texts.toSorted(), ['0 0', '0 1', '0 2', '2 0', '2 1', '2 2']);
  for (const { texts } of ofB) assert.deepEqual(texts.toSorted(), ['1 0', '1 1', '1 2']);
  await assertForbidden({
    'a in b': a.relay.publish({ owner: b.owner, namespace: NAME, topic, data: bytes('x') }),
    'b in a': b.relay.publish({ owner: a.owner, namespace: NAME, topic, data: bytes('x') }),
  });
  const unowned = a.relay.publish({ owner: '', namespace: NAME, topic, data: bytes('x') });
  assert.equal(await codeOf(unowned), 'bad_owner');
  // topics that only one of them has are not shown to the other
  await b.relay.publish({ owner: b.owner, namespace: NAME, topic: 'secret', data: bytes('x') });
  assert.deepEqual(b.relay.topics(NAME, a.owner), ['hello']);
  assert.deepEqual(b.relay.topics(NAME, b.owner), ['hello', 'secret']);
});

test('records of two tenants with one name and the same keys are two; neither lists, changes or deletes the other’s', async (t) => {
  const [a, b, a2] = await twoOwners(t);
  const nodes = [a, b, a2];
  const put = (node: MaillonNode, owner: string, key: string, text: string, options?: PutOptions) => {
    return node.storage.put({ owner, namespace: NAME, key }, bytes(text), options);
  };
  for (const key of ['k/1', 'k/2', 'k/3', 'k/4', 'k/5'])
    await put(a, a.owner, key, 'of a', { durability: 'all' });
  // a name that the other has is free: it is no condition's value
  for (const key of ['k/2', 'k/3', 'k/6']) {
    await put(b, b.owner, key, 'of b', { durability: 'all', ifAbsent: true });
  }
  for (const node of nodes) {
    assert.deepEqual(keysOf(await listed(node, a.owner)), ['k/1', 'k/2', 'k/3', 'k/4', 'k/5']);
    assert.deepEqual(keysOf(await listed(node, b.owner)), ['k/2', 'k/3', 'k/6']);
    assert.equal(await readOf(node, a.owner, 'k/2'), 'of a');
    assert.equal(await readOf(node, b.owner, 'k/2'), 'of b');
    assert.equal(await readOf(node, a.owner, 'k/6'), null);
    assert.equal(await readOf(node, b.owner, 'k/1'), null);
  }
  const entry = (await listed(a, a.owner)).find(({ key }) => key === 'k/2');
  assert.ok(entry !== undefined);
  await assertForbidden({
    'a writes in b': put(a, b.owner, 'k/2', 'x'),
    'b writes in a': put(b, a.owner, 'k/2', 'x'),
    'b writes in a, onto what is there': put(b, a.owner, 'k/2', 'x', { ifVersion: entry.etag }),
    'b deletes in a': b.storage.delete({ owner: a.owner, namespace: NAME, key: 'k/2' }),
    'a deletes in b': a.storage.delete({ owner: b.owner, namespace: NAME, key: 'k/2' }),
  });
  assert.equal(await codeOf(put(a, '', 'k/2', 'x')), 'bad_owner');
  // its version is no version of the other’s value
  assert.equal(await codeOf(put(b, b.owner, 'k/2', 'x', { ifVersion: entry.etag })), 'precondition_failed');
  await b.storage.delete({ owner: b.owner, namespace: NAME, key: 'k/2' }, { durability: 'all' });
  await b.storage.delete({ owner: b.owner, namespace: NAME, key: 'k/1' }, { durability: 'all' });
  for (const node of nodes) {
    assert.deepEqual(keysOf(await listed(node, a.owner)), ['k/1', 'k/2', 'k/3', 'k/4', 'k/5']);
    assert.deepEqual(keysOf(await listed(node, b.owner)), ['k/3', 'k/6']);
    assert.equal(await readOf(node, a.owner, 'k/2'), 'of a');
    const kept = node.storage.status().namespaces.filter(({ keys }) => keys > 0);
    assert.deepEqual(new Set(kept.map(({ owner }) => owner)), new Set([a.owner, b.owner]));
  }
});

/** Limits of a session that may do everything in all namespaces of an owner, in another owner’s. */
test('whoever may do everything in all namespaces of one owner may do nothing in another’s', async (t) => {
  const nodes = await startTenantNodes(t, 2);
  const [a, c] = nodes as [MaillonNode, MaillonNode];
  const [one, two, session] = [newSession(), newSession(), newSession()];
  const all = [grant(one, session)];
  const claimed = [grant(one, session, { resources: [uri(two.did)] })];
  const both = [grant(one, session, { resources: [uri(one.did), uri(two.did)] })];
  const inboxes = nodes.map((node) => new TenantInbox(node, two.did));
  const ways: readonly (readonly [string, Session, readonly Uint8Array[]])[] = [
    ['as the other owner', one, []],
    ['with all of its own', session, all],
    ['with the other’s named by who is not its owner', session, claimed],
    ['with both named', session, both],
  ];
  for (const [what, by, chain] of ways) {
    await assertForbidden({
      [`publish ${what}`]: a.relay.submitSigned(said({ owner: two.did, by, chain, text: what })),
      [`write ${what}`]: a.storage.submitSigned(written({ owner: two.did, by, chain, key: 'k', text: what })),
      [`delete ${what}`]: a.storage.submitSigned(
        written({ owner: two.did, by, chain, key: 'k', text: null }),
      ),
    });
  }
  // in its own it is right, in any of them
  for (const namespace of [NAME, 'other']) {
    const own = { owner: one.did, namespace, by: session, chain: all };
    const inbox = new TenantInbox(c, one.did, namespace);
    await a.relay.submitSigned(said({ ...own, text: 'right' }));
    await a.storage.submitSigned(written({ ...own, key: 'k', text: namespace }), { durability: 'all' });
    await until('it is there', () => inbox.has('right'));
    assert.equal(await readOf(c, one.did, 'k', namespace), namespace);
  }
  await a.relay.submitSigned(said({ owner: two.did, by: two, text: 'its own' }));
  await until('the owner is heard', () => inboxes.every((inbox) => inbox.has('its own')));
  for (const inbox of inboxes) assert.deepEqual(inbox.texts, ['its own']);
  for (const node of nodes) assert.equal(await readOf(node, two.did, 'k'), null);
});

test('a policy holds for one namespace of one owner: not for one of the same name, nor for the owner’s others', async (t) => {
  const nodes = await startTenantNodes(t, 2);
  const [a, c] = nodes as [MaillonNode, MaillonNode];
  const [one, two, stranger] = [newSession(), newSession(), newSession()];
  const open = rules({ publish: rule(true), write: rule(true), quotaBytes: cbor.integer(20_000) });
  await a.namespaces.submit(policyStep({ owner: one.author, rules: open }));
  await until('the other node knows', () => c.namespaces.policyOf(one.did, NAME) !== null);
  for (const node of nodes) {
    assert.equal(node.namespaces.policyOf(two.did, NAME), null);
    assert.equal(node.namespaces.policyOf(one.did, 'other'), null);
  }
  const places = [
    { owner: one.did, namespace: NAME },
    { owner: one.did, namespace: 'other' },
    { owner: two.did, namespace: NAME },
  ] as const;
  for (const { owner, namespace } of places) {
    const at = { owner, namespace, by: stranger };
    const expected = owner === one.did && namespace === NAME ? null : 'forbidden';
    assert.equal(await codeOf(a.relay.submitSigned(said({ ...at, text: 'x' }))), expected);
    assert.equal(await codeOf(a.storage.submitSigned(written({ ...at, key: 'x', text: 'x' }))), expected);
  }
  // the quota of one is no bound of the other
  const large = 'v'.repeat(15_000);
  const write = (owner: Session, key: string) =>
    codeOf(
      a.storage.submitSigned(written({ owner: owner.did, by: owner, key, text: large }), {
        durability: 'all',
      }),
    );
  assert.equal(await write(one, 'large/1'), null);
  assert.equal(await write(one, 'large/2'), 'over_quota');
  assert.equal(await write(two, 'large/1'), null);
  assert.equal(await write(two, 'large/2'), null);
  for (const node of nodes) {
    assert.equal(await readOf(node, one.did, 'large/2'), null);
    assert.equal(await readOf(node, two.did, 'large/2'), large);
  }
});

test('a policy bounds large values, too, also the first of a namespace', async (t) => {
  const [node] = (await startTenantNodes(t, 1)) as [MaillonNode];
  const owner = newSession();
  const open = rules({ write: rule(true), quotaBytes: cbor.integer(200_000) });
  await node.namespaces.submit(policyStep({ owner: owner.author, rules: open }));
  const put = (size: number) =>
    codeOf(node.storage.put({ owner: owner.did, namespace: NAME, key: 'k' }, new Uint8Array(size)));
  assert.equal(await put(300_000), 'over_quota');
  assert.equal(await put(100_000), null);
});

test('a burst of messages right after the start is published whole', async (t) => {
  const [node] = (await startTenantNodes(t, 1)) as [MaillonNode];
  const name = { owner: node.owner, namespace: 'burst', topic: 't' };
  const burst = Array.from({ length: 1000 }, (_, n) =>
    node.relay.publish({ ...name, data: Buffer.from(`${n}`) }),
  );
  assert.equal((await Promise.allSettled(burst)).filter(({ status }) => status === 'rejected').length, 0);
});
