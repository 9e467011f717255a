import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
  roundDuration,
  roundSize,
} from '../../../../protocols/common/quantities.ts';

const MS = { plainMs: 1 };

test('sizes are read in powers of 1000 and of 1024, and as plain bytes', () => {
  const cases: [string, number][] = [
    ['0', 0],
    ['1024', 1024],
    ['1B', 1],
    ['64kB', 64_000],
    ['64KB', 64_000],
    ['1.5GB', 1_500_000_000],
    ['1GiB', 2 ** 30],
    ['512MiB', 2 ** 29],
    ['0.5TiB', 2 ** 39],
  ];
  for (const [text, bytes] of cases) assert.equal(parseSize(text), bytes, text);
});

test('durations are read as Go writes them, days allowed, and plain numbers in the unit that is meant', () => {
  const cases: [string, number][] = [
    ['90s', 90_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['250ms', 250],
    ['250', 250],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration(text, MS), ms, text);
  assert.equal(parseDuration('60', { plainMs: 1000 }), 60_000);
});

test('other spellings are not read', () => {
  for (const text of [
    '',
    'GB',
    '-1',
    '1 GB',
    '1gb',
    '1Gb',
    '1G',
    '1.5',
    '0.5B',
    '1e9',
    '0x10',
    '1GB ',
    '9'.repeat(16),
    '9999TiB9',
    '999999999TiB',
  ]) {
    assert.equal(parseSize(text), null, text);
  }
  for (const text of ['', 'h', '-1s', '1 h', '1H', '1w', '1.5', '1hm', '1h ', '1'.repeat(40)]) {
    assert.equal(parseDuration(text, MS), null, text);
  }
});

test('what is written exactly is read as the same number', () => {
  fc.assert(
    fc.property(
      fc.maxSafeNat(),
      fc.constantFrom(1, 1000, 1024, 2 ** 30, 1e9, 60_000, 86_400_000),
      (n, unit) => {
        const value = (n % 100_000) * unit;
        assert.equal(parseSize(formatSize(value)), value);
        assert.equal(parseDuration(formatDuration(value), MS), value);
      },
    ),
  );
  const sizes = [10 * 2 ** 30, 1e9, 1_024_000, 262_144, 1537, 0].map(formatSize);
  assert.deepEqual(sizes, ['10GiB', '1GB', '1000KiB', '256KiB', '1537B', '0B']);
  const durations = [0, 10, 90_000, 600_000, 86_400_000, 604_800_000, 5_400_000].map(formatDuration);
  assert.deepEqual(durations, ['0s', '10ms', '90s', '10m', '24h', '7d', '90m']);
});

test('readings are rounded to a few digits', () => {
  const sizes = [0, 999, 1000, 43.25e6, 10 * 2 ** 30, 2 ** 30 + 1, 5e15, 12.7].map(roundSize);
  assert.deepEqual(sizes, ['0B', '999B', '1kB', '43.3MB', '10.7GB', '1.1GB', '5000TB', '13B']);
  const ages = [0, 61_000, 300_000, 7_200_000, 86_400_000, 4 * 86_400_000].map(roundDuration);
  assert.deepEqual(ages, ['0s', '61s', '5m', '2h', '24h', '4d']);
});
