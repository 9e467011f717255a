import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readRunFile, removeRunFile, writeRunFile } from '../../../../node/disk/run-file.ts';
import { Program, scratch } from '../../../support/processes.ts';

const INFO = { peerId: '12D3KooWx', gateway: 'http://127.0.0.1:8081', admin: null, startedAt: 5 };

function written(t: TestContext, change: object = {}): string {
  const directory = scratch(t);
  writeRunFile(directory, INFO);
  const path = join(directory, 'run.json');
  const content = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeFileSync(path, JSON.stringify({ ...content, ...change }));
  return directory;
}

test('what a process wrote is read back, for its owner alone, and removed by it', (t) => {
  const directory = written(t);
  assert.deepEqual(readRunFile(directory), { ...INFO, pid: process.pid });
  if (process.platform !== 'win32') assert.equal(statSync(join(directory, 'run.json')).mode & 0o777, 0o600);
  removeRunFile(directory);
  assert.equal(readRunFile(directory), null);
  removeRunFile(directory);
});

test('the file of a process that is gone counts for nothing', async (t) => {
  const gone = new Program(t, process.execPath, ['-e', '0']);
  const { pid } = gone.process;
  await gone.exit;
  assert.equal(readRunFile(written(t, { pid, processStart: null })), null);
});

test('a pid that another process has by now counts for nothing', {
  skip: process.platform !== 'linux' && 'no /proc',
}, (t) => {
  assert.equal(readRunFile(written(t, { processStart: '1' })), null);
});

test('the file of another process is not removed', (t) => {
  const directory = written(t, { pid: process.ppid, processStart: null });
  removeRunFile(directory);
  assert.equal(readRunFile(directory)?.pid, process.ppid);
});

test('what is no run file counts for nothing', (t) => {
  assert.equal(readRunFile(join(scratch(t), 'missing')), null);
  const bad: object[] = [
    { version: 2 },
    { pid: -1 },
    { pid: '1' },
    { gateway: 'javascript:0' },
    { peerId: 1 },
    { startedAt: null },
  ];
  for (const change of bad) assert.equal(readRunFile(written(t, change)), null, JSON.stringify(change));
  const torn = scratch(t);
  writeFileSync(join(torn, 'run.json'), '{"version":1,');
  assert.equal(readRunFile(torn), null);
  writeFileSync(join(torn, 'run.json'), 'x'.repeat(100_000));
  assert.equal(readRunFile(torn), null);
});
