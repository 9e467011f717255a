import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readBuild, readCommit } from '../../../../../gateway/cli/core/build.ts';
import { scratch } from '../../../../support/processes.ts';

const COMMIT = 'c'.repeat(40);

test('the commit is read wherever git keeps it', (t) => {
  const root = scratch(t);
  const git = join(root, '.git');
  assert.equal(readCommit(root), 'unknown', 'no checkout');
  mkdirSync(join(git, 'refs/heads'), { recursive: true });
  writeFileSync(join(git, 'HEAD'), `${COMMIT}\n`);
  assert.equal(readCommit(root), COMMIT, 'detached');
  writeFileSync(join(git, 'HEAD'), 'ref: refs/heads/main\n');
  assert.equal(readCommit(root), 'unknown', 'no commit yet');
  writeFileSync(join(git, 'packed-refs'), `# pack-refs\n${COMMIT} refs/heads/main\n`);
  assert.equal(readCommit(root), COMMIT, 'packed');
  writeFileSync(join(git, 'refs/heads/main'), `${'d'.repeat(40)}\n`);
  assert.equal(readCommit(root), 'd'.repeat(40), 'loose wins');

  const linked = scratch(t);
  const own = join(git, 'worktrees/w');
  mkdirSync(own, { recursive: true });
  writeFileSync(join(linked, '.git'), `gitdir: ${own}\n`);
  writeFileSync(join(own, 'HEAD'), 'ref: refs/heads/main\n');
  writeFileSync(join(own, 'commondir'), '../..\n');
  assert.equal(readCommit(linked), 'd'.repeat(40), 'a linked work tree');
});

test('the version is the one of package.json', () => {
  const build = readBuild();
  assert.match(build.version, /^\d+\.\d+\.\d+$/);
  assert.ok(Date.parse(build.builtAt) > 0);
});
