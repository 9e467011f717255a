import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import * as cbor from '../support/cbor.ts';
import { bitcoinWallet, cacao, evmWallet, type Principal, type Session, uri } from '../support/identities.ts';
import { startNode } from '../support/node.ts';
import { policyStep, rule, rules, texts } from '../support/notices.ts';
import { scratch, until } from '../support/processes.ts';
import { codeOf, known } from '../support/storage.ts';
import {
  type Act,
  grant,
  newSession,
  readOf,
  said,
  startMeshed,
  startTenantNodes,
  TenantInbox,
  written,
} from '../support/tenants.ts';

const HOUR_MS = 3_600_000;
const NAME = 'default';

/** Checks whether each of `acts` may publish and write at both nodes, and that exactly the allowed content is there. */
async function assertMay(
  nodes: readonly MaillonNode[],
  owner: string,
  acts: Readonly<Record<string, readonly [act: Omit<Act, 'owner'>, publish: boolean, write: boolean]>>,
): Promise<void> {
  const inboxes = nodes.map((node) => new TenantInbox(node, owner));
  const expected: string[] = [];
  for (const [what, [act, publish, write]] of Object.entries(acts)) {
    for (const [i, node] of nodes.entries()) {
      const text = `${what} at ${i}`;
      if (publish) expected.push(text);
      const code = await codeOf(node.relay.submitSigned(said({ ...act, owner, text })));
      assert.equal(code, publish ? null : 'forbidden', `publish ${text}`);
      const record = written({ ...act, owner, key: text, text });
      assert.equal(
        await codeOf(node.storage.submitSigned(record)),
        write ? null : 'forbidden',
        `write ${text}`,
      );
    }
    for (const node of nodes) {
      const found = await readOf(node, owner, `${what} at 0`);
      assert.equal(found, write ? `${what} at 0` : null, `read ${what}`);
    }
  }
  await until('all have what was let', () => inboxes.every((inbox) => inbox.texts.length >= expected.length));
  for (const inbox of inboxes) assert.deepEqual(inbox.texts.toSorted(), expected.toSorted());
}

async function tell(nodes: readonly MaillonNode[], ...notices: readonly Buffer[]): Promise<void> {
  for (const node of nodes) for (const notice of notices) await node.namespaces.submit(notice);
}

test('where anybody may publish, anybody and whom they let does, and writes nothing', async (t) => {
  const nodes = await startMeshed(t, 2);
  const [owner, stranger, session, wallet] = [newSession(), newSession(), newSession(), evmWallet(0x51)];
  await tell(nodes, policyStep({ owner: owner.author, rules: rules({ publish: rule(true) }) }));
  const here = uri(owner.did, NAME, 'publish,write');
  const late = { resources: [here], expiry: Date.now() - 1000 };
  await assertMay(nodes, owner.did, {
    'the owner': [{ by: owner }, true, true],
    'a stranger': [{ by: stranger }, true, false],
    'a session of a stranger': [
      { by: session, chain: [grant(stranger, session, { resources: [here] })] },
      true,
      false,
    ],
    'a session of a wallet': [
      { by: session, chain: [cacao(wallet, session, { resources: [here] })] },
      true,
      false,
    ],
    'a session that was let something else': [
      { by: session, chain: [grant(stranger, session)] },
      false,
      false,
    ],
    'a session whose time is over': [{ by: session, chain: [grant(stranger, session, late)] }, false, false],
  });
});

test('a list of DIDs lets those on it, keys and wallets, and whom they let', async (t) => {
  const nodes = await startMeshed(t, 2);
  const [owner, listed, writer, session] = [newSession(), newSession(), newSession(), newSession()];
  const [wallet, other] = [bitcoinWallet(0x52, 'p2tr'), bitcoinWallet(0x53, 'p2tr')];
  const list = rules({
    publish: rule(false, ...[listed.did, wallet.did].toSorted()),
    write: rule(false, writer.did),
    domains: texts('app.example.org'),
  });
  const first = policyStep({ owner: owner.author, rules: list });
  await tell(nodes, first);
  const here = { resources: [uri(owner.did, NAME, 'publish,write')] };
  const acts = {
    'one of the list': [{ by: listed }, true, false],
    'one of the other list': [{ by: writer }, false, true],
    'a session of one of the list': [{ by: session, chain: [grant(listed, session, here)] }, true, false],
    'a wallet of the list': [{ by: session, chain: [cacao(wallet, session, here)] }, true, false],
    'another wallet': [{ by: session, chain: [cacao(other, session, here)] }, false, false],
    'the wallet at another domain': [
      { by: session, chain: [cacao(wallet, session, { ...here, domain: 'app.example.org:8443' })] },
      false,
      false,
    ],
    'the session without a chain': [{ by: session }, false, false],
  } as const;
  await assertMay(nodes, owner.did, acts);
  // the next policy is another list: those of the first have had their time
  await tell(nodes, policyStep({ owner: owner.author, sequence: 2, after: first, rules: rules() }));
  const none = Object.entries(acts).map(([what, [act]]) => [`later ${what}`, [act, false, false]] as const);
  await assertMay(nodes, owner.did, Object.fromEntries(none));
  assert.equal(
    await readOf(nodes[0] as MaillonNode, owner.did, 'one of the other list at 0'),
    'one of the other list at 0',
  );
});

