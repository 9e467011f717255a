import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import {
  PATTERN_MAX_LENGTH,
  PATTERN_MAX_STEPS,
  SCAN_MATCH_MAX_MS,
  SCAN_TURN_MS,
} from '../../../../../gateway/core/limits.ts';
import { expandedLength, KeyFilter } from '../../../../../gateway/http/compat/key-filter.ts';
import { systemClock } from '../../../../../protocols/common/clock.ts';

const KEY_MAX = 1024;

function filterOf(source: string, clock = systemClock as { monotonicNow(): number }): KeyFilter {
  return new KeyFilter({ clock }, source);
}

/** A clock by which each key takes `ms`. */
function slowClock(ms: number): { monotonicNow(): number } {
  let calls = 0;
  return { monotonicNow: () => Math.floor(++calls / 2) * ms };
}

/** How often the event loop goes round while something is under way. */
async function turnsOf(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let timer = setImmediate(function count() {
    turns += 1;
    timer = setImmediate(count);
  });
  try {
    await work();
  } finally {
    clearImmediate(timer);
  }
  return turns;
}

test('it finds what a regular expression finds', async () => {
  const patterns = [
    '',
    'a',
    '^a',
    'a$',
    '^$',
    '^a$',
    'a|b|',
    '(a|bc)+d',
    'a{2}',
    'a{2,}',
    '^a{1,3}$',
    '^(ab){0,2}$',
    '^a{0}$',
    '^(a*)*$',
    '(a+)+b',
    '(|a){3}b',
    '[a-c]',
    '[^a-c]',
    '[]a]',
    '[a\\-c]',
    '[\\d_]',
    '\\w+\\s\\d',
    '\\W',
    '\\.',
    '\\x61',
    'a.c',
    '.',
    '(?:ab)*?c',
    'a+?',
    'a??b',
    '^(a|ab)(c|bcd)$',
    '\\^',
    'x*',
    '[^]]',
    '[-a]',
    '[a-]',
    '\\ba',
    'b\\B',
    '\\p{L}',
    '(?<n>a)b',
  ];
  const texts = [
    '',
    'a',
    'b',
    'c',
    'd',
    'aa',
    'aaa',
    'aaaa',
    'ab',
    'abc',
    'abab',
    'abcd',
    'abcbcd',
    'bcd',
    ']',
    '-',
    '^',
    'a.c',
    'a\nc',
    'é',
    '😀',
    'x 1',
    '_',
    '\\',
    'aab',
    'abb c',
    '12',
    ' ',
  ];
  for (const pattern of patterns) {
    // JavaScript takes a ] at the beginning of a class for its end
    const own = new RegExp(pattern.replace('[]', '[\\]').replace('[^]]', '[^\\]]'), 'u');
    const filter = filterOf(pattern);
    for (const text of texts) {
      assert.equal(await filter.takes(text), own.test(text), `${pattern} in ${JSON.stringify(text)}`);
    }
  }
  for (const [pattern, text] of [
    ['(?i)USER', 'user:1'],
    ['^[[:alpha:]]+$', 'abc'],
    ['(?P<name>a)', 'a'],
    ['\\Qa.b\\E$', 'xa.b'],
    ['\\x{1F600}', '😀'],
  ] as const) {
    assert.ok(await filterOf(pattern).takes(text), `${pattern}: as in Go`);
  }
});

const leaf = fc.constantFrom(
  'a',
  'b',
  '.',
  '[ab]',
  '[^a]',
  '\\d',
  '^',
  '$',
  '',
  '\\Qa',
  '\\E',
  '\\x{61}',
  '\\\\',
);
const counts = fc.constantFrom('*', '+', '?', '{2}', '{1,2}', '{0,1}', '*?', '{3,}', '{31}', '{32}');
const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `${a}${b}`),
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `(${a}|${b})`),
    fc.tuple(tie('expression'), counts).map(([a, b]) => `(${a})${b}`),
    fc.tuple(tie('expression'), counts).map(([a, b]) => `(${a})\\Q\\E${b}`),
    fc.tuple(tie('expression'), counts).map(([a, b]) => `${a}${b}`),
  ),
}));
/** Most instructions that RE2 has for a character of an expression: the empty groups of a fork, or both ends of a group. */
const STEPS_EACH = 4;

test('an expression is never larger than it was held to be before it was compiled', () => {
  fc.assert(
    fc.property(expression, (source) => {
      const bound = STEPS_EACH * (expandedLength(source) + 1);
      try {
        const size = RE2JS.compile(source).programSize();
        assert.ok(size <= bound, `${source}: ${size} above ${bound}`);
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
      }
    }),
    { numRuns: 5000 },
  );
});

