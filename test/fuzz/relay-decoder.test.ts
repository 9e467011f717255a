import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { createCrypto } from '../../node/runtime/crypto.ts';
import {
  decodeEnvelope,
  ENVELOPE_MAX_BYTES,
  encodeBody,
  encodeEnvelope,
  RelayError,
} from '../../protocols/relay/index.ts';
import * as cbor from '../support/cbor.ts';
import { EXAMPLE, envelope, type Items, wireOf } from '../support/envelopes.ts';
import { changedBytes, checkWith } from '../support/fuzzing.ts';
import { validVectors } from '../vectors/relay/valid.ts';
import { envelopeOf } from '../vectors/relay/vector.ts';

/** Most that one envelope may hold up the event loop. */
const STALL_MS = 50;
/** A slow call is tried again: what is slow each time is slow, what is slow once was the machine. */
const TRIES = 4;
/** Seeds tried every time, beside a fresh one: whichever fails is added here. */
const KEPT_SEEDS: readonly number[] = [1, 42];

const crypto = createCrypto();

/** Decodes, or refuses by name; what is decoded encodes to the same bytes. */
function decodeOnce(bytes: Uint8Array): void {
  try {
    const decoded = decodeEnvelope(bytes, crypto);
    const again = encodeEnvelope(encodeBody(decoded), decoded.signature);
    assert.ok(Buffer.from(again).equals(bytes), 'what is taken has one form');
  } catch (error) {
    if (!(error instanceof RelayError)) throw error;
    assert.ok(error.message.length < 1000, 'an error does not carry the envelope');
  }
}

/** CPU time of the fastest of some tries, in milliseconds; one try when that is fast. */
function cpuMs(call: () => void): number {
  let fastest = Infinity;
  for (let i = 0; i < TRIES && fastest > STALL_MS / 2; i++) {
    const before = process.cpuUsage();
    const startedAt = performance.now();
    call();
    const elapsed = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(before);
    // the process's other threads count in its CPU time, a busy machine in the elapsed time: the lesser is ours
    fastest = Math.min(fastest, elapsed, (user + system) / 1000);
  }
  return fastest;
}

function holds(bytes: Uint8Array): void {
  const ms = cpuMs(() => decodeOnce(bytes));
  assert.ok(ms < STALL_MS, `${ms} ms for ${bytes.byteLength} bytes`);
}

const check = checkWith(KEPT_SEEDS);

test('any bytes', () => {
  check(fc.property(fc.uint8Array({ maxLength: 600 }), holds), 3000);
});

test('any bytes behind a good beginning', () => {
  const head = Buffer.of(0x8d, 0x01);
  check(
    fc.property(fc.uint8Array({ maxLength: 600 }), (rest) => holds(Buffer.concat([head, rest]))),
    3000,
  );
});

// an ext with / and bytes has a test of its own
const seeds = validVectors()
  .filter(({ name }) => !name.includes('/ and bytes'))
  .map((vector) => envelopeOf(vector))
  .filter((bytes) => bytes.byteLength < 5000);

test('valid envelopes with bytes changed', () => {
  check(changedBytes(seeds, holds), 5000);
});

/** Any CBOR: right, wrong and of indefinite length. */
const { value } = fc.letrec<{ value: Buffer }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.bigInt(-(2n ** 64n), 2n ** 64n - 1n).map((one) => cbor.integer(one)),
    fc.double().map((one) => cbor.float64(one)),
    fc.string({ unit: 'binary' }).map((one) => cbor.text(one)),
    fc.uint8Array().map((one) => cbor.bytes(one)),
    fc.nat(255).map((byte) => Buffer.of(byte)),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => cbor.list(items)),
    fc
      .array(fc.tuple(fc.constantFrom('', 'asCID', '__proto__', 'code', 'toJSON', 'a'), tie('value')), {
        maxLength: 4,
      })
      .map((entries) => cbor.map(entries)),
    tie('value').map((one) => cbor.tag(42, one)),
  ),
}));

test('envelopes whose fields hold any CBOR', () => {
  const fields = Object.keys(EXAMPLE).filter((name) => name !== 'version');
  const property = fc.property(fc.constantFrom(...fields), value, (field, one) => {
    holds(wireOf({ ...EXAMPLE, [field]: one }, Buffer.alloc(64)));
  });
  check(property, 5000);
});

const SAME = [
  '/',
  'bytes',
  'asCID',
  'version',
  'code',
  'multihash',
  'constructor',
  '__proto__',
  'toString',
  'then',
];