function quota(bytes: number, keys: number): Buffer {
  return rules({ quotaBytes: cbor.integer(bytes), quotaKeys: cbor.integer(keys) });
}

test('the quota of a policy holds at every home, in bytes and keys; deleting makes room, a later policy another quota', async (t) => {
  const nodes = await startTenantNodes(t, 2);
  const [a, c] = nodes as [MaillonNode, MaillonNode];
  const owner = newSession();
  const first = policyStep({ owner: owner.author, rules: quota(20_000, 3) });
  await tell(nodes, first);
  const write = (node: MaillonNode, key: string, size: number | null) => {
    const text = size === null ? null : 'v'.repeat(size);
    return codeOf(
      node.storage.submitSigned(written({ owner: owner.did, by: owner, key, text }), { durability: 'all' }),
    );
  };
  assert.equal(await write(a, 'large', 15_000), null);
  assert.equal(await write(c, 'too much', 15_000), 'over_quota');
  assert.equal(await write(c, 'small', 10), null);
  assert.equal(await write(a, 'third', 10), null);
  assert.equal(await write(c, 'fourth', 10), 'over_quota', 'more keys');
  assert.equal(await write(a, 'large', null), null);
  assert.equal(await write(c, 'fourth', 15_000), null, 'there is room again');
  await tell(nodes, policyStep({ owner: owner.author, sequence: 2, after: first, rules: quota(100, 3) }));
  assert.equal(await write(a, 'small', 5_000), 'over_quota', 'of the later one');
  assert.equal((await readOf(c, owner.did, 'fourth'))?.length, 15_000, 'what is there stays');
  assert.equal(await write(a, 'fourth', null), null, 'and can be deleted');
});

const trueNow = Date.now.bind(Date);

/** From now on the clock of this process is ahead of the machine's. */
function moveClock(t: TestContext, ms: number): void {
  t.after(() => {
    Date.now = trueNow;
  });
  Date.now = () => trueNow() + ms;
}

/** The link by which a holder names an operator, of one of its namespaces or of all. */
function naming(holder: Session, operator: string, namespace = '*'): Buffer {
  return grant(holder, { did: operator } as Principal, {
    resources: [uri(holder.did, namespace, 'sponsor')],
  });
}

test('who is sponsored is told so and kept; what nobody sponsors is gone after a day', async (t) => {
  const [all, some, none] = [newSession(), newSession(), newSession()];
  const nodes = await startTenantNodes(t, 2, { 'storage.sponsored': [all.did, `${NAME}@${some.did}`] });
  const [a, c] = nodes as [MaillonNode, MaillonNode];
  const places = [
    { owner: all, namespace: NAME, durable: true },
    { owner: all, namespace: 'other', durable: true },
    { owner: some, namespace: NAME, durable: true },
    { owner: some, namespace: 'other', durable: false },
    { owner: none, namespace: NAME, durable: false },
  ] as const;
  const write = async ({ owner: by, namespace }: (typeof places)[number], key: string): Promise<boolean> => {
    const record = written({ owner: by.did, namespace, by, key, text: 'v' });
    return (await a.storage.submitSigned(record, { durability: 'all' })).durable;
  };
  for (const place of places) {
    assert.equal(await write(place, 'k'), false, 'that a node sponsors it is its own word');
  }
  await a.sponsor([naming(all, a.owner)]);
  await a.sponsor([naming(some, a.owner, NAME)]);
  await until('all nodes know whom they named', () =>
    nodes.every(({ namespaces }) =>
      places.every(({ owner, namespace, durable }) => {
        return namespaces.sponsorsOf(owner.did, namespace).includes(a.owner) === durable;
      }),
    ),
  );
  for (const place of places) assert.equal(await write(place, 'k'), place.durable, place.namespace);
  moveClock(t, 24 * HOUR_MS - 60_000);
  for (const { owner, namespace } of places) assert.equal(await readOf(c, owner.did, 'k', namespace), 'v');
  moveClock(t, 24 * HOUR_MS + 60_000);
  for (const { owner, namespace, durable } of places) {
    for (const node of nodes) {
      assert.equal(await readOf(node, owner.did, 'k', namespace), durable ? 'v' : null);
      const { entries } = await node.storage.list({ owner: owner.did, namespace });
      assert.deepEqual(
        entries.map(({ key }) => key),
        durable ? ['k'] : [],
      );
    }
  }
  // it is new again for a day
  const last = places[4];
  assert.equal(await write(last, 'k'), false);
  for (const node of nodes) assert.equal(await readOf(node, none.did, 'k'), 'v');
});

