/** Naming and accepting of operators: real nodes of two operators, real wallets' sign-ins and delegations. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { cacao, evmWallet, type Principal, type Session, uri } from '../support/identities.ts';
import { startNode } from '../support/node.ts';
import {
  digestOf,
  policyStep,
  revokeDid,
  revokeLink,
  rules,
  sponsorshipStep,
  texts,
} from '../support/notices.ts';
import { type Cleanup, scratch, until } from '../support/processes.ts';
import { codeOf } from '../support/storage.ts';
import { grant, newSession, written } from '../support/tenants.ts';

const LONG_MS = 3_600_000;

/** Only its DID counts: it signs nothing. */
function named(did: string): Principal {
  return { did } as Principal;
}

let wallets = 0;
/** A wallet that nobody had before. */
function newWallet(): ReturnType<typeof evmWallet> {
  wallets += 1;
  return evmWallet(100 + wallets);
}

/** A wallet signs in: `by` may do `actions` in its namespace. */
function signIn(
  wallet: ReturnType<typeof evmWallet>,
  by: string,
  {
    actions = 'publish,read,write',
    namespace = 'default',
    lifeMs = LONG_MS,
    domain = 'app.example.org',
  } = {},
): Buffer {
  const now = Date.now();
  return cacao(wallet, named(by), {
    domain,
    iat: new Date(now).toISOString(),
    exp: new Date(now + lifeMs).toISOString(),
    resources: [uri(wallet.did, namespace, actions)],
  });
}

let a: MaillonNode;
let b: MaillonNode;
/** Node of another operator that accepts everything. */
let stranger: MaillonNode;
const ends: (() => void | Promise<void>)[] = [];
const t: Cleanup = { after: (end) => void ends.unshift(end) };

before(async () => {
  a = await startNode(t);
  b = await startNode(t, { through: [a] });
  stranger = await startNode(t, {
    settings: {
      'identity.ownerKey': join(scratch(t), 'owner.key'),
      'storage.sponsored': ['*'],
    },
    through: [a],
  });
  assert.equal(a.owner, b.owner);
  assert.notEqual(a.owner, stranger.owner);
});
after(async () => {
  for (const end of ends) await end();
});

async function everywhere(owner: string, expected: readonly string[], namespace = 'default'): Promise<void> {
  await until(`all know ${expected.length} sponsors`, () =>
    [a, b, stranger].every(
      ({ namespaces }) => namespaces.sponsorsOf(owner, namespace).join() === expected.join(),
    ),
  );
}

