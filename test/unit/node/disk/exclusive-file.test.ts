import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createFileExclusive } from '../../../../node/disk/exclusive-file.ts';
import { scratch } from '../../../support/processes.ts';

const noModes = process.platform === 'win32' ? 'no modes on Windows' : false;

test('a file is made once, whole, and nothing else is left', (t) => {
  const directory = scratch(t);
  const path = join(directory, 'a.key');
  assert.equal(createFileExclusive(path, Buffer.from('first'), 0o600), true);
  assert.equal(createFileExclusive(path, Buffer.from('second'), 0o600), false);
  assert.equal(readFileSync(path, 'utf8'), 'first');
  assert.deepEqual(readdirSync(directory), ['a.key']);
});

test('its mode is the one that was asked for', { skip: noModes }, (t) => {
  const path = join(scratch(t), 'a.key');
  createFileExclusive(path, Buffer.from('secret'), 0o600);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('where it cannot be made that is an error, not "there already"', (t) => {
  assert.throws(() => createFileExclusive(join(scratch(t), 'absent', 'a.key'), Buffer.from('x'), 0o600), {
    code: 'ENOENT',
  });
});
