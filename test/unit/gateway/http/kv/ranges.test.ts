import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contentRange, rangeOf } from '../../../../../gateway/http/kv/ranges.ts';

const VALUE = { size: 10, etag: '"e"' };
const of = (range: string | undefined, ifRange?: string) => rangeOf({ range, 'if-range': ifRange }, VALUE);

test('a range is a part, all of it, or none', () => {
  const parts: [string, number, number][] = [
    ['bytes=0-0', 0, 1],
    ['bytes=0-9', 0, 10],
    ['bytes=9-', 9, 10],
    ['bytes=3-99999999999999', 3, 10],
    ['bytes=-1', 9, 10],
    ['bytes=-10', 0, 10],
    ['bytes=-11', 0, 10],
    ['BYTES=1-1', 1, 2],
  ];
  for (const [range, start, end] of parts) assert.deepEqual(of(range), { start, end }, range);
  for (const range of ['bytes=10-', 'bytes=10-11', 'bytes=-0'])
    assert.equal(of(range), 'unsatisfiable', range);
  for (const range of [
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=1',
    'bytes=2-1',
    'bytes=0-1,3-4',
  ]) {
    assert.equal(of(range), null, range);
  }
  for (const range of [
    'octets=0-1',
    'bytes=+1-2',
    'bytes=0x1-2',
    'bytes=1-2;x',
    'bytes=1--2',
    ` bytes=1-2`,
  ]) {
    assert.equal(of(range), null, range);
  }
});

test('If-Range counts where it is the very ETag, and strong', () => {
  assert.deepEqual(of('bytes=1-2', '"e"'), { start: 1, end: 3 });
  for (const other of ['"f"', 'W/"e"', 'e', '', 'Sat, 21 Nov 2026 00:00:00 GMT']) {
    assert.equal(of('bytes=1-2', other), null, other);
  }
});

test('whatever is asked for, a part lies within the value and is not empty', () => {
  const number = fc.oneof(
    fc.constant(''),
    fc.nat().map(String),
    fc.bigInt({ min: 0n, max: 10n ** 17n }).map(String),
  );
  fc.assert(
    fc.property(fc.nat(), number, number, (size, first, last) => {
      const range = rangeOf({ range: `bytes=${first}-${last}` }, { size, etag: '"e"' });
      if (range === null || range === 'unsatisfiable') return;
      assert.ok(range.start >= 0 && range.start < range.end && range.end <= size);
    }),
  );
});

test('what is given is said', () => {
  assert.equal(contentRange({ start: 1, end: 3 }, 10), 'bytes 1-2/10');
  assert.equal(contentRange('unsatisfiable', 10), 'bytes */10');
});
