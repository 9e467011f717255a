import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { createWalletCrypto } from '../../../../node/identity/wallets/index.ts';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import { NameError } from '../../../../protocols/common/names.ts';
import {
  ChainVerifier,
  checkChain,
  contains,
  createIdentityMetrics,
  decodeLink,
  formatDid,
  formatResource,
  IDENTITY_ERRORS,
  IdentityError,
  parseDid,
  parseResource,
  parseSignInMessage,
  type SignIn,
  signInMessage,
  type VerifiedChain,
} from '../../../../protocols/identity/index.ts';
import { OTHER_AUTHOR, SWARM } from '../../../support/envelopes.ts';
import { vectorFiles } from '../../../vectors/identity/generate.ts';
import type {
  AskedVector,
  ChainVector,
  DidVector,
  LinkVector,
  MessageVector,
  ResourceVector,
  WithinVector,
} from '../../../vectors/identity/vector.ts';

const FOLDER = new URL('../../../vectors/identity/', import.meta.url);
const crypto = createCrypto();
const wallets = createWalletCrypto();
after(() => wallets.stop());

function read<T>(name: string): T[] {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as T[];
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

async function verify(links: readonly string[], author: Uint8Array): Promise<VerifiedChain> {
  const metrics = createIdentityMetrics();
  const verifier = new ChainVerifier({ crypto, wallets, metrics }, { swarm: SWARM, cacheMax: 8 });
  const chain = links.map((link) => Buffer.from(link, 'hex'));
  const verified = await verifier.verify(chain, author);
  // what is remembered is the same, and there at once
  assert.equal(verifier.verify(chain, author), verified);
  return verified;
}

function isRefusal(...codes: readonly string[]): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof IdentityError, String(error));
    assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
    return true;
  };
}

const links = read<LinkVector>('links.json');
const chains = read<ChainVector>('chains.json');
const messages = read<MessageVector>('messages.json');

test('the files are what the generator makes', () => {
  for (const [name, text] of Object.entries(vectorFiles())) {
    assert.ok(readFileSync(new URL(name, FOLDER), 'utf8') === text, `${name}: run the generator`);
  }
});

test('DIDs', () => {
  for (const { name, did, valid, ...expected } of read<DidVector>('dids.json')) {
    if (!valid) {
      assert.throws(
        () => parseDid(did),
        (error) => error instanceof NameError && error.code === 'bad_did',
        name,
      );
      continue;
    }
    const parsed = parseDid(did);
    assert.equal(formatDid(parsed), did, name);
    const { kind: _, ...fields } = parsed;
    const shown = 'publicKey' in fields ? { ...fields, publicKey: hex(fields.publicKey) } : fields;
    assert.deepEqual(shown, expected, name);
  }
});

test('resources', () => {
  for (const { name, text, resource } of read<ResourceVector>('resources.json')) {
    if (resource === undefined) assert.throws(() => parseResource(text), NameError, name);
    else {
      const parsed = parseResource(text);
      assert.deepEqual(parsed, resource, name);
      assert.equal(formatResource(parsed), text, name);
    }
  }
});

test('resources within resources', () => {
  for (const { name, outer, inner, within } of read<WithinVector>('within.json')) {
    assert.equal(contains(parseResource(outer), parseResource(inner)), within, name);
  }
});

for (const { name, message, fields, code } of messages) {
  test(`message: ${name}: ${code ?? 'valid'}`, () => {
    if (fields === undefined) assert.throws(() => parseSignInMessage(message), isRefusal(code ?? ''));
    else {
      const parsed = parseSignInMessage(message);
      assert.deepEqual(parsed, fields);
      assert.equal(signInMessage(fields as unknown as SignIn), message);
    }
  });
}

for (const vector of links.filter(({ valid }) => valid)) {
  test(`link: ${vector.name}`, async () => {
    const { link, proof } = decodeLink(Buffer.from(vector.hex, 'hex'), crypto, SWARM);
    const { name: _name, hex: _hex, valid: _valid, message, ...expected } = vector;
    const resources = link.resources.map(formatResource);
    const { ext, ...fields } = link;
    const shown = { ...fields, resources, digest: hex(link.digest) };
    assert.deepEqual(ext, vector.name === 'ext with a value' ? { a: [-1, true] } : {});
    if (vector.kind !== undefined) assert.deepEqual(shown, expected);
    if (message !== undefined) assert.equal(Buffer.from(proof.message).toString(), message);
    const audience = parseDid(link.audience);
    if (audience.kind === 'key' && audience.curve === 'ed25519') {
      await verify([vector.hex], OTHER_AUTHOR.multikey);
    }
  });
}

