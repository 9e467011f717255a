import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTtl } from '../../../../gateway/core/duration.ts';
import { TTL_MAX_MS } from '../../../../gateway/core/limits.ts';

test('a time to live is seconds or a duration', () => {
  const cases: [string, number][] = [
    ['1', 1000],
    ['60', 60_000],
    ['30m', 1_800_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['1500ms', 1500],
    ['1m30s', 90_000],
    [String(TTL_MAX_MS / 1000), TTL_MAX_MS],
  ];
  for (const [text, ms] of cases) assert.equal(parseTtl(text), ms, text);
});

test('what is none, or out of range, is refused', () => {
  const outOfRange = ['0', '0s', '999ms', '0.5s', String(TTL_MAX_MS / 1000 + 1), '999999999999d'];
  const none = [
    '',
    '-1',
    '1.5',
    '1e3',
    ' 60',
    '60 ',
    'm',
    '1x',
    '1 h',
    'Infinity',
    '1hm',
    '1'.repeat(40),
    '１',
  ];
  for (const text of [...outOfRange, ...none]) {
    assert.throws(() => parseTtl(text), { code: 'bad_ttl' }, text);
  }
});
