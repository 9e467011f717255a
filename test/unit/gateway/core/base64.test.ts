import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base64ToBytes, bytesToBase64 } from '../../../../gateway/client/base64.ts';
import { decodeBase64, encodeBase64 } from '../../../../gateway/core/base64.ts';

test('every byte and length survives, and both sides agree', () => {
  for (let length = 0; length < 300; length++) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 7 + length) & 0xff);
    assert.equal(bytesToBase64(bytes), encodeBase64(bytes));
    assert.deepEqual(new Uint8Array(decodeBase64(encodeBase64(bytes))), bytes);
    assert.deepEqual(base64ToBytes(encodeBase64(bytes)), bytes);
  }
});

test('long input does not overflow the stack', () => {
  const bytes = new Uint8Array(200_000).fill(255);
  assert.equal(bytesToBase64(bytes), encodeBase64(bytes));
});

for (const [what, text] of [
  ['missing padding', 'aGk'],
  ['too much padding', 'aGk=='],
  ['padding alone', '===='],
  ['a line feed', 'aGk=\n'],
  ['a space inside', 'aG k='],
  ['the URL-safe alphabet', '-_-_'],
  ['stray bits after the last byte', 'aGl='],
  ['a character of no alphabet', 'aGk!'],
  ['two values behind each other', 'aGk=aGk='],
  ['a single character', 'a'],
  ['a byte-order mark', '\ufeffaGk='],
] as const) {
  test(`refuses ${what}`, () => {
    assert.throws(() => decodeBase64(text), { code: 'bad_base64' });
  });
}
