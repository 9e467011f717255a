import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import {
  decodeAnswer,
  decodeInvite,
  decodeRequest,
  encodeAnswer,
  encodeInvite,
  encodeRequest,
  formatInvite,
  hashSecret,
  INVITE_MAX_BYTES,
  JOIN_ERRORS,
  JOIN_REFUSALS,
  JoinError,
  parseInvite,
} from '../../../../protocols/join/index.ts';
import { vectorFiles } from '../../../vectors/join/generate.ts';
import type { JoinVector } from '../../../vectors/join/vector.ts';

const FOLDER = new URL('../../../vectors/join/', import.meta.url);
const crypto = createCrypto();
const vectors = JSON.parse(readFileSync(new URL('vectors.json', FOLDER), 'utf8')) as JoinVector[];

const AGAIN: Readonly<Record<JoinVector['kind'], (bytes: Uint8Array) => Uint8Array>> = {
  invite: (bytes) => encodeInvite(decodeInvite(bytes)),
  request: (bytes) => encodeRequest(decodeRequest(bytes)),
  answer: (bytes) => encodeAnswer(decodeAnswer(bytes)),
};

test('the file is what the generator makes', () => {
  for (const [name, text] of Object.entries(vectorFiles())) {
    assert.ok(readFileSync(new URL(name, FOLDER), 'utf8') === text, `${name}: run the generator`);
  }
});

for (const { name, kind, hex, text, secretHash, code } of vectors) {
  const bytes = Buffer.from(hex, 'hex');
  test(`${kind}, ${code ?? 'valid'}: ${name}`, () => {
    if (code !== undefined) {
      assert.throws(() => AGAIN[kind](bytes), { code });
      return;
    }
    assert.equal(Buffer.from(AGAIN[kind](bytes)).toString('hex'), hex, 'encodes to the same bytes');
    if (kind !== 'invite') return;
    const invite = decodeInvite(bytes);
    assert.equal(formatInvite(invite, crypto), text);
    assert.deepEqual(parseInvite(text ?? '', crypto), invite);
    if (secretHash === undefined) return;
    assert.equal(Buffer.from(hashSecret(invite, crypto)).toString('hex'), secretHash);
  });
}

test('an invite whose text was changed anywhere, cut or lengthened is refused, and the error shows none of it', () => {
  const text = vectors.find((vector) => vector.text !== undefined)?.text ?? '';
  const changed = Array.from(text, (character, at) => {
    return text.slice(0, at) + (character === 'A' ? 'B' : 'A') + text.slice(at + 1);
  });
  const cut = Array.from(text, (_, at) => text.slice(0, at));
  for (const one of [...changed, ...cut, `${text}A`, `${text}=`, ` ${text}`]) {
    assert.throws(
      () => parseInvite(one, crypto),
      (error) =>
        error instanceof JoinError &&
        error.code === 'invite_malformed' &&
        !error.message.includes(text.slice(20, 30)),
      one,
    );
  }
});

test('what is larger than any invite is refused before it is read', () => {
  assert.throws(() => decodeInvite(new Uint8Array(INVITE_MAX_BYTES + 1)), { code: 'invite_malformed' });
  assert.throws(() => parseInvite(`maillon_invite_${'A'.repeat(100_000)}`, crypto), {
    code: 'invite_malformed',
  });
});

test('every refusal stands in the table of errors, and says what to do', () => {
  for (const [code, message] of Object.entries(JOIN_REFUSALS)) {
    assert.ok(Object.hasOwn(JOIN_ERRORS, code), code);
    assert.match(message, /maillon invite|try again|new data directory/, code);
  }
});
