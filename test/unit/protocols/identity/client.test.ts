import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { privateKeyToAccount } from 'viem/accounts';
import { createSiweMessage, parseSiweMessage } from 'viem/siwe';
import { createWalletCrypto } from '../../../../node/identity/wallets/index.ts';
import { createCrypto, createEd25519Signer } from '../../../../node/runtime/crypto.ts';
import { encodeMultikey } from '../../../../protocols/common/did-key.ts';
import { NameError } from '../../../../protocols/common/names.ts';
import {
  ACTIONS,
  ChainVerifier,
  checkChain,
  checksumAddress,
  createIdentityMetrics,
  createSignIn,
  type DelegationSigner,
  Delegator,
  decodeSignature,
  ed25519DelegationSigner,
  IdentityError,
  type IdentityErrorCode,
  makeCacao,
  parseSignInMessage,
  type Resource,
  type SignInRequest,
  signInMessage,
} from '../../../../protocols/identity/index.ts';
import { base58 } from '../../../support/did.ts';
import { SWARM, TIME } from '../../../support/envelopes.ts';
import {
  bitcoinWallet,
  evmWallet,
  SESSION,
  secp256k1Principal,
  session,
  solanaWallet,
  type Wallet,
} from '../../../support/identities.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const crypto = createCrypto();
const wallets = createWalletCrypto();
after(() => wallets.stop());
const clock = new ManualClock(TIME);
const AUTHOR = SESSION.author.multikey;

function verifier(): ChainVerifier {
  const components = { crypto, wallets, metrics: createIdentityMetrics() };
  return new ChainVerifier(components, { swarm: SWARM, cacheMax: 8 });
}

function isRefusal(code: IdentityErrorCode, text = /./): (error: unknown) => boolean {
  return (error) => error instanceof IdentityError && error.code === code && text.test(error.message);
}

function resourceOf(owner: string, other: Partial<Resource> = {}): Resource {
  return { swarm: SWARM, owner, namespace: '*', actions: ACTIONS, prefix: '', ...other };
}

/** A delegator whose chance is counted. */
function delegatorOf(signer: DelegationSigner): Delegator {
  let made = 0;
  const randomBytes = (length: number): Uint8Array => new Uint8Array(length).fill((made += 1));
  return new Delegator({ crypto, clock, signer, randomBytes }, { swarm: SWARM });
}

function requestOf(wallet: Wallet, other: Partial<SignInRequest> = {}): SignInRequest {
  return {
    domain: 'app.example.org',
    issuer: wallet.did,
    audience: SESSION.did,
    resources: [resourceOf(wallet.did)],
    nonce: '0123456789abcdef',
    time: TIME,
    ...other,
  };
}

test('an Ed25519 key delegates, and who got it delegates less', async () => {
  const owner = delegatorOf(ed25519DelegationSigner(createEd25519Signer(Buffer.alloc(32, 1))));
  const gateway = createEd25519Signer(Buffer.alloc(32, 2));
  const next = delegatorOf(ed25519DelegationSigner(gateway));
  const first = await owner.delegate({ audience: next.did, resources: [resourceOf(owner.did)] });
  const less = resourceOf(owner.did, { namespace: 'chat', actions: ['write'], prefix: 'users/' });
  const terms = { notBefore: TIME, expiry: TIME + 1000 };
  const second = await next.delegate({ audience: SESSION.did, resources: [less], ...terms });
  const chain = await verifier().verify([first.bytes, second.bytes], AUTHOR);
  assert.equal(chain.root, owner.did);
  assert.deepEqual(chain.links, [first.link, second.link]);
  assert.deepEqual(second.link.resources, [less]);
  const asked = {
    owner: owner.did,
    namespace: 'chat',
    action: 'write',
    resource: 'users/é',
    time: TIME,
  } as const;
  checkChain(chain, asked, SWARM);
  assert.throws(
    () => checkChain(chain, { ...asked, resource: 'user' }, SWARM),
    isRefusal('chain_not_granted'),
  );
  assert.equal((await verifier().verify([first.bytes], encodeMultikey(gateway.publicKey))).root, owner.did);
});

test('two delegations of the same are two: one is revoked without the other', async () => {
  const owner = delegatorOf(ed25519DelegationSigner(createEd25519Signer(Buffer.alloc(32, 1))));
  const grant = { audience: SESSION.did, resources: [resourceOf(owner.did)] };
  const [one, other] = [await owner.delegate(grant), await owner.delegate(grant)];
  assert.notDeepEqual(one.link.digest, other.link.digest);
});

test('a secp256k1 key delegates', async () => {
  const { did, sign } = secp256k1Principal(3);
  const owner = delegatorOf({ did, sign: (message) => Promise.resolve(sign(message)) });
  const { bytes } = await owner.delegate({ audience: SESSION.did, resources: [resourceOf(did)] });
  assert.equal((await verifier().verify([bytes], AUTHOR)).root, did);
});