test('who sponsors all says durable for whoever named it', async (t) => {
  const [node] = (await startTenantNodes(t, 1, { 'storage.sponsored': ['*'] })) as [MaillonNode];
  const owner = newSession();
  const write = async (key: string) =>
    node.storage.submitSigned(written({ owner: owner.did, by: owner, key, text: 'v' }));
  assert.equal((await write('before')).durable, false);
  await node.sponsor([naming(owner, node.owner)]);
  const { durable, expiresAt } = await write('k');
  assert.deepEqual([durable, expiresAt], [true, null]);
  moveClock(t, 48 * HOUR_MS);
  assert.equal(await readOf(node, owner.did, 'k'), 'v');
});

function sponsoring(...sponsored: readonly string[]) {
  return { 'storage.sponsored': [...sponsored] };
}

test('what a majority keeps is not hidden by a home that lets it go after a day', async (t) => {
  const a = await startNode(t, { settings: sponsoring('*') });
  const b = await startNode(t, { settings: sponsoring(), through: [a] });
  const c = await startNode(t, { settings: sponsoring('*'), through: [a] });
  const nodes = [a, b, c];
  await known(nodes, 3);
  const owner = newSession();
  const at = { owner: owner.did, by: owner, text: 'v' };
  assert.equal(
    (await a.storage.submitSigned(written({ ...at, key: 'k' }), { durability: 'all' })).durable,
    false,
  );
  assert.equal(
    (await a.storage.submitSigned(written({ ...at, key: 'deleted' }), { durability: 'all' })).durable,
    false,
  );
  await a.storage.submitSigned(written({ ...at, key: 'deleted', text: null, time: Date.now() + 10 }), {
    durability: 'all',
  });
  moveClock(t, 25 * HOUR_MS);
  await until('one home has let it go', () => b.storage.status().records === 0);
  for (const node of nodes) {
    assert.equal(await readOf(node, owner.did, 'k'), 'v');
    assert.equal(await readOf(node, owner.did, 'deleted'), null);
    const { entries } = await node.storage.list({ owner: owner.did, namespace: NAME });
    assert.deepEqual(
      entries.map(({ key }) => key),
      ['k'],
    );
  }
});

test('those without a sponsor share a tenth of the room; who has one has the rest', async (t) => {
  const keys = join(scratch(t), 'development.key');
  const sponsored = newSession();
  const [node] = (await startTenantNodes(t, 1, {
    'identity.ownerKey': keys,
    'storage.capacityBytes': 1_000_000,
    'storage.sponsored': [sponsored.did],
  })) as [MaillonNode];
  const [one, two] = [newSession(), newSession()];
  const text = 'v'.repeat(20_000);
  const write = (by: typeof one, key: string) =>
    codeOf(node.storage.submitSigned(written({ owner: by.did, by, key, text })));
  const codes: (string | null)[] = [];
  for (let n = 0; n < 4; n++) codes.push(await write(one, `k/${n}`));
  assert.deepEqual(codes, [null, null, null, null]);
  assert.equal(await write(two, 'k'), 'over_quota', 'it is one share for both');
  for (let n = 0; n < 20; n++) assert.equal(await write(sponsored, `k/${n}`), null, `sponsored ${n}`);
  const own = { owner: node.owner, namespace: NAME, key: 'k' };
  const { durable } = await node.storage.put(own, Buffer.from(text));
  assert.equal(durable, true, 'its own owner is sponsored always');
  await node.storage.submitSigned(
    written({ owner: one.did, by: one, key: 'k/0', text: null, time: Date.now() + 10 }),
  );
  assert.equal(await write(two, 'k'), null, 'what one gives back the other has');
});
