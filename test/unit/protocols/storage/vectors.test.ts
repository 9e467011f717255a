import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import { CodedError } from '../../../../protocols/common/errors.ts';
import {
  compareKeys,
  compareRecords,
  createStorageMetrics,
  decodeAnswer,
  decodeRecord,
  decodeRequest,
  encodeAnswer,
  encodeBody,
  encodeRecord,
  encodeRequest,
  fallbacksOf,
  formatEtag,
  itemIdOf,
  Partitions,
  parseEtag,
  placeOf,
  RecordAdmission,
  type RequestType,
  replicaSetIdOf,
  replicasOf,
  type SignedRecord,
  STORAGE_ERRORS,
  StorageError,
  signingBytes,
} from '../../../../protocols/storage/index.ts';
import { AUTHOR, cidOf, SWARM, sha256 } from '../../../support/envelopes.ts';
import { bodyOf, EXAMPLE } from '../../../support/records.ts';
import { envelopeOf } from '../../../vectors/relay/vector.ts';
import { vectorFiles } from '../../../vectors/storage/generate.ts';
import type { FrameVector, OrderVector, PlacementVector, Vector } from '../../../vectors/storage/vector.ts';

const FOLDER = new URL('../../../vectors/storage/', import.meta.url);
const crypto = createCrypto();
const partitions = new Partitions({ crypto }, { swarm: SWARM });

function read<T>(name: string): T[] {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as T[];
}

const valid = read<Vector>('valid.json');
const invalid = read<Vector>('invalid.json');
const frames = read<FrameVector>('frames.json');

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function receive(vector: Vector): Promise<SignedRecord> {
  const clock = { now: () => vector.now };
  const metrics = createStorageMetrics();
  const components = { crypto, clock, partitions, metrics, authorise: () => undefined };
  return new RecordAdmission(components, { swarm: SWARM }).admit(envelopeOf(vector), 'peer', 'pushed');
}

test('the files are what the generator makes', () => {
  for (const [name, text] of Object.entries(vectorFiles())) {
    assert.ok(readFileSync(new URL(name, FOLDER), 'utf8') === text, `${name}: run the generator`);
  }
});

for (const vector of valid) {
  test(`valid: ${vector.name}`, async () => {
    const taken = await receive(vector);
    const again = encodeRecord(encodeBody(taken), taken.signature);
    assert.ok(envelopeOf(vector).equals(again), 'encodes to the same bytes');
    assert.equal(formatEtag(taken), vector.etag);
    const stamp = parseEtag(formatEtag(taken));
    assert.ok(stamp !== null && compareRecords(stamp, taken) === 0);
    const partition = partitions.of(taken);
    assert.equal(partition.partition, vector.partition);
    assert.equal(hex(placeOf(crypto, partition)), vector.place);
  });
}

for (const vector of invalid) {
  test(`invalid: ${vector.name}: ${vector.code ?? 'not the one form'}`, async () => {
    const either = ['record_malformed', 'record_not_canonical', 'record_field'];
    const codes = vector.code === undefined ? either : [vector.code];
    await assert.rejects(receive(vector), (error) => {
      assert.ok(error instanceof StorageError, String(error));
      assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
      return true;
    });
  });
}

function reencoded({ hex: bytes, kind, request }: FrameVector): Uint8Array {
  if (kind === 'request') {
    const decoded = decodeRequest(Buffer.from(bytes, 'hex'));
    return encodeRequest(decoded.id, decoded.request);
  }
  const asked = decodeRequest(Buffer.from(request ?? '', 'hex'));
  const answer = decodeAnswer(Buffer.from(bytes, 'hex'), asked.request);
  return encodeAnswer<RequestType>(asked.id, asked.request.type, answer);
}