test('what repeats no more than it says is taken, written as people do', () => {
  for (const source of [
    '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
    '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}$',
    '^(\\d{1,3}\\.){3}\\d{1,3}$',
    '^.{1,255}$',
    '\\x{1F600}',
    'a'.repeat(PATTERN_MAX_LENGTH),
  ]) {
    assert.doesNotThrow(() => filterOf(source), source);
  }
});

test('what it does not know, or what is malformed, is refused by name', () => {
  const bad = [
    '(',
    ')',
    'a)',
    '(a',
    '[',
    '[a',
    '[^',
    '\\',
    '*',
    '+a',
    '?',
    'a**',
    'a{2}{3}',
    'a+*',
    'a{3,2}',
    '[b-a]',
    '(?=a)',
    '(?!a)',
    '(?<=a)',
    '(a)\\1',
    '\\k',
    '\\x6',
    '\\u0061',
    '\\p{Nothing}',
    'a'.repeat(PATTERN_MAX_LENGTH + 1),
  ];
  for (const source of bad) assert.throws(() => filterOf(source), { code: 'bad_pattern' }, source);
});

test('whatever comes is compiled or refused', async () => {
  const any = fc.string({
    unit: fc.constantFrom(...'ab.*+?{}[]()|^$\\,019-:=QEx<P\ud800é'.split('')),
    maxLength: 24,
  });
  await fc.assert(
    fc.asyncProperty(any, fc.string(), async (source, key) => {
      try {
        await filterOf(source).takes(key);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'bad_pattern', `${source}: ${String(error)}`);
      }
    }),
    { numRuns: 2000 },
  );
});

test('what repeats too much is refused before it costs anything', () => {
  for (const source of [
    '(a{99}){99}',
    '((a{9999}){9999}){9999}',
    '(((){9999}){9999}){9999}',
    '(^{999}){999}',
    '(a?){500}b',
    `(?:${'abcdefgh'.repeat(14)}){1000}`,
    `(?:(?:${'ab'.repeat(50)}){31}){32}`,
    `((${'ab'.repeat(40)})\\Q\\E{31})\\Q\\E{31}`,
    `((${'ab'.repeat(40)}\\)){31}\\\\x){31}`,
  ]) {
    assert.ok(source.length <= PATTERN_MAX_LENGTH, source);
    assert.throws(() => filterOf(source), { code: 'bad_pattern', message: /repeats too much/ }, source);
  }
});

test('the time grows with the key only, where others take for ever', async () => {
  const key = 'a'.repeat(KEY_MAX - 1) + 'b';
  for (const source of [
    '(a+)+$',
    '^(a|a)*$',
    '(a*)*c',
    'a*a*a*a*a*a*a*a*c',
    '(.*)*\\d',
    '(a|aa|aaa)+c',
    '^(([a-z])+.)+[A-Z]$',
    '(a|a|a|a|a|a|a|a){20}c',
    `[ab]*a[ab]{${PATTERN_MAX_STEPS - 32}}$`,
    '(.?){40}$x',
  ]) {
    // backtracking would not end; by the clock nothing here takes any time
    assert.equal(await filterOf(source, slowClock(0)).takes(key), source.includes('b]'), source);
  }
});

test('a scan that takes too long is refused, and other clients get their turn before', async () => {
  const filter = filterOf('a', slowClock(SCAN_TURN_MS));
  let keys = 0;
  const turns = await turnsOf(() =>
    assert.rejects(
      async () => {
        for (;;) {
          await filter.takes('a');
          keys += 1;
        }
      },
      { code: 'too_large' },
    ),
  );
  assert.equal(keys, SCAN_MATCH_MAX_MS / SCAN_TURN_MS);
  assert.ok(turns >= keys - 1, `${turns} turns of ${keys} keys`);
});

test('many keys that take little each leave others their turn', async () => {
  const filter = filterOf('1', slowClock(SCAN_TURN_MS / 100));
  let taken = 0;
  const numbers = Array.from({ length: 1_000 }, (_, n) => String(n));
  const turns = await turnsOf(async () => {
    for (const n of numbers) if (await filter.takes(`user:${n}:name-of-it`)) taken += 1;
  });
  assert.equal(taken, numbers.filter((n) => n.includes('1')).length);
  assert.ok(turns >= 8, `${turns} turns`);
});
