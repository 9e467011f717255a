import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { multiaddr } from '@multiformats/multiaddr';
import { peerOf } from '../../../../node/directory/entry.ts';
import { createVerifier, operatorVerifier } from '../../../../node/identity/tenancy.ts';
import { createWalletCrypto } from '../../../../node/identity/wallets/index.ts';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import { prefixOf } from '../../../../protocols/common/address-prefix.ts';
import { parseNodeAddress } from '../../../../protocols/common/node-address.ts';
import { createIdentityMetrics } from '../../../../protocols/identity/index.ts';
import {
  createNodesMetrics,
  decodeAnnouncement,
  decodePage,
  decodeRequest,
  encodeAnnouncement,
  encodeBody,
  encodePage,
  encodeRequest,
  NODES_ERRORS,
  NodeAdmission,
  NodesError,
  type SignedAnnouncement,
  signingBytes,
} from '../../../../protocols/nodes/index.ts';
import { bodyOf, EXAMPLE } from '../../../support/announcements.ts';
import { AUTHOR, SWARM, sha256, TIME } from '../../../support/envelopes.ts';
import { vectorFiles } from '../../../vectors/nodes/generate.ts';
import type { FrameVector, Vector } from '../../../vectors/nodes/vector.ts';

const FOLDER = new URL('../../../vectors/nodes/', import.meta.url);
const crypto = createCrypto();

function read<T>(name: string): T[] {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as T[];
}

const wallets = createWalletCrypto();
const verifier = createVerifier(
  { crypto, wallets, clock: { now: () => TIME }, metrics: createIdentityMetrics() },
  SWARM,
);
const verifyOperator = operatorVerifier(verifier, { swarm: SWARM });
after(() => wallets.stop());

const valid = read<Vector>('valid.json');
const invalid = read<Vector>('invalid.json');
const frames = read<FrameVector>('frames.json');

function receive({ hex, now, known }: Vector): Promise<SignedAnnouncement> {
  const held = { timeOf: () => known, put: () => true };
  const admission = new NodeAdmission(
    { crypto, clock: { now: () => now }, held, metrics: createNodesMetrics(), verifyOperator },
    { swarm: SWARM },
  );
  return admission.admit(Buffer.from(hex, 'hex'), 'peer', 'pushed');
}

test('the files are what the generator makes', () => {
  for (const [name, text] of Object.entries(vectorFiles())) {
    assert.ok(readFileSync(new URL(name, FOLDER), 'utf8') === text, `${name}: run the generator`);
  }
});

for (const vector of valid) {
  test(`valid: ${vector.name}`, async () => {
    const taken = await receive(vector);
    assert.equal(String(peerOf(taken.author)), vector.peerId);
    const again = encodeAnnouncement(encodeBody(taken), taken.signature);
    assert.equal(Buffer.from(again).toString('hex'), vector.hex, 'encodes to the same bytes');
    if (vector.addresses === undefined) return;
    assert.deepEqual(
      taken.addresses.map((bytes) => multiaddr(bytes).toString()),
      vector.addresses,
    );
    assert.deepEqual(
      taken.addresses.map((bytes) => prefixOf(parseNodeAddress(bytes).host)),
      vector.prefixes,
    );
  });
}

for (const vector of invalid) {
  test(`invalid: ${vector.name}: ${vector.code ?? 'not the one form'}`, async () => {
    const either = ['announcement_malformed', 'announcement_not_canonical'];
    const codes = vector.code === undefined ? either : [vector.code];
    await assert.rejects(receive(vector), (error) => {
      assert.ok(error instanceof NodesError, String(error));
      assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
      return true;
    });
  });
}

for (const { name, hex, kind, code } of frames) {
  test(`frame: ${name}: ${code ?? 'valid'}`, () => {
    const bytes = Buffer.from(hex, 'hex');
    const decodeAndEncode = (): Uint8Array =>
      kind === 'request' ? encodeRequest(decodeRequest(bytes)) : encodePage(decodePage(bytes));
    if (code === undefined) assert.equal(Buffer.from(decodeAndEncode()).toString('hex'), hex);
    else assert.throws(decodeAndEncode, { code });
  });
}

test('every code that one announcement can have alone is among the vectors', () => {
  // those that need more than a clock are in admission.test.ts
  const elsewhere = new Set(['announcement_crowded', 'overloaded', 'announcement_not_canonical']);
  const there = new Set([...invalid, ...frames].map(({ code }) => code));
  const missing = Object.keys(NODES_ERRORS).filter((code) => !there.has(code) && !elsewhere.has(code));
  assert.deepEqual(missing, []);
});

test('what a decoder reads leniently is not canonical', () => {
  const codes = new Set<string>();
  for (const { hex } of invalid.filter(({ code }) => code === undefined)) {
    assert.throws(
      () => decodeAnnouncement(Buffer.from(hex, 'hex'), crypto),
      (error) => error instanceof NodesError && codes.add(error.code) !== undefined,
    );
  }
  assert.ok(codes.has('announcement_not_canonical'));
});

test('the example of the SPEC, byte for byte', () => {
  const spec = readFileSync(new URL('../../../../protocols/nodes/SPEC.md', import.meta.url), 'utf8');
  const row = (name: string): string => new RegExp(`\\| ${name} \\| \`([^\`]+)\``).exec(spec)?.[1] ?? '';
  const [example] = valid;
  assert.ok(example !== undefined);
  const taken = decodeAnnouncement(Buffer.from(example.hex, 'hex'), crypto);
  assert.equal(Buffer.from(encodeBody(taken)).toString('hex'), row('body'));
  assert.equal(bodyOf(EXAMPLE).toString('hex'), row('body'));
  assert.equal(sha256(bodyOf(EXAMPLE)).toString('hex'), row('digest'));
  assert.equal(Buffer.from(signingBytes(SWARM, taken.digest)).toString('hex'), row('signed'));
  assert.equal(Buffer.from(taken.signature).toString('hex'), row('signature'));
  assert.equal(example.peerId, row('peer id'));
  assert.deepEqual(Buffer.from(taken.author), AUTHOR.multikey);
});
