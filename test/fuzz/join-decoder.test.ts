import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCrypto } from '../../node/runtime/crypto.ts';
import {
  ANSWER_MAX_BYTES,
  decodeAnswer,
  decodeInvite,
  decodeRequest,
  encodeAnswer,
  encodeInvite,
  encodeRequest,
  JoinError,
  parseInvite,
} from '../../protocols/join/index.ts';
import { changedBytes, checkWith } from '../support/fuzzing.ts';
import { joinVectors } from '../vectors/join/vectors.ts';

/** Seeds tried every time, beside a fresh one: whichever fails is added here. */
const KEPT_SEEDS: readonly number[] = [1, 42];

const crypto = createCrypto();
const check = checkWith(KEPT_SEEDS);

/** Checks that decoded bytes encode to themselves and that others fail with the protocol's own error. */
function holds(bytes: Uint8Array): void {
  const readings = [
    () => encodeInvite(decodeInvite(bytes)),
    () => encodeRequest(decodeRequest(bytes)),
    () => encodeAnswer(decodeAnswer(bytes)),
  ];
  for (const read of readings) {
    try {
      assert.ok(Buffer.from(read()).equals(bytes), 'what is taken has one form');
    } catch (error) {
      if (!(error instanceof JoinError)) throw error;
      assert.ok(error.message.length < 1000, 'an error does not carry what was sent');
    }
  }
}

test('any bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 600 });
  check(fc.property(bytes, holds), 2000);
  check(
    fc.property(bytes, (rest) => holds(Buffer.concat([Buffer.of(0x8b, 0x01), rest]))),
    2000,
  );
});

test('valid invites and frames with bytes changed', () => {
  const samples = joinVectors().map(({ hex }) => Buffer.from(hex, 'hex'));
  check(
    changedBytes(
      samples.filter(({ byteLength }) => byteLength < 2000),
      holds,
    ),
    4000,
  );
});

test('any text', () => {
  const texts = fc.oneof(fc.string(), fc.base64String(), fc.string({ unit: 'binary' }));
  const property = fc.property(texts, fc.boolean(), (text, isPrefixed) => {
    try {
      parseInvite(isPrefixed ? `maillon_invite_${text}` : text, crypto);
      assert.fail('nobody guesses a checksum');
    } catch (error) {
      if (!(error instanceof JoinError)) throw error;
    }
  });
  check(property, 2000);
});

test('the deepest and the widest do not pass the size that is checked first', () => {
  for (const byte of [0x80, 0x81, 0x8b, 0x9f, 0xa1, 0xff]) {
    for (const size of [ANSWER_MAX_BYTES, ANSWER_MAX_BYTES + 1]) {
      holds(Buffer.concat([Buffer.of(0x84, 0x01), Buffer.alloc(size - 2, byte)]));
    }
  }
});
