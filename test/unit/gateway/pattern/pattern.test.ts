import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PATTERN_MAX_LENGTH, PATTERN_MAX_STEPS } from '../../../../gateway/core/limits.ts';
import { Pattern } from '../../../../gateway/pattern/pattern.ts';

function matches(pattern: string, text: string, left = 1_000_000): boolean {
  return new Pattern(pattern).matches(text, { left });
}

test('it finds what a regular expression finds', () => {
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
    '\\u0062',
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
    for (const text of texts) {
      assert.equal(matches(pattern, text), own.test(text), `${pattern} in ${JSON.stringify(text)}`);
    }
  }
});

const leaf = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '^', '$', '');
const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `${a}${b}`),
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `(${a}|${b})`),
    fc
      .tuple(tie('expression'), fc.constantFrom('*', '+', '?', '{2}', '{1,2}', '{0,1}', '*?'))
      .map(([a, b]) => `(${a})${b}`),
  ),
}));

test('any expression of the kind means the same as in JavaScript', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '1'), maxLength: 8 });
  fc.assert(
    fc.property(expression, text, (pattern, one) => {
      fc.pre(pattern.length <= PATTERN_MAX_LENGTH);
      assert.equal(matches(pattern, one), new RegExp(pattern).test(one), `${pattern} in ${one}`);
    }),
    { numRuns: 2000 },
  );
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
    '[\\d-z]',
    '(?=a)',
    '(?!a)',
    '(?<=a)',
    '(?<n>a)',
    '(?P<n>a)',
    '(?i)a',
    '(a)\\1',
    '\\b',
    '\\p{L}',
    '\\k',
    '\\x6',
    'a'.repeat(PATTERN_MAX_LENGTH + 1),
  ];
  for (const pattern of bad) assert.throws(() => new Pattern(pattern), { code: 'bad_pattern' }, pattern);
});

test('whatever comes is compiled or refused', () => {
  const any = fc.string({ unit: fc.constantFrom(...'ab.*+?{}[]()|^$\\,019-:='.split('')), maxLength: 24 });
  fc.assert(
    fc.property(any, (pattern) => {
      try {
        matches(pattern, 'ab01');
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'bad_pattern', `${pattern}: ${String(error)}`);
      }
    }),
    { numRuns: 2000 },
  );
});

test('what repeats too much is refused before it costs anything', () => {
  for (const pattern of [
    '(a{99}){99}',
    '((a{9999}){9999}){9999}',
    '(((){9999}){9999}){9999}',
    '(^{999}){999}',
  ]) {
    assert.throws(() => new Pattern(pattern), { code: 'bad_pattern' }, pattern);
  }
});

test('the work is at most the text times the expression, where others take for ever', () => {
  const text = 'a'.repeat(1023) + 'b';
  for (const pattern of [
    '(a+)+$',
    '^(a|a)*$',
    '(a*)*c',
    'a*a*a*a*a*a*a*a*c',
    '(.*)*\\d',
    '(a|aa|aaa)+c',
    '^(([a-z])+.)+[A-Z]$',
  ]) {
    const budget = { left: Number.MAX_SAFE_INTEGER };
    assert.equal(new Pattern(pattern).matches(text, budget), false, pattern);
    const work = Number.MAX_SAFE_INTEGER - budget.left;
    assert.ok(work <= PATTERN_MAX_STEPS * (text.length + 1) && work < 100_000, `${pattern}: ${work}`);
  }
});

test('a budget that is used up ends it', () => {
  const budget = { left: 100 };
  assert.throws(() => new Pattern('a*c').matches('a'.repeat(1000), budget), { code: 'too_large' });
});
