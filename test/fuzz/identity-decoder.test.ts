import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as dagCbor from '@ipld/dag-cbor';
import fc from 'fast-check';
import { createCrypto } from '../../node/runtime/crypto.ts';
import { CHAIN_LINK_MAX_BYTES, CHAIN_MAX_BYTES } from '../../protocols/common/chain.ts';
import { NameError } from '../../protocols/common/names.ts';
import {
  ACTIONS,
  type Action,
  ChainVerifier,
  contains,
  createIdentityMetrics,
  DID_MAX_LENGTH,
  decodeLink,
  formatDid,
  formatResource,
  grants,
  IdentityError,
  parseDid,
  parseResource,
  parseSignInMessage,
  type Resource,
  type SignIn,
  signInMessage,
} from '../../protocols/identity/index.ts';
import * as cbor from '../support/cbor.ts';
import { SWARM } from '../support/envelopes.ts';
import { changedBytes, checkWith } from '../support/fuzzing.ts';
import {
  bitcoinWallet,
  cacaoOf,
  delegationItems,
  delegationWire,
  evmWallet,
  OWNER,
  payloadEntries,
  payloadOf,
  SESSION,
  session,
  solanaWallet,
} from '../support/identities.ts';
import { linkVectors } from '../vectors/identity/links.ts';

/** Seeds tried every time, beside a fresh one: whichever fails is added here. */
const KEPT_SEEDS: readonly number[] = [1, 42];

const crypto = createCrypto();

const check = checkWith(KEPT_SEEDS);

/** Checks that decoded bytes mean the same in their one form, and that others are refused by name. */
function linkHolds(bytes: Uint8Array): void {
  try {
    const { link } = decodeLink(bytes, crypto, SWARM);
    formatDid(parseDid(link.issuer));
    for (const resource of link.resources) assert.ok(parseResource(formatResource(resource)));
    assert.ok(bytes.byteLength <= CHAIN_LINK_MAX_BYTES);
    assert.ok(Buffer.from(dagCbor.encode(dagCbor.decode(bytes))).equals(bytes), 'what is taken has one form');
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    assert.ok(error.message.length < 1000, 'an error does not carry the link');
  }
}

const links = linkVectors().map(({ hex }) => Buffer.from(hex, 'hex'));
const bytes = fc.uint8Array({ maxLength: CHAIN_LINK_MAX_BYTES + 8 }).map((one) => Buffer.from(one));

test('any bytes', () => {
  check(fc.property(bytes, linkHolds), 1000);
  for (const start of [Buffer.of(0x8a, 0x01), Buffer.of(0xa3, 0x61, 0x68), Buffer.of(0xa3)]) {
    const behind = fc.property(bytes, (rest) => linkHolds(Buffer.concat([start, rest])));
    check(behind, 1000);
  }
});

test('links with bytes changed', () => {
  check(changedBytes(links, linkHolds), 3000);
});

/** Any CBOR: right, wrong and of indefinite length. */
const { value } = fc.letrec<{ value: Buffer }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.bigInt(-(2n ** 64n), 2n ** 64n - 1n).map((one) => cbor.integer(one)),
    fc.double().map((one) => cbor.float64(one)),
    fc.string({ unit: 'binary' }).map((one) => cbor.text(one)),
    fc.uint8Array().map((one) => cbor.bytes(one)),
    fc.nat(255).map((byte) => Buffer.of(byte)),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => cbor.list(items)),
    fc.array(fc.tuple(fc.string(), tie('value')), { maxLength: 4 }).map((entries) => cbor.map(entries)),
  ),
}));

test('links whose fields hold any CBOR', () => {
  const items = delegationItems(OWNER, SESSION);
  const fields = Object.keys(items).filter((name) => name !== 'version');
  const delegations = fc.property(fc.constantFrom(...fields), value, (field, one) => {
    linkHolds(delegationWire({ ...items, [field]: one }, Buffer.alloc(64)));
  });
  check(delegations, 3000);
  const entries = payloadEntries(payloadOf(evmWallet(5), SESSION, { statement: 'a', requestId: 'b' }));
  const cacaos = fc.property(fc.nat(entries.length - 1), value, value, (at, one, signature) => {
    const changed = entries.map(([key, old], index) => [key, index === at ? one : old] as const);
    linkHolds(cacaoOf('eip4361', changed, 'eip191', cbor.bytes(Buffer.alloc(65))));
    linkHolds(cacaoOf('eip4361', entries, 'eip191', signature));
  });
  check(cacaos, 1500);
});

