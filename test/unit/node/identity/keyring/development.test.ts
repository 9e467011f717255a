import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { developmentKey, developmentKeyPath } from '../../../../../node/identity/keyring/development.ts';
import { Keyring } from '../../../../../node/identity/keyring/keyring.ts';
import { systemClock } from '../../../../../protocols/common/clock.ts';
import { Program, scratch, until } from '../../../../support/processes.ts';
import { ROOT } from '../../../../support/sources.ts';

const MAKER = join(ROOT, 'test/support/development-key-maker.ts');
const PROCESSES = 6;
const noModes = process.platform === 'win32' ? 'no modes on Windows' : false;

test('it is made once, and is a key of the ring', async (t) => {
  const data = scratch(t);
  const path = developmentKeyPath(data);
  const first = await developmentKey(path);
  assert.equal((await developmentKey(path)).did, first.did);
  assert.equal(first.name, 'development');
  const [listed, ...rest] = new Keyring({ clock: systemClock }, { data }).list();
  assert.equal(listed && 'did' in listed && listed.did, first.did);
  assert.deepEqual(rest, []);
});

test('processes that start together have one key', async (t) => {
  const directory = join(scratch(t), 'shared');
  const path = join(directory, 'owner.key');
  const makers = Array.from(
    { length: PROCESSES },
    () => new Program(t, process.execPath, [MAKER, path], { stdin: 'open' }),
  );
  for (const maker of makers) await until('it is loaded', () => maker.stdout.includes('ready'));
  for (const maker of makers) maker.process.stdin?.write('go\n');
  const exits = await Promise.all(makers.map(({ exit }) => exit));
  assert.deepEqual(exits, Array(PROCESSES).fill(0), makers.map(({ stderr }) => stderr).join());
  const dids = new Set(makers.map(({ stdout }) => stdout.split('\n')[1]));
  assert.equal(dids.size, 1);
  assert.deepEqual([...dids], [(await developmentKey(path)).did]);
  assert.deepEqual(readdirSync(directory), ['owner.key']);
});

test('a directory that is there keeps its mode, the key is 0600', { skip: noModes }, async (t) => {
  const directory = join(scratch(t), 'home');
  mkdirSync(directory);
  chmodSync(directory, 0o755);
  await developmentKey(join(directory, 'owner.key'));
  assert.equal(statSync(directory).mode & 0o777, 0o755);
  assert.equal(statSync(join(directory, 'owner.key')).mode & 0o777, 0o600);
});

test('a file that is no key is refused, and not replaced', async (t) => {
  const path = join(scratch(t), 'owner.key');
  writeFileSync(path, 'not a key', { mode: 0o600 });
  await assert.rejects(developmentKey(path), { code: 'bad_key_file', message: /owner\.key/ });
});
