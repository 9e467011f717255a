/** Making directories: all that are missing, and an error at once where none can be. */
import assert from 'node:assert/strict';
import { statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDirectory } from '../../../../node/disk/make-directory.ts';
import { maillon, scratch } from '../../../support/processes.ts';

const PERMISSIONS = 0o777;
const noModes = process.platform === 'win32' ? 'no modes' : false;
const noProc = process.platform === 'linux' ? false : 'no /proc';

test('every missing directory is made, with the mode; one that is there stays', { skip: noModes }, (t) => {
  const directory = scratch(t);
  const before = statSync(directory).mode;
  const path = join(directory, 'a', 'b', 'c');
  makeDirectory(path, { mode: 0o700 });
  makeDirectory(path, { mode: 0o750 });
  for (const one of [path, join(directory, 'a')]) assert.equal(statSync(one).mode & PERMISSIONS, 0o700);
  assert.equal(statSync(directory).mode, before);
});

test('a file, what is beneath one, and a link to nowhere are errors', (t) => {
  const directory = scratch(t);
  const file = join(directory, 'file');
  writeFileSync(file, '');
  symlinkSync(join(directory, 'nowhere', 'x'), join(directory, 'link'));
  for (const path of [file, join(file, 'a', 'b')]) {
    assert.throws(() => makeDirectory(path), { code: 'ENOTDIR' });
  }
  assert.throws(() => makeDirectory(join(directory, 'link')), { code: 'ENOENT' });
});

test('where the system makes no directory each command says so at once', { skip: noProc }, async (t) => {
  assert.throws(() => makeDirectory('/proc/a/b'), { code: /ENOENT|EACCES/ });
  for (const command of ['node', 'swarm']) {
    const program = maillon(t, [command, '--data', '/proc/a/b']);
    assert.equal(await program.exit, 1, program.stderr);
    assert.match(program.stderr, /\/proc\/a\/b cannot be written \(.+\): name another/, command);
  }
});