test('what makes no delegation is refused before it is signed away', async () => {
  const owner = delegatorOf(ed25519DelegationSigner(createEd25519Signer(Buffer.alloc(32, 1))));
  const good = { audience: SESSION.did, resources: [resourceOf(owner.did)] };
  await assert.rejects(owner.delegate({ ...good, resources: [] }), isRefusal('chain_field'));
  await assert.rejects(owner.delegate({ ...good, audience: evmWallet(1).did }), isRefusal('chain_field'));
  await assert.rejects(owner.delegate({ ...good, expiry: 1, notBefore: 1 }), isRefusal('chain_field'));
  await assert.rejects(owner.delegate({ ...good, resources: [resourceOf('')] }), NameError);
  const unsorted = resourceOf(owner.did, { actions: ['write', 'read'] });
  await assert.rejects(owner.delegate({ ...good, resources: [unsorted] }), NameError);
  const surrogate = resourceOf(owner.did, { actions: ['read'], prefix: '\uD800' });
  await assert.rejects(owner.delegate({ ...good, resources: [surrogate] }), NameError);
  const long = resourceOf(owner.did, { actions: ['read'], prefix: 'é'.repeat(200) });
  await assert.rejects(owner.delegate({ ...good, resources: [long] }), NameError);
});

/** The signature of each wallet as it hands it out. */
const given: readonly { name: string; wallet: Wallet; write: (signature: Buffer) => string | Uint8Array }[] =
  [
    { name: 'Ethereum, hex', wallet: evmWallet(5), write: (raw) => `0x${raw.toString('hex')}` },
    {
      name: 'Ethereum, capitals',
      wallet: evmWallet(5),
      write: (raw) => `0x${raw.toString('hex').toUpperCase()}`,
    },
    { name: 'Ethereum, bytes', wallet: evmWallet(5), write: (raw) => raw },
    { name: 'P2WPKH, base64', wallet: bitcoinWallet(5, 'p2wpkh'), write: (raw) => raw.toString('base64') },
    {
      name: 'P2WPKH, smp',
      wallet: bitcoinWallet(5, 'p2wpkh'),
      write: (raw) => `smp${raw.toString('base64')}`,
    },
    { name: 'P2TR, base64', wallet: bitcoinWallet(5, 'p2tr'), write: (raw) => raw.toString('base64') },
    { name: 'P2TR, smp', wallet: bitcoinWallet(5, 'p2tr'), write: (raw) => `smp${raw.toString('base64')}` },
    { name: 'Solana, base58', wallet: solanaWallet(5), write: base58 },
  ];

for (const { name, wallet, write } of given) {
  test(`a wallet signs in: ${name}`, async () => {
    const terms = { notBefore: TIME, expiry: TIME + 60_000, statement: 'Let it act.', requestId: 'r1' };
    const signIn = createSignIn(requestOf(wallet, terms));
    const message = signInMessage(signIn);
    assert.deepEqual(parseSignInMessage(message), signIn);
    const { link, bytes } = makeCacao({ crypto }, signIn, write(wallet.sign(message)));
    const chain = await verifier().verify([bytes], AUTHOR);
    assert.equal(chain.root, wallet.did);
    assert.deepEqual(chain.links, [link]);
    assert.deepEqual(
      [link.notBefore, link.expiry, link.time, link.domain],
      [TIME, TIME + 60_000, TIME, 'app.example.org'],
    );
  });
}

test('viem writes, reads and signs the same message', async () => {
  const account = privateKeyToAccount(`0x${'05'.repeat(32)}`);
  const wallet = evmWallet(5);
  assert.equal(account.address, wallet.account);
  const signIn = createSignIn(requestOf(wallet, { expiry: TIME + 60_000, statement: 'Let it act.' }));
  const message = createSiweMessage({
    address: account.address,
    chainId: 1,
    domain: signIn.domain,
    nonce: signIn.nonce,
    uri: signIn.aud,
    version: '1',
    issuedAt: new Date(TIME),
    expirationTime: new Date(TIME + 60_000),
    statement: 'Let it act.',
    resources: [...(signIn.resources ?? [])],
  });
  assert.equal(signInMessage(signIn), message);
  assert.equal(parseSiweMessage(message).nonce, signIn.nonce);
  const { bytes } = makeCacao({ crypto }, signIn, await account.signMessage({ message }));
  assert.equal((await verifier().verify([bytes], AUTHOR)).root, wallet.did);
});

test('a signature that is none of the wallet’s kind is refused by name', () => {
  const evm = createSignIn(requestOf(evmWallet(5)));
  const bitcoin = createSignIn(requestOf(bitcoinWallet(5, 'p2wpkh')));
  const solana = createSignIn(requestOf(solanaWallet(5)));
  const make = (signIn: typeof evm, signature: string): (() => unknown) => {
    return () => makeCacao({ crypto }, signIn, signature);
  };
  const contract = isRefusal('chain_contract_wallet', /contract wallets \(EIP-1271\)/);
  assert.throws(make(evm, `0x${'00'.repeat(288)}`), contract);
  assert.throws(make(evm, '0x'), contract);
  assert.throws(make(evm, '00'.repeat(65)), isRefusal('chain_field', /0x and hex/));
  assert.throws(make(evm, `0x${'zz'.repeat(65)}`), isRefusal('chain_field', /0x and hex/));
  assert.throws(make(bitcoin, 'ful01000000'), isRefusal('chain_field', /simple/));
  assert.throws(make(bitcoin, 'pof01000000'), isRefusal('chain_field', /simple/));
  assert.throws(make(bitcoin, 'no base64!'), isRefusal('chain_field', /base64/));
  assert.throws(make(bitcoin, ''), isRefusal('chain_field'));
  assert.throws(make(solana, '0OIl'), isRefusal('chain_field', /base58/));
  assert.throws(make(solana, base58(Buffer.alloc(63, 1))), isRefusal('chain_field'));
  assert.throws(make(solana, '1'.repeat(100_000)), isRefusal('chain_field', /too long/));
});

