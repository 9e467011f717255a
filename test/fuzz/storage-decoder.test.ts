import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCrypto } from '../../node/runtime/crypto.ts';
import { NameError } from '../../protocols/common/names.ts';
import {
  checkKey,
  compareKeys,
  decodeAnswer,
  decodeRecord,
  decodeRequest,
  encodeAnswer,
  encodeBody,
  encodeRecord,
  encodeRequest,
  FRAME_MAX_BYTES,
  RECORD_MAX_BYTES,
  ReplicaError,
  readFrameHead,
  StorageError,
  type StorageRequest,
} from '../../protocols/storage/index.ts';
import * as cbor from '../support/cbor.ts';
import { changedBytes, checkWith } from '../support/fuzzing.ts';
import { EXAMPLE, wireOf } from '../support/records.ts';
import { envelopeOf } from '../vectors/relay/vector.ts';
import { frameVectors } from '../vectors/storage/frames.ts';
import { validVectors } from '../vectors/storage/valid.ts';

/** Seeds tried every time, beside a fresh one: whichever fails is added here. */
const KEPT_SEEDS: readonly number[] = [1, 42];

const crypto = createCrypto();

/** Checks that decoded bytes encode to themselves and that others are refused by name. */
function recordHolds(bytes: Uint8Array): void {
  try {
    const decoded = decodeRecord(bytes, crypto);
    const again = encodeRecord(encodeBody(decoded), decoded.signature);
    assert.ok(Buffer.from(again).equals(bytes), 'what is taken has one form');
    checkKey(decoded.key);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    assert.ok(error.message.length < 1000, 'an error does not carry the record');
  }
}

function requestHolds(bytes: Uint8Array): void {
  try {
    const { id, request } = decodeRequest(bytes);
    assert.ok(Buffer.from(encodeRequest(id, request)).equals(bytes), 'what is taken has one form');
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
  }
}

/** Every valid request of the vectors, to which any bytes may come for an answer. */
const asked = frameVectors()
  .filter(({ kind, code }) => kind === 'request' && code === undefined)
  .map(({ hex }) => decodeRequest(Buffer.from(hex, 'hex')).request);

function answerHolds(bytes: Uint8Array, request: StorageRequest): void {
  try {
    const answer = decodeAnswer(bytes, request);
    const { id } = readFrameHead(bytes);
    assert.ok(
      Buffer.from(encodeAnswer(id, request.type, answer)).equals(bytes),
      'what is taken has one form',
    );
  } catch (error) {
    if (!(error instanceof StorageError) && !(error instanceof ReplicaError)) throw error;
  }
}

function frameHolds(bytes: Uint8Array): void {
  requestHolds(bytes);
  for (const request of asked) answerHolds(bytes, request);
}

const check = checkWith(KEPT_SEEDS);

const SMALL = 20_000;
const isSmall = ({ byteLength }: Buffer): boolean => byteLength < SMALL;

test('any bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 600 });
  const behind = (head: Buffer, holds: (all: Uint8Array) => void): fc.IPropertyWithHooks<[Uint8Array]> =>
    fc.property(bytes, (rest) => holds(Buffer.concat([head, rest])));
  check(fc.property(bytes, recordHolds), 1000);
  check(behind(Buffer.of(0x8f, 0x01), recordHolds), 2000);
  check(fc.property(bytes, frameHolds), 500);
  check(behind(Buffer.of(0x85, 0x01, 0x07), frameHolds), 1000);
});

test('valid records and frames with bytes changed', () => {
  const records = validVectors().map(envelopeOf).filter(isSmall);
  check(changedBytes(records, recordHolds), 3000);
  const frames = frameVectors()
    .map(({ hex }) => Buffer.from(hex, 'hex'))
    .filter(isSmall);
  check(changedBytes(frames, frameHolds), 1500);
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

test('records whose fields hold any CBOR, and frames of any CBOR', () => {
  const fields = Object.keys(EXAMPLE).filter((name) => name !== 'version');
  const oneField = fc.property(fc.constantFrom(...fields), value, (field, one) => {
    recordHolds(wireOf({ ...EXAMPLE, [field]: one }, Buffer.alloc(64)));
  });
  check(oneField, 3000);
  const items = fc.array(value, { maxLength: 6 });
  const anyFrame = fc.property(fc.nat(9), items, (tag, rest) => {
    frameHolds(cbor.list([cbor.integer(1), cbor.integer(7), cbor.integer(tag), ...rest]));
  });
  check(anyFrame, 1500);
});

test('keys: any well-formed text but one that begins with U+FEFF comes back as it was', () => {
  const key = fc.string({ unit: 'binary', maxLength: 300 });
  const property = fc.property(key, (text) => {
    const bytes = wireOf({ ...EXAMPLE, key: cbor.text(text) }, Buffer.alloc(64));
    try {
      checkKey(text);
    } catch (error) {
      assert.ok(error instanceof NameError);
      assert.ok(text === '' || text.startsWith('\uFEFF') || Buffer.byteLength(text) > 1024);
      assert.throws(() => decodeRecord(bytes, crypto), StorageError);
      return;
    }
    assert.equal(decodeRecord(bytes, crypto).key, text);
  });
  check(property, 2000);
  assert.throws(() => checkKey('a\uD800'), NameError);
});

test('keys: their order is that of their bytes', () => {
  const unit = fc.constantFrom('', 'a', '\u0000', '\uD7FF', '\uE000', '\uFFFF', '\u{10000}', '\u{10FFFF}');
  const key = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(unit).map((units) => units.join('')),
  );
  const property = fc.property(key, key, (a, b) => {
    assert.equal(Math.sign(compareKeys(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
  });
  check(property, 3000);
});

test('the deepest and the widest do not pass the size that is checked first, nor the items', () => {
  for (const byte of [0x80, 0x81, 0x8f, 0x9f, 0xa0, 0xa1, 0xc1, 0xf6, 0xff]) {
    for (const size of [RECORD_MAX_BYTES, RECORD_MAX_BYTES + 1]) {
      recordHolds(Buffer.concat([Buffer.of(0x8f, 0x01), Buffer.alloc(size - 2, byte)]));
    }
    for (const size of [FRAME_MAX_BYTES, FRAME_MAX_BYTES + 1]) {
      for (const tag of [0, 1, 2])
        frameHolds(Buffer.concat([Buffer.of(0x86, 0x01, 0x07, tag), Buffer.alloc(size - 4, byte)]));
    }
  }
  const tooLarge = Buffer.alloc(RECORD_MAX_BYTES + 1);
  assert.throws(() => decodeRecord(tooLarge, crypto), { code: 'record_too_large' });
  assert.throws(() => readFrameHead(Buffer.alloc(FRAME_MAX_BYTES + 1)), { code: 'frame_too_large' });
});
