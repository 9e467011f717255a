import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DiskUsage } from '../../../../node/observability/disk-usage.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { scratch } from '../../../support/processes.ts';

test('the files of the directory and its folders are summed, and the file system is there', async (t) => {
  const directory = scratch(t);
  mkdirSync(join(directory, 'a/b'), { recursive: true });
  writeFileSync(join(directory, 'one'), Buffer.alloc(1000));
  writeFileSync(join(directory, 'a/b/two'), Buffer.alloc(234));
  const disk = new DiskUsage({ clock: new ManualClock(0) }, { directory });
  const { dataBytes, freeBytes, sizeBytes } = await disk.read();
  assert.equal(dataBytes, 1234);
  assert.ok(freeBytes !== null && sizeBytes !== null && freeBytes > 0 && freeBytes < sizeBytes);
  assert.deepEqual(disk.latest, { dataBytes, freeBytes, sizeBytes });
});

test('a folder that somebody else counts is not walked', async (t) => {
  const directory = scratch(t);
  mkdirSync(join(directory, 'a/many'), { recursive: true });
  writeFileSync(join(directory, 'a/one'), Buffer.alloc(1000));
  writeFileSync(join(directory, 'a/many/two'), Buffer.alloc(234));
  const counted = { path: 'a/many', bytes: () => 5 };
  const disk = new DiskUsage({ clock: new ManualClock(0) }, { directory, counted });
  assert.equal((await disk.read()).dataBytes, 1005);
});

test('whoever asks often gets what was read, for some seconds', async (t) => {
  const directory = scratch(t);
  const clock = new ManualClock(0);
  const disk = new DiskUsage({ clock }, { directory });
  assert.equal((await disk.read()).dataBytes, 0);
  writeFileSync(join(directory, 'new'), 'x');
  assert.equal((await disk.read()).dataBytes, 0);
  clock.advance(60_000);
  const [one, two] = await Promise.all([disk.read(), disk.read()]);
  assert.equal(one, two);
  assert.equal(one.dataBytes, 1);
});

test('a directory that is gone is unknown, and no error', async () => {
  const disk = new DiskUsage({ clock: new ManualClock(0) }, { directory: '/nowhere/at/all' });
  assert.deepEqual(disk.latest, { dataBytes: null, freeBytes: null, sizeBytes: null });
  assert.deepEqual(await disk.read(), { dataBytes: null, freeBytes: null, sizeBytes: null });
});
