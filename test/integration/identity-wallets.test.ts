import assert from 'node:assert/strict';
import { randomBytes, sign } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { createSiweMessage } from 'viem/siwe';
import type { MaillonNode } from '../../node/index.ts';
import { createCrypto } from '../../node/runtime/crypto.ts';
import {
  createSignIn,
  makeCacao,
  type Resource,
  type SignIn,
  signInMessage,
} from '../../protocols/identity/index.ts';
import { base58 } from '../support/did.ts';
import { authorOf, SWARM } from '../support/envelopes.ts';
import { type Session, uri } from '../support/identities.ts';
import { until } from '../support/processes.ts';
import { codeOf } from '../support/storage.ts';
import {
  grant,
  newSession,
  readOf,
  said,
  startTenantNodes,
  TenantInbox,
  written,
} from '../support/tenants.ts';
import { signBitcoin } from '../support/wallets.ts';

const DAY_MS = 86_400_000;
const MAINNET = '000000000019d6689c085ae165831e93';
const SOLANA = '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp';

/** A person's wallet: an account and a signer of texts that returns signatures in the wallet's format. */
interface Wallet {
  readonly did: string;
  sign(message: string, signIn: SignIn): Promise<string>;
}

/** By viem, which also has its own idea of the message's text. */
function evm(): Wallet {
  const account = privateKeyToAccount(generatePrivateKey());
  return {
    did: `did:pkh:eip155:1:${account.address.toLowerCase()}`,
    sign: (message, { domain, aud, nonce, iat, exp, statement, resources }) => {
      const own = createSiweMessage({
        address: account.address,
        chainId: 1,
        version: '1',
        domain,
        uri: aud,
        nonce,
        issuedAt: new Date(iat),
        ...(exp === undefined ? {} : { expirationTime: new Date(exp) }),
        ...(statement === undefined ? {} : { statement }),
        ...(resources === undefined ? {} : { resources: [...resources] }),
      });
      assert.equal(message, own, 'the text is the one that viem makes');
      return account.signMessage({ message });
    },
  };
}

/** By @scure/btc-signer; in base64, with the prefix of BIP-322 2.0 or without. */
function bitcoin(type: 'p2wpkh' | 'p2tr', prefix: string): Wallet {
  const secret = randomBytes(32);
  const { address } = signBitcoin(secret, Buffer.alloc(0), { type });
  return {
    did: `did:pkh:bip122:${MAINNET}:${address}`,
    sign: (message) => {
      const { signature } = signBitcoin(secret, Buffer.from(message), { type });
      return Promise.resolve(prefix + Buffer.from(signature).toString('base64'));
    },
  };
}

function solana(): Wallet {
  const { key, publicKey } = authorOf(randomBytes(32));
  return {
    did: `did:pkh:solana:${SOLANA}:${base58(publicKey)}`,
    sign: (message) => Promise.resolve(base58(sign(null, Buffer.from(message), key))),
  };
}

/** Signs in: the wallet lets `session` do what the resource says. */
async function signIn(wallet: Wallet, session: Session, other: Partial<Resource> = {}): Promise<Uint8Array> {
  const time = Date.now();
  const fields = createSignIn({
    domain: 'app.example.org',
    issuer: wallet.did,
    audience: session.did,
    resources: [
      {
        swarm: SWARM,
        owner: wallet.did,
        namespace: 'default',
        actions: ['publish', 'read', 'write'],
        prefix: '',
        ...other,
      },
    ],
    nonce: randomBytes(8).toString('hex'),
    time,
    expiry: time + DAY_MS,
    statement: 'Let this app speak for you.',
  });
  const signature = await wallet.sign(signInMessage(fields), fields);
  return makeCacao({ crypto: createCrypto() }, fields, signature).bytes;
}