for (const vector of frames) {
  test(`frame: ${vector.name}: ${vector.code ?? 'valid'}`, () => {
    if (vector.code === undefined) assert.equal(hex(reencoded(vector)), vector.hex);
    else {
      assert.throws(
        () => reencoded(vector),
        (error) => error instanceof CodedError && error.code === vector.code,
      );
    }
  });
}

for (const vector of read<PlacementVector>('placement.json')) {
  test(`placement: ${vector.name}`, () => {
    const { distinctPrefixes, replicas } = vector;
    const place = Buffer.from(vector.place, 'hex');
    const members = vector.members.map((one) => ({ ...one, kadId: Buffer.from(one.kadId, 'hex') }));
    const sponsors = new Set(vector.sponsors);
    const init = { replicas, distinctPrefixes };
    const replicaSet = replicasOf(place, members.toReversed(), sponsors, init);
    const fallbacks = fallbacksOf(place, members.toReversed(), replicaSet, sponsors, init);
    const ids = (list: typeof replicaSet): string[] => list.map(({ id }) => id);
    assert.deepEqual(ids(replicaSet), vector.replicaSet);
    assert.deepEqual(ids(fallbacks), vector.fallbacks);
    assert.equal(replicaSetIdOf(crypto, replicaSet), vector.setId);
  });
}

for (const { name, keys } of read<OrderVector>('order.json')) {
  test(`order: ${name}`, () => {
    assert.deepEqual(keys.toReversed().toSorted(compareKeys), keys);
    assert.deepEqual(
      keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      keys,
    );
  });
}

test('every code that one record or frame can have alone is among the vectors', () => {
  // those that need more than a clock are in admission.test.ts
  const elsewhere = new Set([
    'record_misplaced',
    // test/vectors/identity has the chains
    'record_chain',
    'record_unauthorised',
    'overloaded',
    'record_not_canonical',
  ]);
  const there = new Set([...invalid, ...frames].map(({ code }) => code));
  const missing = Object.keys(STORAGE_ERRORS).filter((code) => !there.has(code) && !elsewhere.has(code));
  assert.deepEqual(missing, []);
});

test('what a decoder reads leniently is not canonical', () => {
  const codes = new Set<string>();
  for (const vector of invalid.filter(({ code }) => code === undefined)) {
    assert.throws(
      () => decodeRecord(envelopeOf(vector), crypto),
      (error) => error instanceof StorageError && codes.add(error.code) !== undefined,
    );
  }
  assert.ok(codes.has('record_not_canonical'));
});

test('the example of the SPEC, byte for byte', () => {
  const spec = readFileSync(new URL('../../../../protocols/storage/SPEC.md', import.meta.url), 'utf8');
  const row = (name: string): string => new RegExp(`\\| ${name} \\| \`([^\`]+)\``).exec(spec)?.[1] ?? '';
  const [example] = valid;
  assert.ok(example?.hex !== undefined);
  const taken = decodeRecord(Buffer.from(example.hex, 'hex'), crypto);
  assert.equal(hex(encodeBody(taken)), row('body'));
  assert.equal(bodyOf(EXAMPLE).toString('hex'), row('body'));
  assert.equal(sha256(bodyOf(EXAMPLE)).toString('hex'), row('digest'));
  assert.equal(cidOf(bodyOf(EXAMPLE)), row('id'));
  assert.equal(hex(signingBytes(SWARM, taken.digest)), row('signed'));
  assert.equal(hex(taken.signature), row('signature'));
  assert.equal(hex(itemIdOf(crypto, Buffer.from(taken.key), taken.digest)), row("item's id"));
  assert.equal(example.etag, row('ETag'));
  assert.equal(String(example.partition), row('partition'));
  assert.equal(example.place, row('place'));
  assert.deepEqual(Buffer.from(taken.author), AUTHOR.multikey);
  const request = frames.find(({ name }) => name === 'a get');
  assert.equal(request?.hex, row('request'));
  assert.equal(frames.find(({ name }) => name === 'nothing held')?.hex, row('answer'));
});
