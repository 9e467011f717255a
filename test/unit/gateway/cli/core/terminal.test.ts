import assert from 'node:assert/strict';
import { test } from 'node:test';
import { harmless, properties, table } from '../../../../../gateway/cli/core/terminal.ts';

test('text of others cannot steer a terminal', () => {
  assert.equal(harmless('a\u001b[2Jb\u0007\u009b'), 'a\\x1b[2Jb\\x07\\x9b');
  assert.equal(harmless('line\n\ttab é'), 'line\n\ttab é');
});

test('tables and properties are aligned', () => {
  assert.equal(
    table(
      ['A', 'LONG'],
      [
        ['xyz', '1'],
        ['x', '22'],
      ],
    ),
    'A    LONG\nxyz  1\nx    22',
  );
  assert.equal(
    properties([
      ['a', '1'],
      ['long', '2\n3'],
    ]),
    'a     1\nlong  2\n      3',
  );
});
