import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCrypto } from '../../node/runtime/crypto.ts';
import {
  createReconciliationMetrics,
  Initiator,
  MESSAGE_LIMIT_MIN_BYTES,
  MESSAGE_MAX_BYTES,
  OrderedSet,
  ReconciliationError,
  respond,
} from '../../protocols/reconciliation/index.ts';
import { changedBytes, checkWith } from '../support/fuzzing.ts';
import { answerVectors, messageVectors } from '../vectors/reconciliation/messages.ts';

/** Seeds tried every time, beside a fresh one: whichever fails is added here. */
const check = checkWith([1, 42]);
const set = new OrderedSet({ crypto: createCrypto() });
for (let i = 0; i < 1000; i++) {
  set.insert({ timestamp: i % 7, id: Uint8Array.from({ length: 32 }, (_, at) => (i * (at + 1)) % 251) });
}
const SIZE = set.size;

/** Checks that any input is answered within the bounds or refused by name, and changes nothing. */
function holds(bytes: Uint8Array): void {
  const metrics = createReconciliationMetrics();
  for (const maxBytes of [MESSAGE_LIMIT_MIN_BYTES, MESSAGE_MAX_BYTES]) {
    refusedOr(() => {
      const answer = respond({ set, metrics }, bytes, { maxBytes });
      assert.ok(answer.byteLength <= maxBytes);
      // what is sent is well formed
      refusedNever(() => respond({ set, metrics }, answer, { maxBytes }));
    });
    refusedOr(() => {
      const { message, have, need } = new Initiator({ set, metrics }, { maxBytes }).receive(bytes);
      assert.ok(message === null || message.byteLength <= maxBytes);
      assert.ok(have.length <= SIZE && need.length <= bytes.byteLength / 32);
    });
  }
  assert.equal(set.size, SIZE);
}

function refusedOr(take: () => void): void {
  try {
    take();
  } catch (error) {
    if (!(error instanceof ReconciliationError)) throw error;
    assert.ok(error.message.length < 200, 'an error does not carry the message');
  }
}

function refusedNever(take: () => void): void {
  assert.doesNotThrow(take);
}

test('any bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 400 });
  check(fc.property(bytes, holds), 1000);
  check(
    fc.property(bytes, (rest) => holds(Uint8Array.of(0x61, ...rest))),
    2000,
  );
});

test('messages with bytes changed', () => {
  const messages = messageVectors().map(({ hex }) => Buffer.from(hex, 'hex'));
  const exchanged = answerVectors().flatMap(({ question, answer }) => [question, answer]);
  const samples = [...messages, ...exchanged.map((hex) => Buffer.from(hex, 'hex'))];
  check(
    changedBytes(
      samples.filter(({ byteLength }) => byteLength < 10_000),
      holds,
    ),
    3000,
  );
});
