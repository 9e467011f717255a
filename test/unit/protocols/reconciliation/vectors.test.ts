import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import {
  createReconciliationMetrics,
  decodeMessage,
  ID_BYTES,
  MESSAGE_MAX_BYTES,
  MODE_FINGERPRINT,
  MODE_IDS,
  OrderedSet,
  type Range,
  RECONCILIATION_ERRORS,
  ReconciliationError,
  respond,
} from '../../../../protocols/reconciliation/index.ts';
import { vectorFiles } from '../../../vectors/reconciliation/generate.ts';
import type {
  AnswerVector,
  FingerprintVector,
  MessageVector,
  RangeVector,
} from '../../../vectors/reconciliation/vector.ts';

const FOLDER = new URL('../../../vectors/reconciliation/', import.meta.url);
const crypto = createCrypto();

function read<T>(name: string): T[] {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as T[];
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function decode(bytes: string): Range[] {
  return decodeMessage(Buffer.from(bytes, 'hex'), MESSAGE_MAX_BYTES);
}

function shown(range: Range): RangeVector {
  const { timestamp, prefix } = range.upper;
  const upper = { timestamp: Number.isFinite(timestamp) ? timestamp : null, prefix: hex(prefix) };
  if (range.mode === MODE_FINGERPRINT) {
    return { ...upper, mode: range.mode, fingerprint: hex(range.fingerprint) };
  }
  if (range.mode !== MODE_IDS) return { ...upper, mode: range.mode };
  const count = range.ids.byteLength / ID_BYTES;
  const ids = Array.from({ length: count }, (_, i) => {
    return hex(range.ids.subarray(i * ID_BYTES, (i + 1) * ID_BYTES));
  });
  return { ...upper, mode: range.mode, ids };
}

test('the files are what the generator makes', () => {
  for (const [name, text] of Object.entries(vectorFiles())) {
    assert.ok(readFileSync(new URL(name, FOLDER), 'utf8') === text, `${name}: run the generator`);
  }
});

const messages = read<MessageVector>('messages.json');

for (const { name, hex: bytes, ranges, code } of messages) {
  test(`message: ${name}: ${code ?? 'valid'}`, () => {
    if (code === undefined) assert.deepEqual(decode(bytes).map(shown), ranges);
    else {
      assert.throws(
        () => decode(bytes),
        (error) => error instanceof ReconciliationError && error.code === code,
      );
    }
  });
}

test('every code is among the vectors', () => {
  const there = new Set(messages.map(({ code }) => code));
  assert.deepEqual(
    Object.keys(RECONCILIATION_ERRORS).filter((code) => !there.has(code)),
    [],
  );
});

for (const { name, ids, fingerprint } of read<FingerprintVector>('fingerprints.json')) {
  test(`fingerprint: ${name}`, () => {
    const set = new OrderedSet({ crypto });
    for (const id of ids) assert.ok(set.insert({ timestamp: 0, id: Buffer.from(id, 'hex') }));
    assert.equal(hex(set.fingerprint(0, ids.length)), fingerprint);
  });
}

for (const { name, items, maxBytes, question, answer } of read<AnswerVector>('answers.json')) {
  test(`answer: ${name}`, () => {
    const set = new OrderedSet({ crypto });
    for (const [timestamp, id] of items) set.insert({ timestamp, id: Buffer.from(id, 'hex') });
    const metrics = createReconciliationMetrics();
    assert.equal(hex(respond({ set, metrics }, Buffer.from(question, 'hex'), { maxBytes })), answer);
  });
}