describe('a wallet', () => {
  test('names the operator by its sign-in, for good: a node that comes when the sign-in has ended learns it, too', async () => {
    const wallet = newWallet();
    const lifeMs = 1_500;
    const signedAt = Date.now();
    assert.deepEqual(a.namespaces.sponsorsOf(wallet.did, 'default'), [wallet.did]);
    assert.equal(a.isSponsored({ owner: wallet.did, namespace: 'default' }), false);
    let changes = 0;
    const end = b.namespaces.onChange(() => (changes += 1));
    const { version } = b.namespaces;
    const view = await a.sponsor([signIn(wallet, a.owner, { lifeMs })]);
    assert.deepEqual([view.holder, view.as, view.namespace], [wallet.did, a.owner, 'default']);
    await everywhere(wallet.did, [wallet.did, a.owner]);
    await until('its listener was told', () => changes > 0 && b.namespaces.version !== version);
    end();
    assert.deepEqual(
      [a, b, stranger].map((node) => node.isSponsored({ owner: wallet.did, namespace: 'default' })),
      [true, true, true],
    );
    assert.deepEqual(a.namespaces.sponsorsOf(wallet.did, 'other'), [wallet.did], 'nothing else of it');
    await until('the sign-in is over', () => Date.now() > signedAt + lifeMs);
    const late = await startNode(t, { through: [b] });
    await until(
      'who comes later knows',
      () => late.namespaces.sponsorsOf(wallet.did, 'default').length === 2,
    );
    assert.ok(late.isSponsored({ owner: wallet.did, namespace: 'default' }));
    assert.equal(
      await codeOf(a.sponsor([signIn(wallet, a.owner, { namespace: 'other', lifeMs: -1 })])),
      'forbidden',
    );
  });

  test('one notice for however many sign-ins, and a new one after it was withdrawn', async () => {
    const wallet = newWallet();
    const first = await a.sponsor([signIn(wallet, a.owner)]);
    const { version } = a.namespaces;
    assert.deepEqual(await a.sponsor([signIn(wallet, a.owner)]), first);
    assert.equal(a.namespaces.version, version);
    await a.endSponsorship({ owner: wallet.did, namespace: 'default', holder: wallet.did });
    await everywhere(wallet.did, [wallet.did]);
    assert.ok(!a.namespaces.sponsorshipsBy(a.owner).some(({ holder }) => holder === wallet.did));
    await b.sponsor([signIn(wallet, a.owner)]);
    await everywhere(wallet.did, [wallet.did, a.owner]);
    assert.ok(a.namespaces.sponsorshipsBy(a.owner).some(({ holder }) => holder === wallet.did));
  });

  test('names nobody by a sign-in to read or publish, for somebody else, or of somebody else’s namespace', async () => {
    const wallet = newWallet();
    for (const naming of [
      signIn(wallet, a.owner, { actions: 'read' }),
      signIn(wallet, a.owner, { actions: 'publish,read' }),
      signIn(wallet, stranger.owner),
      cacao(wallet, named(a.owner), { resources: [uri(newWallet().did)] }),
      Buffer.from('nothing'),
    ]) {
      assert.equal(await codeOf(a.sponsor([naming])), 'forbidden');
    }
    assert.equal(await codeOf(a.sponsor([])), 'forbidden');
    assert.deepEqual(a.namespaces.sponsorsOf(wallet.did, 'default'), [wallet.did]);
  });

  test('that named a node’s own key names its operator, where that key accepts', async () => {
    const wallet = newWallet();
    await a.sponsor([signIn(wallet, a.status().author)]);
    await everywhere(wallet.did, [wallet.did, a.owner]);
    const other = newWallet();
    assert.equal(await codeOf(a.sponsor([signIn(other, b.status().author)])), 'forbidden');
  });

  test('counts where it signed in, if the policy of its namespace says where', async () => {
    const holder = newSession();
    const wallet = newWallet();
    // the namespace of a key, which hands it to the wallet
    const first = policyStep({
      owner: holder.author,
      time: Date.now(),
      rules: rules({ domains: texts('good.example') }),
    });
    await a.namespaces.submit(first);
    const naming = (domain: string): Buffer => {
      const now = Date.now();
      return cacao(wallet, named(a.owner), {
        domain,
        iat: new Date(now).toISOString(),
        exp: new Date(now + LONG_MS).toISOString(),
        resources: [uri(holder.did, 'default', 'write')],
      });
    };
    const handed = policyTo(holder, wallet.did, first);
    await a.namespaces.submit(handed);
    await a.sponsor([naming('evil.example')]);
    assert.deepEqual(a.namespaces.sponsorsOf(holder.did, 'default'), [wallet.did]);
    await a.endSponsorship({ owner: holder.did, namespace: 'default', holder: wallet.did });
    await a.sponsor([naming('good.example')]);
    await everywhere(holder.did, [wallet.did, a.owner]);
  });
});

/** The policy after `before`, which hands the namespace on and keeps its rules. */
function policyTo(owner: Session, holder: string, before: Buffer): Buffer {
  return policyStep({
    owner: owner.author,
    sequence: 2,
    after: before,
    holderDid: holder,
    rules: rules({ domains: texts('good.example') }),
  });
}