for (const vector of links.filter(({ valid }) => !valid)) {
  test(`link: ${vector.name}: ${vector.code ?? 'not the one form'}`, async () => {
    const either = ['chain_malformed', 'chain_not_canonical', 'chain_field'];
    const codes = vector.code === undefined ? either : [vector.code];
    await assert.rejects(() => verify([vector.hex], OTHER_AUTHOR.multikey), isRefusal(...codes));
  });
}

function ask(chain: VerifiedChain, { code, ...rest }: AskedVector): void {
  const asked = rest as Parameters<typeof checkChain>[1];
  if (code === undefined) checkChain(chain, asked, SWARM);
  else assert.throws(() => checkChain(chain, asked, SWARM), isRefusal(code), JSON.stringify(rest));
}

for (const vector of chains) {
  test(`chain: ${vector.name}: ${vector.code ?? 'valid'}`, async () => {
    const author = Buffer.from(vector.author, 'hex');
    if (vector.code !== undefined) {
      await assert.rejects(() => verify(vector.links, author), isRefusal(vector.code));
      return;
    }
    const chain = await verify(vector.links, author);
    assert.equal(chain.root, vector.root);
    assert.equal(chain.links.length, vector.links.length);
    for (const one of vector.asked ?? []) ask(chain, one);
    if (chain.links.length === 0) return;
    const asked = { owner: chain.root, namespace: 'a', action: 'read', resource: 'b', time: 0 } as const;
    assert.throws(
      () => checkChain(chain, asked, 'other'),
      isRefusal('chain_not_granted', 'chain_not_in_force'),
    );
  });
}

test('every code is among the vectors', () => {
  const asked = chains.flatMap((chain) => chain.asked ?? []);
  const there = new Set([...links, ...chains, ...messages, ...asked].map(({ code }) => code));
  // those need more than bytes: chain.test.ts; what is not the one form has no code of its own
  const elsewhere = new Set(['overloaded', 'chain_not_canonical']);
  const missing = Object.keys(IDENTITY_ERRORS).filter((code) => !there.has(code) && !elsewhere.has(code));
  assert.deepEqual(missing, []);
});

test('what a decoder reads leniently is not canonical', () => {
  const codes = new Set<string>();
  for (const vector of links.filter(({ valid, code }) => !valid && code === undefined)) {
    assert.throws(
      () => decodeLink(Buffer.from(vector.hex, 'hex'), crypto, SWARM),
      (error) => error instanceof IdentityError && codes.add(error.code) !== undefined,
    );
  }
  assert.ok(codes.has('chain_not_canonical'));
});

test('the examples of the SPEC, byte for byte', () => {
  const spec = readFileSync(new URL('../../../../protocols/identity/SPEC.md', import.meta.url), 'utf8');
  const row = (name: string): string => new RegExp(`\\| ${name} \\| \`([^\`]+)\``).exec(spec)?.[1] ?? '';
  const delegation = links.find(({ name }) => name === 'the example of the SPEC');
  assert.equal(delegation?.issuer, row('owner'));
  assert.equal(delegation.audience, row('session'));
  assert.deepEqual(delegation.resources, [row('resource')]);
  assert.equal(delegation.hex, `8a${row('body').slice(2)}5840${row('signature')}`);
  assert.equal(delegation.digest, row('digest'));
  const { link, proof } = decodeLink(Buffer.from(delegation.hex, 'hex'), crypto, SWARM);
  assert.equal(hex(link.digest), row('digest'));
  assert.equal(hex(proof.message), row('signed'));
  const cacao = links.find(({ name }) => name === 'Ethereum');
  const tail = `6173a261735841${row('CACAO signature')}617466656970313931`;
  assert.equal(cacao?.hex, `a3${row('header and payload').slice(2)}${tail}`);
  assert.equal(cacao.digest, row('CACAO digest'));
  const indented = cacao.message?.replaceAll(/^(?=.)/gm, '    ') ?? '-';
  assert.ok(spec.includes(indented), 'the message');
});

test('every code of the SPEC is one, and every one is in the SPEC', () => {
  const spec = readFileSync(new URL('../../../../protocols/identity/SPEC.md', import.meta.url), 'utf8');
  const table = [...spec.matchAll(/\| `(chain_\w+|overloaded)` \| (sender|context) \|/g)];
  const faults = Object.fromEntries(table.map(([, code, fault]) => [code, fault]));
  assert.deepEqual(faults, IDENTITY_ERRORS);
});
