import assert from 'node:assert/strict';
import { test } from 'node:test';
import { harmlessHeaders, readContentType } from '../../../../../gateway/http/kv/value-headers.ts';

test('a media type is kept as it came', () => {
  for (const type of [
    'text/plain',
    'Text/HTML; Charset="a;b"',
    'application/vnd.x+json;v=1',
    `a/${'b'.repeat(253)}`,
  ]) {
    assert.equal(readContentType(type), type);
  }
  assert.equal(readContentType(undefined), '');
  assert.equal(readContentType(''), '');
});

test('what is no media type is refused', () => {
  for (const type of [
    'text',
    '/plain',
    'text/',
    'te xt/plain',
    'text/pl\tain',
    'text/é',
    `a/${'b'.repeat(254)}`,
    'a/b\u007f',
    'a/b, c/d',
  ]) {
    assert.throws(() => readContentType(type), { code: 'bad_content_type' }, type);
  }
});

test('only what is inert is shown, and nothing runs', () => {
  const inline = ['text/plain; charset=utf-8', 'application/json', 'image/png', 'IMAGE/JPEG', 'video/mp4'];
  const attached = [
    '',
    'text/html',
    'image/svg+xml',
    'application/pdf',
    'text/xml',
    'text/plainish',
    'application/jsonp',
  ];
  for (const type of inline) assert.equal(harmlessHeaders(type)['content-disposition'], 'inline', type);
  for (const type of attached) assert.equal(harmlessHeaders(type)['content-disposition'], 'attachment', type);
  for (const type of [...inline, ...attached]) {
    const headers = harmlessHeaders(type);
    assert.match(headers['content-security-policy'] ?? '', /sandbox/);
    assert.doesNotMatch(headers['content-security-policy'] ?? '', /allow-/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
  }
  assert.equal(harmlessHeaders('')['content-type'], 'application/octet-stream');
});
