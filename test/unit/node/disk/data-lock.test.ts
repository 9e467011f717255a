import assert from 'node:assert/strict';
import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DataLock, lockDataDirectory } from '../../../../node/disk/data-lock.ts';
import { Program, scratch } from '../../../support/processes.ts';
import { ROOT } from '../../../support/sources.ts';

const HOLDER = join(ROOT, 'test/support/data-lock-holder.ts');

function holder(t: TestContext, directory: string): Program {
  return new Program(t, process.execPath, [HOLDER, directory]);
}

function lock(directory: string): DataLock {
  const held = lockDataDirectory(directory);
  HELD.add(held);
  return held;
}

/** Keeps locks reachable: an unreachable one may be collected and thereby freed. */
const HELD = new Set<DataLock>();

function refused(directory: string): void {
  assert.throws(() => lockDataDirectory(directory), {
    code: 'data_in_use',
    message: /another node.*MAILLON_DATA/,
  });
}

test('a directory is made, and held by one', async (t) => {
  const directory = join(scratch(t), 'a', 'b');
  const held = lock(directory);
  if (process.platform !== 'win32') assert.equal(statSync(directory).mode & 0o777, 0o700);
  refused(directory);
  refused(join(directory, '..', 'b'));
  held.release();
  lock(directory).release();
});

test('another directory is another lock', async (t) => {
  const directory = scratch(t);
  lock(join(directory, 'a'));
  lock(join(directory, 'b'));
});

test('a link to it is the same directory', async (t) => {
  const directory = scratch(t);
  mkdirSync(join(directory, 'real'));
  symlinkSync(join(directory, 'real'), join(directory, 'link'), 'junction');
  lock(join(directory, 'real'));
  refused(join(directory, 'link'));
});

test('another process is refused while this one holds it', async (t) => {
  const directory = scratch(t);
  lock(directory);
  assert.equal(await holder(t, directory).firstLine(), 'data_in_use');
});

test('a holder that is killed leaves it free', async (t) => {
  const directory = scratch(t);
  for (let time = 0; time < 2; time++) {
    const other = holder(t, directory);
    assert.equal(await other.firstLine(), 'held');
    refused(directory);
    await other.end('SIGKILL');
    lock(directory).release();
  }
});

test('a holder that is stopped, not ended, still holds it', {
  skip: process.platform === 'win32' ? 'no SIGSTOP' : false,
}, async (t) => {
  const directory = scratch(t);
  const other = holder(t, directory);
  assert.equal(await other.firstLine(), 'held');
  other.process.kill('SIGSTOP');
  refused(directory);
});

test('of several that start together one holds it', async (t) => {
  const directory = scratch(t);
  await oneOfMany(t, directory);
});

test('of several that start together after a kill one holds it', async (t) => {
  const directory = scratch(t);
  const other = holder(t, directory);
  assert.equal(await other.firstLine(), 'held');
  await other.end('SIGKILL');
  await oneOfMany(t, directory);
});

async function oneOfMany(t: TestContext, directory: string): Promise<void> {
  const starters = Array.from({ length: 5 }, () => holder(t, directory));
  const outcomes = await Promise.all(starters.map((starter) => starter.firstLine()));
  assert.deepEqual(outcomes.toSorted(), [...Array<string>(4).fill('data_in_use'), 'held']);
}

for (const name of ['x'.repeat(200), 'é'.repeat(60)]) {
  test(`a path longer than a socket’s may be is locked too: ${name.slice(0, 1)} × ${name.length}`, async (t) => {
    const directory = join(scratch(t), name);
    lock(directory);
    refused(directory);
  });
}

test('what is no directory is an error that names it', async (t) => {
  const directory = scratch(t);
  writeFileSync(join(directory, 'file'), '');
  assert.throws(() => lockDataDirectory(join(directory, 'file')), /file/);
  assert.throws(() => lockDataDirectory(join(directory, 'file', 'below')), /file/);
});

const readOnly =
  process.getuid?.() === 0 ? 'root may write everywhere' : process.platform === 'win32' ? 'no modes' : false;

test('a directory that may not be written to is an error, and not taken for one in use', {
  skip: readOnly,
}, async (t) => {
  const directory = join(scratch(t), 'read-only');
  mkdirSync(directory, { mode: 0o500 });
  assert.throws(() => lockDataDirectory(directory), { code: 'bad_data_directory' });
  assert.throws(() => lockDataDirectory(join(directory, 'below')), { code: 'bad_data_directory' });
  assert.ok(!existsSync(join(directory, 'below')));
});
