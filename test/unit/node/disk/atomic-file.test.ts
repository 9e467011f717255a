import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeFileAtomic } from '../../../../node/disk/atomic-file.ts';
import { scratch } from '../../../support/processes.ts';

test('a file is written, and written over', (t) => {
  const path = join(scratch(t), 'file');
  for (const text of ['first', 'a longer second', '', 'x'.repeat(5_000_000)]) {
    writeFileAtomic(path, Buffer.from(text), 0o600);
    assert.ok(readFileSync(path, 'utf8') === text);
  }
});

test('it has the mode asked for, and nothing else is left', {
  skip: process.platform === 'win32' ? 'no modes' : false,
}, (t) => {
  const directory = scratch(t);
  writeFileAtomic(join(directory, 'file'), Buffer.from('secret'), 0o600);
  assert.equal(statSync(join(directory, 'file')).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(directory), ['file']);
});

test('a temporary file left by a kill does not matter', (t) => {
  const path = join(scratch(t), 'file');
  writeFileSync(`${path}.new`, 'left behind, longer than what comes', { mode: 0o600 });
  writeFileAtomic(path, Buffer.from('new'), 0o600);
  assert.equal(readFileSync(path, 'utf8'), 'new');
});

test('what cannot be written is said, and what was there stays', (t) => {
  const directory = scratch(t);
  assert.throws(() => writeFileAtomic(join(directory, 'absent', 'file'), Buffer.of(1), 0o600), {
    code: 'ENOENT',
  });
  writeFileSync(join(directory, 'kept'), 'old');
  mkdirSync(join(directory, 'kept.new'));
  assert.throws(() => writeFileAtomic(join(directory, 'kept'), Buffer.of(1), 0o600), { code: 'EISDIR' });
  assert.equal(readFileSync(join(directory, 'kept'), 'utf8'), 'old');
});