test('the deepest and the widest do not pass what is checked first', () => {
  for (const byte of [0x80, 0x81, 0x8f, 0x9f, 0xa0, 0xa1, 0xc1, 0xf6, 0xff]) {
    for (const size of [CHAIN_LINK_MAX_BYTES, CHAIN_LINK_MAX_BYTES + 1]) {
      linkHolds(Buffer.concat([Buffer.of(0x8a, 0x01), Buffer.alloc(size - 2, byte)]));
      linkHolds(Buffer.concat([Buffer.of(0xa3), Buffer.alloc(size - 1, byte)]));
    }
  }
});

const reject = (): Promise<boolean> => Promise.resolve(false);

test('any chain of any bytes is refused by name', async () => {
  const wallets = { verifyEip191: reject, verifyBip322: reject, verifySecp256k1: reject };
  const components = { crypto, wallets, metrics: createIdentityMetrics() };
  const verifier = new ChainVerifier(components, { swarm: SWARM, cacheMax: 4 });
  const link = fc.oneof(bytes, fc.constantFrom(...links));
  const property = fc.asyncProperty(fc.array(link, { minLength: 1, maxLength: 10 }), async (chain) => {
    const total = chain.reduce((sum, { byteLength }) => sum + byteLength, 0);
    try {
      await verifier.verify(chain, SESSION.author.multikey);
      assert.ok(total <= CHAIN_MAX_BYTES);
    } catch (error) {
      if (!(error instanceof IdentityError)) throw error;
    }
  });
  for (const seed of [undefined, ...KEPT_SEEDS]) {
    await fc.assert(property, { numRuns: 300, ...(seed === undefined ? {} : { seed }) });
  }
  assert.equal(verifier.waiting, 0);
});

const wallets = [evmWallet(5), bitcoinWallet(5, 'p2wpkh'), bitcoinWallet(6, 'p2tr'), solanaWallet(5)];
const dids = [OWNER.did, SESSION.did, session(3).did, ...wallets.map(({ did }) => did)];

test('DIDs: what is taken has one spelling', () => {
  const changed = fc.tuple(fc.constantFrom(...dids), fc.nat(), fc.string({ unit: 'binary', maxLength: 3 }));
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: DID_MAX_LENGTH + 8 }),
    changed.map(([did, at, put]) => did.slice(0, at % did.length) + put + did.slice((at % did.length) + 1)),
  );
  const property = fc.property(text, (did) => {
    try {
      assert.equal(formatDid(parseDid(did)), did);
    } catch (error) {
      if (!(error instanceof NameError)) throw error;
    }
  });
  check(property, 3000);
});

const actions = fc
  .subarray([...ACTIONS], { minLength: 1 })
  .map((list) => ACTIONS.filter((action) => list.includes(action)));
const prefix = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc
    .array(fc.constantFrom('a', 'b', '/', '%', 'é', '😀', '\uFEFF', '\u0000'), { maxLength: 4 })
    .map((all) => all.join('')),
);
const resource: fc.Arbitrary<Resource> = fc
  .record({
    swarm: fc.constantFrom(SWARM, 'other'),
    owner: fc.constantFrom(...dids.slice(0, 3)),
    namespace: fc.constantFrom('*', 'a', 'b'),
    actions,
    prefix,
  })
  .map((one) => {
    // these two are of a namespace as a whole
    const isWhole = one.actions.includes('admin') || one.actions.includes('sponsor');
    return Object.assign({}, one, { prefix: isWhole ? '' : one.prefix });
  });

test('resources: each has a text of its own, and the text says all of it', () => {
  const property = fc.property(resource, resource, (one, other) => {
    const text = formatResource(one);
    assert.deepEqual(parseResource(text), one);
    assert.match(text, /^[!-~]+$/);
    assert.equal(text === formatResource(other), JSON.stringify(one) === JSON.stringify(other));
  });
  check(property, 3000);
});

