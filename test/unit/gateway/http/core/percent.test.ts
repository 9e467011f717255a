import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseQuery, percentDecode, queryOf } from '../../../../../gateway/http/core/percent.ts';

test('what is percent-encoded is decoded once', () => {
  const cases: [string, string | null][] = [
    ['', ''],
    ['a/b//c/../.', 'a/b//c/../.'],
    ['a%2Fb%2fc', 'a/b/c'],
    ['%2e%2e', '..'],
    ['%00', '\0'],
    ['%252F', '%2F'],
    ['a+b', 'a+b'],
    ['%C3%A9', 'é'],
    ['%F0%9F%98%80', '😀'],
    ['%EF%BB%BFa', '\ufeffa'],
    // raw bytes of UTF-8, as Node hands them over
    ['\u00c3\u00a9', 'é'],
    ['%', null],
    ['%4', null],
    ['%zz', null],
    ['%+1', null],
    ['a%2', null],
    ['%ff', null],
    ['%C3', null],
    // overlong, a surrogate, and beyond the last code point
    ['%C0%AF', null],
    ['%ED%A0%80', null],
    ['%F4%90%80%80', null],
  ];
  for (const [text, decoded] of cases) assert.equal(percentDecode(text), decoded, text);
});

test('every well-formed text comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.equal(percentDecode(encodeURIComponent(text)), text);
      const query = new URLSearchParams({ key: text }).toString();
      assert.equal(parseQuery(query)?.['key'], text);
    }),
  );
});

test('whatever comes, it is decoded or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const text = Buffer.from(bytes).toString('latin1');
      const decoded = percentDecode(text);
      assert.ok(decoded === null || decoded.isWellFormed());
      parseQuery(text);
    }),
  );
});

test('a query has names, values and repetitions', () => {
  assert.equal(queryOf('/a?b=c?d'), 'b=c?d');
  assert.equal(queryOf('/a'), '');
  assert.deepEqual(Object.entries(parseQuery('a=1&b&c=&a=2&__proto__=x&d=e+f%2B') ?? {}), [
    ['a', ['1', '2']],
    ['b', ''],
    ['c', ''],
    ['__proto__', 'x'],
    ['d', 'e f+'],
  ]);
  assert.equal(parseQuery('a=%ff'), null);
  assert.equal(parseQuery('%ff=a'), null);
});