test('what makes no sign-in is refused', () => {
  const request = requestOf(evmWallet(5));
  const fails = (other: Partial<SignInRequest>): void =>
    assert.throws(() => createSignIn({ ...request, ...other }), isRefusal('chain_field'));
  fails({ audience: secp256k1Principal(1).did });
  fails({ issuer: session(1).did });
  fails({ nonce: 'short' });
  fails({ time: -1 });
  fails({ time: Number.NaN });
  fails({ time: 1e15 });
  fails({ expiry: TIME, notBefore: TIME });
  fails({ statement: 'two\nlines' });
  fails({ domain: 'https://app.example.org' });
  fails({ resources: [] });
});

test('a CACAO that is larger than a link is refused', () => {
  const wallet = evmWallet(5);
  const prefix = 'p'.repeat(300);
  const resources = ['a', 'b', 'c', 'd', 'e'].map((namespace) =>
    resourceOf(wallet.did, { namespace, actions: ['read'], prefix }),
  );
  const signIn = createSignIn(requestOf(wallet, { resources }));
  const raw = wallet.sign(signInMessage(signIn));
  assert.throws(() => makeCacao({ crypto }, signIn, raw), isRefusal('chain_too_large'));
});

test('EIP-55’s examples', () => {
  const examples = [
    '0x52908400098527886E0F7030069857D2E4169EE7',
    '0x8617E340B3D01FA5F11F306F4090FD50E238070D',
    '0xde709f2102306220921060314715629080e2fb77',
    '0x27b1fdb04752bbc536007a920d24acb045561c26',
    '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
    '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359',
    '0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB',
    '0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb',
  ];
  for (const address of examples) assert.equal(checksumAddress(address.toLowerCase()), address);
});

/** BIP-322’s own vectors signed by one key: message, address, signature. */
const BIP322: readonly (readonly [message: string, address: string, signature: string])[] = [
  [
    '',
    'bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l',
    'smpAkcwRAIgM2gBAQqvZX15ZiysmKmQpDrG83avLIT492QBzLnQIxYCIBaTpOaD20qRlEylyxFSeEA2ba9YOixpX8z46TSDtS40ASECx/EgAxlkQpQ9hYjgGu6EBCPMVPwVIVJqO4XCsMvViHI=',
  ],
  [
    '',
    'bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l',
    'smpAkgwRQIhAPkJ1Q4oYS0htvyuSFHLxRQpFAY56b70UvE7Dxazen0ZAiAtZfFz1S6T6I23MWI2lK/pcNTWncuyL8UL+oMdydVgzAEhAsfxIAMZZEKUPYWI4BruhAQjzFT8FSFSajuFwrDL1Yhy',
  ],
  [
    'Hello World',
    'bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l',
    'smpAkcwRAIgZRfIY3p7/DoVTty6YZbWS71bc5Vct9p9Fia83eRmw2QCICK/ENGfwLtptFluMGs2KsqoNSk89pO7F29zJLUx9a/sASECx/EgAxlkQpQ9hYjgGu6EBCPMVPwVIVJqO4XCsMvViHI=',
  ],
  [
    'Hello World',
    'bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l',
    'smpAkgwRQIhAOzyynlqt93lOKJr+wmmxIens//zPzl9tqIOua93wO6MAiBi5n5EyAcPScOjf1lAqIUIQtr3zKNeavYabHyR8eGhowEhAsfxIAMZZEKUPYWI4BruhAQjzFT8FSFSajuFwrDL1Yhy',
  ],
  [
    'No prefix fallback',
    'bc1pss0zhytly75awhm6x2hhvd5lnzv3vssgrf9axfheq8ldyzn88ges79fler',
    'AUCJYOwOjxYAvatTAGYaVlNXBVyFuc4MwNQkOuK2tl8xhfKDONd0NjfYyNSYcRqeCp8hsAnCEPHAVEkO9h6vbQ/R',
  ],
];

test('signatures of the BIP-322 vectors, prefixed and not, hold once they are read', async () => {
  assert.ok(BIP322.some(([, , signature]) => signature.startsWith('smp')));
  assert.ok(BIP322.some(([, , signature]) => !signature.startsWith('smp')));
  for (const [message, address, signature] of BIP322) {
    const witness = decodeSignature('bip122', signature);
    assert.ok(await wallets.verifyBip322(address, Buffer.from(message), witness), signature);
  }
});