describe('a key', () => {
  test('names an operator by a delegation of sponsor, which lets nobody write, and ends that by revoking it', async () => {
    const holder = newSession();
    const link = namesOf(holder, a.owner);
    await a.sponsor([link]);
    await everywhere(holder.did, [holder.did, a.owner]);
    await everywhere(holder.did, [holder.did, a.owner], 'anything');
    assert.equal(
      await codeOf(
        a.storage.put({ owner: holder.did, namespace: 'default', key: 'k' }, Buffer.from('x'), {
          chain: [link],
        }),
      ),
      'forbidden',
    );
    await b.namespaces.submit(revokeLink(holder.author, digestOf(link)));
    await everywhere(holder.did, [holder.did]);
    assert.equal(await codeOf(a.sponsor([link])), 'forbidden');
    await a.sponsor([namesOf(holder, a.owner)]);
    await everywhere(holder.did, [holder.did, a.owner]);
    await b.namespaces.submit(revokeDid(holder.author, a.owner));
    await everywhere(holder.did, [holder.did]);
  });

  test('makes last what nodes of that operator kept for a day already', async () => {
    const holder = newSession();
    const place = { owner: holder.did, namespace: 'default' };
    const early = written({ owner: holder.did, by: holder, key: 'early', text: 'x' });
    const receipt = await a.storage.submitSigned(early, { durability: 'all' });
    assert.equal(receipt.durable, false);
    const { id: name, expiresAt: tomorrow } = receipt;
    /** When it ends, as a list and as a read say. */
    const said = async (node: MaillonNode): Promise<unknown[]> => {
      const { entries } = await node.storage.list(place);
      const read = await node.storage.get({ ...place, key: 'early' });
      assert.equal(read?.id, name);
      return [...entries.map(({ expiresAt }) => expiresAt), read.expiresAt];
    };
    // the stranger keeps it for longer of its own accord
    for (const node of [a, b, stranger]) assert.deepEqual(await said(node), [tomorrow, tomorrow]);
    await a.sponsor([namesOf(holder, a.owner)]);
    await until('its replicas keep it for good', async () => {
      return (await Promise.all([a, b].map(said))).flat().every((expiry) => expiry === null);
    });
    await b.namespaces.submit(revokeDid(holder.author, a.owner));
    await everywhere(holder.did, [holder.did]);
    await until('they say so when nobody sponsors it any more', async () => {
      return (await Promise.all([a, b].map(said))).flat().every((expiry) => expiry === null);
    });
  });

  test('who gets a namespace names anew; who held it before still has whom it named', async () => {
    const [holder, next] = [newSession(), newSession()];
    await a.sponsor([namesOf(holder, a.owner)]);
    const first = policyStep({ owner: holder.author });
    await a.namespaces.submit(first);
    await everywhere(holder.did, [holder.did, a.owner]);
    await a.namespaces.submit(
      policyStep({ owner: holder.author, sequence: 2, after: first, holder: next.author }),
    );
    await everywhere(holder.did, [next.did]);
    assert.deepEqual(b.namespaces.sponsorsOf(holder.did, 'default', holder.did), [holder.did, a.owner]);
    await stranger.sponsor([namesOf(next, stranger.owner, uri(holder.did, 'default', 'sponsor'))]);
    await everywhere(holder.did, [next.did, stranger.owner]);
  });

  test('nobody accepts in the name of an operator for which it does not act', async () => {
    const [holder, thief] = [newSession(), newSession()];
    const [operator] = [newSession()];
    const naming = [namesOf(holder, operator.did)];
    const resources = [uri(operator.did, '*', 'publish,read,sponsor,write')];
    for (const chain of [[grant(operator, thief, { resources })], [grant(thief, thief)]]) {
      const notice = sponsorshipStep({
        operator: operator.author,
        holder: holder.did,
        namespace: '*',
        naming,
        by: thief.author,
        chain,
      });
      assert.equal(await codeOf(a.namespaces.submit(notice)), 'notice_chain');
    }
    const admin = grant(operator, thief, { resources: [uri(operator.did, '*', 'admin')] });
    const step = {
      operator: operator.author,
      holder: holder.did,
      namespace: '*',
      naming,
      by: thief.author,
      chain: [admin],
    };
    await a.namespaces.submit(revokeDid(operator.author, thief.did));
    // as of before it was revoked, in whatever order: what an operator accepted stands
    await a.namespaces.submit(sponsorshipStep({ ...step, time: Date.now() - 1000 }));
    await everywhere(holder.did, [holder.did, operator.did]);
    await a.namespaces.submit(
      sponsorshipStep({ operator: operator.author, holder: holder.did, namespace: '*', naming: [] }),
    );
    await everywhere(holder.did, [holder.did]);
  });
});

/** A link of sponsor alone, from a holder to an operator of which only the DID is known. */
function namesOf(holder: Session, operator: string, resource = uri(holder.did, '*', 'sponsor')): Buffer {
  return grant(holder, named(operator), { resources: [resource] });
}