const WALLETS: Readonly<Record<string, () => Wallet>> = {
  'an EVM wallet of viem': evm,
  'a Bitcoin P2WPKH key': () => bitcoin('p2wpkh', ''),
  'a Bitcoin P2TR key, with the prefix of BIP-322 2.0': () => bitcoin('p2tr', 'smp'),
  'a Solana key': solana,
};

async function three(t: TestContext): Promise<[MaillonNode, MaillonNode, MaillonNode]> {
  const nodes = (await startTenantNodes(t, 3)) as [MaillonNode, MaillonNode, MaillonNode];
  await until('all are connected', () =>
    nodes.every((node) => node.status().mesh.every((size) => size >= 2)),
  );
  return nodes;
}

test('wallets sign in, and what their sessions sign is delivered and read at a node that asks nobody', async (t) => {
  const [a, , c] = await three(t);
  for (const [what, make] of Object.entries(WALLETS)) {
    const wallet = make();
    const owner = wallet.did;
    const session = newSession();
    const chain = [await signIn(wallet, session)];
    const inbox = new TenantInbox(c, owner);
    await a.relay.submitSigned(said({ owner, by: session, chain, text: `by ${what}` }));
    await until(`${what}: the third node has the message`, () => inbox.has(`by ${what}`));
    assert.equal(inbox.deliveries[0]?.author, session.did);
    const { durability } = await a.storage.submitSigned(
      written({ owner, by: session, chain, key: 'k', text: what }),
      {
        durability: 'all',
      },
    );
    assert.equal(durability, 'all');
    assert.equal(await readOf(c, owner, 'k'), what);
    // the session lets a key of its own do a part of it
    const apiKey = newSession();
    const part = [uri(owner, 'default', 'publish', 'hel'), uri(owner, 'default', 'write', 'part%2F')];
    const narrowed = [...chain, grant(session, apiKey, { resources: part, expiry: Date.now() + DAY_MS / 2 })];
    await a.relay.submitSigned(said({ owner, by: apiKey, chain: narrowed, text: `a part for ${what}` }));
    await until(`${what}: and that of the narrowed one`, () => inbox.has(`a part for ${what}`));
    await a.storage.submitSigned(written({ owner, by: apiKey, chain: narrowed, key: 'part/k', text: what }));
    assert.equal(await readOf(c, owner, 'part/k'), what);
    assert.equal(inbox.deliveries.length, 2);
  }
});

test('who is not granted is refused, whatever wallet signed in', async (t) => {
  const [a, b, c] = await three(t);
  for (const [what, make] of Object.entries(WALLETS)) {
    const wallet = make();
    const owner = wallet.did;
    const [session, stranger] = [newSession(), newSession()];
    const inboxes = [a, b, c].map((node) => new TenantInbox(node, owner));
    const elsewhere = [await signIn(wallet, session, { namespace: 'other' })];
    const onlyReads = [await signIn(wallet, session, { actions: ['read'] })];
    const others = [await signIn(make(), session)];
    const mine = [await signIn(wallet, session)];
    const cases: readonly (readonly [string, Session, readonly Uint8Array[]])[] = [
      ['nothing', session, []],
      ['another namespace', session, elsewhere],
      ['another action', session, onlyReads],
      ['another wallet', session, others],
      ['another session', stranger, mine],
    ];
    for (const [with_, by, chain] of cases) {
      const message = said({ owner, by, chain, text: with_ });
      assert.equal(await codeOf(a.relay.submitSigned(message)), 'forbidden', `${what}: ${with_}`);
      const value = written({ owner, by, chain, key: 'k', text: with_ });
      assert.equal(await codeOf(a.storage.submitSigned(value)), 'forbidden', `${what}: ${with_}`);
    }
    await a.relay.submitSigned(said({ owner, by: session, chain: mine, text: 'granted' }));
    await until('what is granted is everywhere', () => inboxes.every((inbox) => inbox.has('granted')));
    for (const inbox of inboxes) assert.deepEqual(inbox.texts, ['granted']);
    for (const node of [a, b, c]) assert.equal(await readOf(node, owner, 'k'), null);
  }
});