test('resources: any text that is taken is the one of what it says', () => {
  const whole = `maillon://${SWARM}/${OWNER.did}/default/read,write/a%2F`;
  const text = fc
    .tuple(fc.nat(whole.length), fc.nat(4), fc.string({ unit: 'binary', maxLength: 4 }))
    .map(([at, cut, put]) => whole.slice(0, at) + put + whole.slice(at + cut));
  const property = fc.property(text, (one) => {
    try {
      assert.equal(formatResource(parseResource(one)), one);
    } catch (error) {
      if (!(error instanceof NameError)) throw error;
    }
  });
  check(property, 3000);
});

test('resources: what one within another grants, the other grants; bytewise, as UTF-8', () => {
  const topic = fc.oneof(prefix, fc.string({ maxLength: 6 }));
  const asked = fc.record({
    owner: fc.constantFrom(...dids.slice(0, 3)),
    namespace: fc.constantFrom('*', 'a', 'b'),
    action: fc.constantFrom<Action>(...ACTIONS),
    resource: topic,
  });
  const property = fc.property(resource, resource, asked, (outer, inner, what) => {
    const near = { ...inner, owner: outer.owner, swarm: outer.swarm };
    for (const one of [inner, near]) {
      if (contains(outer, one) && grants(one, what, SWARM)) assert.ok(grants(outer, what, SWARM));
    }
    const starts = Buffer.from(what.resource).subarray(0, Buffer.byteLength(outer.prefix));
    const isBehind = starts.equals(Buffer.from(outer.prefix));
    assert.equal(what.resource.startsWith(outer.prefix), isBehind);
  });
  check(property, 3000);
});

/** Texts of which some are right, some nearly, and some could pass for another field. */
const line = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom('a', ' ', '', 'a\nURI: b', 'URI: x', 'Resources:', '- x', 'urn:x', '\n', 'é', 'a\r'),
);
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 });
const time = fc.oneof(
  fc
    .date({ min: new Date(0), max: new Date(Date.UTC(9999, 11, 31)), noInvalidDate: true })
    .map((one) => one.toISOString()),
  fc.constantFrom('2025-11-21T00:00:00Z', '2025-11-21T00:00:00.000Z', '2025-02-30T00:00:00Z'),
);
const signIn: fc.Arbitrary<SignIn> = fc
  .record({
    domain: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('a.example', 'b:80', '[::1]') },
      { weight: 1, arbitrary: line },
    ),
    iss: fc.constantFrom(...wallets.map(({ did }) => did)),
    aud: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('urn:a', SESSION.did) },
      { weight: 1, arbitrary: line },
    ),
    version: fc.constant('1'),
    nonce: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('abcdefgh', '12345678') },
      { weight: 1, arbitrary: line },
    ),
    iat: time,
    nbf: maybe(time),
    exp: maybe(time),
    statement: maybe(line),
    requestId: maybe(line),
    resources: maybe(fc.array(fc.oneof(fc.constantFrom('urn:a', 'urn:b'), line), { maxLength: 3 })),
  })
  .map(
    (one) =>
      Object.fromEntries(Object.entries(one).filter(([, field]) => field !== undefined)) as unknown as SignIn,
  );

test('messages: no two sign-ins have the same, and each says all of its sign-in', () => {
  const byMessage = new Map<string, string>();
  let taken = 0;
  const property = fc.property(signIn, (one) => {
    let message: string;
    try {
      message = signInMessage(one);
    } catch (error) {
      if (!(error instanceof IdentityError)) throw error;
      return;
    }
    taken += 1;
    assert.deepEqual(parseSignInMessage(message), one);
    const sorted = JSON.stringify(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    assert.equal(byMessage.get(message) ?? sorted, sorted);
    byMessage.set(message, sorted);
  });
  check(property, 5000);
  assert.ok(taken > 500, `${taken}`);
});

test('messages: any text that is taken is the one of what it says', () => {
  const whole = signInMessage(
    payloadOf(evmWallet(5), SESSION, { statement: 'Hello there.', requestId: 'r' }),
  );
  const text = fc
    .tuple(fc.nat(whole.length), fc.nat(30), line)
    .map(([at, cut, put]) => whole.slice(0, at) + put + whole.slice(at + cut));
  const property = fc.property(text, (one) => {
    try {
      assert.equal(signInMessage(parseSignInMessage(one)), one);
    } catch (error) {
      if (!(error instanceof IdentityError)) throw error;
    }
  });
  check(property, 4000);
});
