import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutCredentials } from '../../../../gateway/observability/redaction.ts';

const JWT = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl';
const KEY = 'ak_AAECAwQFBgcICQoLDA0ODxAR:default';
/** As much of a text as is looked at. */
const MAX = 4 * 1024;

test('what looks like a credential is left out, wherever it stands', () => {
  const cases: readonly (readonly [string, string])[] = [
    [JWT, '[redacted]'],
    [`/x/${JWT}/y`, '/x/[redacted]/y'],
    [`token-${JWT} y`, 'token-[redacted] y'],
    [`token_${JWT} y`, 'token_[redacted] y'],
    [`eyJ.${JWT}`, '[redacted]'],
    ['eyJx-ak_abcdefgh.claims.signature', '[redacted]'],
    [`a Bearer ${JWT}, b`, 'a [redacted] b'],
    [`key ${KEY} of`, 'key [redacted] of'],
    ['Basic dXNlcjpwYXNz', '[redacted]'],
    ['a -----BEGIN PRIVATE KEY-----\nsecret', 'a [redacted]'],
  ];
  for (const [text, shown] of cases) assert.equal(withoutCredentials(text), shown, text);
  for (const text of ['/v1/kv/default/a.b.c', 'keyJar.test.ts', 'a eyJ b', '😀', 'x.y-z_1']) {
    assert.equal(withoutCredentials(text), text);
  }
});

test('of a long text no more than a beginning is looked at', () => {
  assert.equal(withoutCredentials('y'.repeat(1_000_000)), 'y'.repeat(MAX));
  for (const text of ['eyJ-', 'eyJ.', '.eyJ', 'ak_-', 'Basic ', '-----', 'a.', ' ']) {
    assert.ok(withoutCredentials(text.repeat(300_000)).length <= MAX, text);
  }
});

test('of a credential that is cut there nothing is shown', () => {
  for (const secret of [JWT, KEY, `Bearer ${JWT}`, `Basic ${'c2VjcmV0'.repeat(8)}`, `x-${JWT}`]) {
    for (let length = 1; length < secret.length; length += 1) {
      // what is redacted before makes room for it
      const before = `ak_${'x'.repeat(MAX - length - 4)} `;
      const shown = withoutCredentials(before + secret + 'z'.repeat(MAX));
      const rest = shown.replaceAll('[redacted]', '').trim();
      assert.match(rest, /^(x-)?(e|ey|a|ak|B[a-z]*|x)?$/, `${secret} cut at ${length}: ${rest}`);
    }
  }
});
