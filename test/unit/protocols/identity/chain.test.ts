import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import type { Crypto, WalletCrypto } from '../../../../protocols/common/crypto.ts';
import { CodedError } from '../../../../protocols/common/errors.ts';
import {
  ChainVerifier,
  createIdentityMetrics,
  IdentityError,
  type IdentityErrorCode,
  VERIFYING_MAX,
  VERIFYING_MAX_PER_PEER,
} from '../../../../protocols/identity/index.ts';
import * as cbor from '../../../support/cbor.ts';
import { SWARM, sha256 } from '../../../support/envelopes.ts';
import {
  cacao,
  delegation,
  evmWallet,
  OWNER,
  SESSION,
  secp256k1Principal,
  session,
} from '../../../support/identities.ts';

const crypto = createCrypto();

/** Verification that ends when it is told to. */
class Gate implements Crypto {
  readonly sha256 = (data: Uint8Array): Uint8Array => crypto.sha256(data);
  #held: (() => void)[] = [];
  isClosed = false;
  verified = 0;

  async verifyEd25519(...call: Parameters<Crypto['verifyEd25519']>): Promise<boolean> {
    this.verified += 1;
    if (this.isClosed) await new Promise<void>((resolve) => this.#held.push(resolve));
    return crypto.verifyEd25519(...call);
  }

  open(): void {
    this.isClosed = false;
    for (const release of this.#held.splice(0)) release();
  }
}

/** Wallets of which nobody can say whether they signed. */
class NoAnswer implements WalletCrypto {
  readonly #error: Error;

  constructor(error: Error) {
    this.#error = error;
  }

  verifyEip191(): Promise<boolean> {
    return Promise.reject(this.#error);
  }

  verifyBip322(): Promise<boolean> {
    return Promise.reject(this.#error);
  }

  verifySecp256k1(): Promise<boolean> {
    return Promise.reject(this.#error);
  }
}

interface Conditions {
  readonly cacheMax?: number;
  /** Why wallets' signatures get no answer. */
  readonly error?: Error;
}

function verifierOf({
  cacheMax = 16,
  error = new CodedError('closed', 'the threads have ended'),
}: Conditions = {}) {
  const gate = new Gate();
  const metrics = createIdentityMetrics();
  const components = { crypto: gate, wallets: new NoAnswer(error), metrics };
  return { gate, metrics, verifier: new ChainVerifier(components, { swarm: SWARM, cacheMax }) };
}

function isRefusal(code: IdentityErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof IdentityError && error.code === code;
}

const LINK = delegation(OWNER, SESSION);
const AUTHOR = SESSION.author.multikey;
/** Chains that nobody has met. */
function* fresh(): Generator<Buffer> {
  for (let number = 0; ; number++) {
    yield delegation(OWNER, SESSION, { time: cbor.integer(number) });
  }
}

test('what is known is there at once, and for its own author only', async () => {
  const { verifier, gate, metrics } = verifierOf();
  const first = verifier.verify([LINK], AUTHOR);
  assert.ok(first instanceof Promise);
  const verified = await first;
  assert.equal(verifier.verify([Buffer.from(LINK)], AUTHOR), verified);
  assert.throws(() => verifier.verify([LINK], OWNER.author.multikey), isRefusal('chain_broken'));
  assert.equal(gate.verified, 1);
  assert.deepEqual([metrics.chainsVerified, metrics.chainsFromCache, metrics.signaturesVerified], [1, 2, 1]);
  assert.equal(metrics.refused.chain_broken, 1);
});

test('copies that come together are verified once, each for its own author', async () => {
  const { verifier, gate } = verifierOf();
  gate.isClosed = true;
  const first = verifier.verify([LINK], AUTHOR);
  const second = verifier.verify([LINK], AUTHOR);
  const others = verifier.verify([LINK], OWNER.author.multikey);
  assert.equal(verifier.waiting, 3);
  gate.open();
  await assert.rejects(async () => others, isRefusal('chain_broken'));
  assert.equal(await first, await second);
  assert.equal(gate.verified, 1);
  assert.equal(verifier.waiting, 0);
});

test('what did not hold is not remembered, neither as good nor as bad', async () => {
  const { verifier, gate, metrics } = verifierOf();
  const forged = Buffer.concat([LINK.subarray(0, -64), Buffer.alloc(64, 1)]);
  for (const times of [1, 2]) {
    await assert.rejects(async () => verifier.verify([forged], AUTHOR), isRefusal('chain_signature'));
    assert.equal(gate.verified, times);
    assert.equal(metrics.refused.chain_signature, times);
  }
  assert.equal(verifier.cached, 0);
  await verifier.verify([LINK], AUTHOR);
  assert.equal(verifier.cached, 1);
});

test('the cache is bounded, the oldest is forgotten first', async () => {
  const { verifier, gate } = verifierOf({ cacheMax: 2 });
  const [first, second, third] = fresh();
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  for (const link of [first, second, third]) await verifier.verify([link], AUTHOR);
  assert.equal(verifier.cached, 2);
  assert.ok(!(verifier.verify([second], AUTHOR) instanceof Promise));
  assert.ok(!(verifier.verify([third], AUTHOR) instanceof Promise));
  await verifier.verify([first], AUTHOR);
  assert.equal(gate.verified, 4);
});

test('without links the author is the root, at once; and many authors do not grow the cache', () => {
  const { verifier, gate } = verifierOf({ cacheMax: 4 });
  const { did, author } = OWNER;
  assert.deepEqual(verifier.verify([], author.multikey), { root: did, audience: did, links: [] });
  for (let byte = 1; byte < 9; byte++) {
    assert.equal(
      (verifier.verify([], session(byte).author.multikey) as { root: string }).root,
      session(byte).did,
    );
  }
  assert.equal(verifier.cached, 4);
  assert.equal(gate.verified, 0);
});

test('an author that is the digest of a known chain is nobody', async () => {
  const { verifier } = verifierOf();
  await verifier.verify([LINK], AUTHOR);
  const digest = sha256(Buffer.concat([Buffer.of(LINK.byteLength >> 8, LINK.byteLength & 0xff), LINK]));
  assert.throws(() => verifier.verify([], digest), isRefusal('chain_field'));
  assert.throws(() => verifier.verify([], Buffer.alloc(0)), isRefusal('chain_field'));
});

test('chains are told apart by their links, not by their bytes alone', async () => {
  const { verifier } = verifierOf();
  await verifier.verify([LINK], AUTHOR);
  for (const cut of [1, 100, LINK.byteLength - 1]) {
    const halves = [LINK.subarray(0, cut), LINK.subarray(cut)];
    assert.throws(() => verifier.verify(halves, AUTHOR), IdentityError);
  }
});

test('one peer cannot take all the room, and all together only what there is', async () => {
  const { verifier, gate } = verifierOf({ cacheMax: VERIFYING_MAX });
  const links = fresh();
  const next = (): Buffer => links.next().value as Buffer;
  gate.isClosed = true;
  const waiting: unknown[] = [];
  const fill = (peer: string): void => {
    for (let i = 0; i < VERIFYING_MAX_PER_PEER; i++) waiting.push(verifier.verify([next()], AUTHOR, peer));
  };
  fill('a');
  assert.throws(() => verifier.verify([next()], AUTHOR, 'a'), isOverload);
  for (const peer of ['b', 'c', 'd']) fill(peer);
  assert.equal(verifier.waiting, VERIFYING_MAX);
  assert.throws(() => verifier.verify([next()], AUTHOR, 'e'), isOverload);
  assert.throws(() => verifier.verify([next()], AUTHOR), isOverload);
  gate.open();
  await Promise.all(waiting);
  assert.equal(verifier.waiting, 0);
  await verifier.verify([next()], AUTHOR, 'a');
});

function isOverload(error: unknown): boolean {
  return (
    error instanceof IdentityError &&
    error.code === 'overloaded' &&
    error.fault === 'context' &&
    error.isExcusable
  );
}

test('where wallets’ signatures get no answer nobody is at fault', async () => {
  const { verifier } = verifierOf();
  const chains = [[cacao(evmWallet(5), SESSION)], [delegation(secp256k1Principal(5), SESSION)]];
  for (const chain of chains) await assert.rejects(async () => verifier.verify(chain, AUTHOR), isOverload);
  assert.equal(verifier.waiting, 0);
  const broken = verifierOf({ error: new TypeError('a mistake of ours') });
  await assert.rejects(async () => broken.verifier.verify(chains[0] ?? [], AUTHOR), TypeError);
});
