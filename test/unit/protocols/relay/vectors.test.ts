import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import {
  Admission,
  createRelayMetrics,
  decodeEnvelope,
  encodeBody,
  encodeEnvelope,
  envelopeCid,
  RELAY_ERRORS,
  RelayError,
  type SignedEnvelope,
  signingBytes,
  TopicPlaces,
} from '../../../../protocols/relay/index.ts';
import { AUTHOR, bodyOf, EXAMPLE, SWARM, sha256, TIME } from '../../../support/envelopes.ts';
import { MemorySeenIds } from '../../../support/seen-ids.ts';
import { vectorFiles } from '../../../vectors/relay/generate.ts';
import { envelopeOf, type ShiftVector, type Vector } from '../../../vectors/relay/vector.ts';

const FOLDER = new URL('../../../vectors/relay/', import.meta.url);
const crypto = createCrypto();

function read<T>(name: string): T[] {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as T[];
}

const valid = read<Vector>('valid.json');
const invalid = read<Vector>('invalid.json');
const shifts = read<ShiftVector>('shifts.json');

function receiver(now: number): Admission {
  const places = new TopicPlaces({ crypto }, { swarm: SWARM });
  return new Admission(
    {
      crypto,
      clock: { now: () => now },
      seen: new MemorySeenIds(),
      places,
      authorise: () => undefined,
      metrics: createRelayMetrics(),
    },
    { swarm: SWARM, queueMax: 10, queueMaxPerPeer: 10, ignoredPerSecond: 100, ignoredBurst: 100 },
  );
}

async function receive(vector: Vector): Promise<SignedEnvelope> {
  const admission = receiver(vector.now);
  const before = valid.find(({ name }) => name === vector.after);
  if (before !== undefined) await admission.admit(envelopeOf(before), 'peer', before.gossipTopic);
  return admission.admit(envelopeOf(vector), 'peer', vector.gossipTopic);
}

test('the files are what the generator makes', () => {
  for (const [name, text] of Object.entries(vectorFiles())) {
    assert.ok(readFileSync(new URL(name, FOLDER), 'utf8') === text, `${name}: run the generator`);
  }
});

for (const vector of valid) {
  test(`valid: ${vector.name}`, async () => {
    const envelope = await receive(vector);
    assert.equal(envelopeCid(envelope.digest), vector.id);
    const again = encodeEnvelope(encodeBody(envelope), envelope.signature);
    assert.ok(Buffer.from(again).equals(envelopeOf(vector)), 'encodes to the same bytes');
  });
}

for (const vector of invalid) {
  test(`invalid: ${vector.name}: ${vector.code ?? 'not the one form'}`, async () => {
    const codes =
      vector.code === undefined ? ['envelope_malformed', 'envelope_not_canonical'] : [vector.code];
    await assert.rejects(receive(vector), (error) => {
      assert.ok(error instanceof RelayError, String(error));
      assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
      return true;
    });
  });
}

for (const { name, original, shifted, code } of shifts) {
  test(`shift: ${name}`, async () => {
    const now = TIME;
    const first = Buffer.from(original, 'hex');
    const second = Buffer.from(shifted, 'hex');
    const places = new TopicPlaces({ crypto }, { swarm: SWARM });
    const envelope = decodeEnvelope(first, crypto);
    await receiver(now).admit(first, 'peer', places.of(envelope).gossipTopic);
    const topic = code === 'envelope_field' ? 'any' : places.of(decodeEnvelope(second, crypto)).gossipTopic;
    await assert.rejects(receiver(now).admit(second, 'peer', topic), { code });
    if (code !== 'envelope_field') {
      assert.notDeepEqual(decodeEnvelope(second, crypto).digest, envelope.digest, 'another id');
    }
  });
}

test('every code that one envelope can have alone is among the vectors', () => {
  // those that need more than a clock and a shard are in admission.test.ts
  const elsewhere = new Set([
    // test/vectors/identity has the chains
    'envelope_chain',
    'envelope_unauthorised',
    'overloaded',
    'envelope_not_canonical',
  ]);
  const there = new Set(invalid.map(({ code }) => code));
  const missing = Object.keys(RELAY_ERRORS).filter((code) => !there.has(code) && !elsewhere.has(code));
  assert.deepEqual(missing, []);
});

test('what a decoder reads leniently is not canonical', () => {
  // undefined, and a float that is an integer, are read by most decoders: that is what the rule is for
  const codes = new Set<string>();
  for (const vector of invalid.filter(({ code }) => code === undefined)) {
    assert.throws(
      () => decodeEnvelope(envelopeOf(vector), crypto),
      (error) => error instanceof RelayError && codes.add(error.code) !== undefined,
    );
  }
  assert.ok(codes.has('envelope_not_canonical'));
});

test('the example of the SPEC, byte for byte', () => {
  const spec = readFileSync(new URL('../../../../protocols/relay/SPEC.md', import.meta.url), 'utf8');
  const row = (name: string): string => new RegExp(`\\| ${name} \\| \`([^\`]+)\``).exec(spec)?.[1] ?? '';
  const [example] = valid;
  assert.ok(example !== undefined);
  const envelope = decodeEnvelope(envelopeOf(example), crypto);
  const body = encodeBody(envelope);
  assert.equal(Buffer.from(body).toString('hex'), row('body'));
  assert.equal(bodyOf(EXAMPLE).toString('hex'), row('body'));
  assert.equal(Buffer.from(envelope.digest).toString('hex'), row('digest'));
  assert.equal(sha256(body).toString('hex'), row('digest'));
  assert.equal(example.id, row('id'));
  assert.equal(Buffer.from(signingBytes(SWARM, envelope.digest)).toString('hex'), row('signed'));
  assert.equal(Buffer.from(envelope.signature).toString('hex'), row('signature'));
  assert.equal(example.gossipTopic, row('gossip topic'));
  assert.deepEqual(Buffer.from(envelope.author), AUTHOR.multikey);
  assert.deepEqual({ ...envelope.ext }, {});
});