test('ext with the names that objects of a codec are told by', () => {
  const scalar = fc.constantFrom(
    cbor.NULL,
    cbor.TRUE,
    cbor.FALSE,
    cbor.integer(0),
    cbor.integer(1),
    cbor.text('a'),
    cbor.bytes(Buffer.of(1)),
    cbor.list([]),
    cbor.map([]),
  );
  const property = fc.property(
    fc.uniqueArray(fc.constantFrom(...SAME), { maxLength: 5 }),
    scalar,
    fc.boolean(),
    (keys, one, inside) => {
      const sorted = keys.toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1));
      const map = cbor.map(sorted.map((key) => [key, one] as const));
      holds(envelope({ ext: inside ? cbor.map([['in', map]]) : map }));
    },
  );
  check(property, 2000);
});

/** `item` as often as fills an envelope of the largest size, where `field` stands. */
function filled(
  field: keyof Items,
  item: Buffer,
  headOf: (count: number) => Buffer = () => Buffer.alloc(0),
): Buffer {
  const room = ENVELOPE_MAX_BYTES - envelope().byteLength - 16;
  const count = Math.floor(room / item.byteLength);
  return envelope({
    [field]: Buffer.concat([headOf(count), Buffer.concat(Array.from({ length: count }, () => item))]),
  });
}

function listHead(count: number): Buffer {
  return cbor.head(cbor.ARRAY, count);
}

test('the deepest, the widest and the longest do not stall', () => {
  const fields = ['owner', 'topic', 'epoch', 'messages', 'chain', 'ext'] as const;
  for (const field of fields) {
    for (const byte of [0x80, 0x81, 0x82, 0x9f, 0xbf, 0x5f, 0x7f, 0xa1, 0xc1, 0xd8, 0x00, 0x60, 0xff]) {
      holds(filled(field, Buffer.of(byte)));
      holds(filled(field, Buffer.of(byte), listHead));
    }
    holds(filled(field, Buffer.from('a16161', 'hex')));
    holds(filled(field, Buffer.from('d82a', 'hex')));
    holds(filled(field, cbor.text('é'), listHead));
    holds(filled(field, cbor.float64(1.5), listHead));
    holds(filled(field, cbor.integer(2n ** 63n), listHead));
  }
  const entries = Array.from({ length: 20_000 }, (_, i) => [String(i).padStart(5, '0'), cbor.NULL] as const);
  holds(envelope({ ext: cbor.map(entries) }));
  holds(envelope({ ext: cbor.map(entries.toReversed()) }));
  holds(envelope({ owner: cbor.text('\u0000'.repeat(150_000)) }));
  holds(envelope({ topic: cbor.text(Buffer.alloc(150_000, 0xff)) }));
  for (const size of [ENVELOPE_MAX_BYTES, ENVELOPE_MAX_BYTES + 1, 5_000_000]) {
    for (const byte of [0x80, 0x81, 0x8d, 0x9f, 0xa1, 0xff]) holds(Buffer.alloc(size, byte));
  }
});

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  gc();
}

/** Memory decoding may leave or use at its peak: the garbage of a hundred tries. */
const HEAP_MAX_BYTES = 64 * 2 ** 20;

test('lengths that are only claimed take no memory', () => {
  const claims = [
    2 ** 16,
    2 ** 26,
    2 ** 31,
    2 ** 32 - 1,
    2n ** 40n,
    2n ** 53n - 1n,
    2n ** 63n,
    2n ** 64n - 1n,
  ];
  const before = process.memoryUsage();
  for (const field of ['owner', 'topic', 'messages', 'chain', 'ext', 'author'] as const) {
    for (const major of [cbor.BYTES, cbor.TEXT, cbor.ARRAY, cbor.MAP]) {
      for (const claim of claims) {
        holds(envelope({ [field]: cbor.head(major, claim) }));
        holds(envelope({ [field]: cbor.list([cbor.head(major, claim)]) }));
      }
    }
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  assert.ok(heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers < HEAP_MAX_BYTES);
});

test('what is refused is not kept', () => {
  const bytes = filled('messages', cbor.text('x'), (count) => cbor.head(cbor.ARRAY, count));
  for (let i = 0; i < 20; i++) decodeOnce(bytes);
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 200; i++) decodeOnce(bytes);
  collectGarbage();
  // 200 envelopes of 75 000 items: kept, they would be some hundred MB
  assert.ok(process.memoryUsage().heapUsed - before < HEAP_MAX_BYTES);
});
