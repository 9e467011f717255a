import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createClient } from '../../gateway/client/index.ts';
import { PASSPHRASE, passphraseFile } from '../support/passphrases.ts';
import { maillon, Program, scratch, until } from '../support/processes.ts';
import { type Finished, Shell } from '../support/shell.ts';
import { ROOT } from '../support/sources.ts';

const MAIN = join(ROOT, 'gateway/cli/main.ts');
const noModes = process.platform === 'win32' ? 'no modes on Windows' : false;
/** util-linux: runs a command on a terminal of its own. */
const SCRIPT = '/usr/bin/script';
const noTerminal =
  process.platform === 'linux' && existsSync(SCRIPT) ? false : 'script of util-linux is not installed';

interface Listed {
  readonly name: string;
  readonly did: string;
  readonly sealed: boolean;
  readonly retired: boolean;
  readonly created: string;
}

type Keys = (...args: readonly string[]) => Promise<Finished>;

/** Returns a runner of `maillon keys …` with these settings. */
function keysWith(t: TestContext, env: NodeJS.ProcessEnv = {}): Keys {
  const shell = new Shell({ env });
  t.after(() => shell.end());
  return (...args) => shell.run(['keys', ...args]);
}

/** The command's `--json` output. Fails when it fails. */
async function asked<T>(keys: Keys, ...args: readonly string[]): Promise<T> {
  const { exit, stdout, stderr } = await keys(...args, '--json');
  assert.equal(exit, 0, stderr);
  return JSON.parse(stdout) as T;
}

/** Types `text` when it is asked `question`: not before, or the terminal itself would show it. */
async function answer(program: Program, question: RegExp, text: string): Promise<void> {
  await until(String(question), () => question.test(program.stdout));
  program.process.stdin?.write(text);
}

test('keys are made, listed, rotated, exported and imported without a node', async (t) => {
  const data = join(scratch(t), 'data');
  const env = { MAILLON_DATA: data };
  const keys = keysWith(t, env);
  assert.match((await keys('list')).stdout, /^no keys in /);
  const alice = await asked<Listed>(keys, 'new', 'alice');
  assert.match(alice.did, /^did:key:z6Mk/);
  const { keys: listed } = await asked<{ keys: Listed[] }>(keys, 'list');
  assert.deepEqual(listed, [alice]);
  const table = (await keys('list', '--data', data)).stdout;
  assert.match(
    table,
    new RegExp(`^NAME +SEALED +CREATED +DID\\nalice +no +\\d{4}-\\d\\d-\\d\\d +${alice.did}\\n$`),
  );

  const pem = join(data, 'alice.pem');
  const wrote = await asked<{ did: string; out: string }>(keys, 'export', 'alice', '--out', pem);
  assert.deepEqual([wrote.did, wrote.out], [alice.did, pem]);
  if (!noModes) assert.equal(statSync(pem).mode & 0o777, 0o600);
  const again = await keys('export', 'alice', '--out', pem);
  assert.equal(again.exit, 1);
  assert.match(again.stderr, /is there already/);
  assert.equal((await asked<Listed>(keys, 'import', 'from-file', pem)).did, alice.did);
  const seed = (await keys('export', 'alice', '--form', 'seed', '--stdout')).stdout;
  assert.match(seed, /^[0-9a-f]{64}\n$/);
  const piped = maillon(t, ['keys', 'import', 'piped', '--json'], { env, input: seed });
  assert.equal(await piped.exit, 0, piped.stderr);
  assert.equal((JSON.parse(piped.stdout) as Listed).did, alice.did);

  const rotated = await asked<{ did: string; retired: string }>(keys, 'rotate', 'alice');
  assert.notEqual(rotated.did, alice.did);
  const names = (await asked<{ keys: Listed[] }>(keys, 'list')).keys.map(({ name }) => name);
  assert.deepEqual(names, ['alice', rotated.retired, 'from-file', 'piped']);
});

test('a sealed key: made, exported and rotated with a passphrase from a file', {
  skip: noModes,
}, async (t) => {
  const data = join(scratch(t), 'data');
  const file = passphraseFile(t);
  const common = ['--data', data, '--passphrase-file', file];
  const plain = keysWith(t);
  const bob = await asked<Listed>(plain, 'new', 'bob', ...common);
  assert.equal(bob.sealed, true);
  const none = await plain('export', 'bob', '--stdout', '--data', data);
  assert.deepEqual([none.exit, none.stdout], [1, '']);
  assert.match(none.stderr, /bob\.key needs a passphrase.*MAILLON_IDENTITY_PASSPHRASE_FILE/);
  const wrong = ['--passphrase-file', passphraseFile(t, 'not the passphrase')];
  const refused = await plain('export', 'bob', '--stdout', '--json', '--data', data, ...wrong);
  assert.equal((JSON.parse(refused.stderr) as { code: string }).code, 'bad_passphrase');

  const keys = keysWith(t, { MAILLON_DATA: data, MAILLON_IDENTITY_PASSPHRASE_FILE: file });
  const pem = join(data, 'bob.pem');
  const encrypted = ['--pem-passphrase-file', passphraseFile(t, 'another for the PEM')];
  assert.equal((await keys('export', 'bob', '--out', pem, ...encrypted)).exit, 0);
  assert.match(readFileSync(pem, 'utf8'), /ENCRYPTED PRIVATE KEY/);
  const copy = await asked<Listed>(keys, 'import', 'copy', pem, ...encrypted, '--sealed');
  assert.deepEqual([copy.did, copy.sealed], [bob.did, true]);
  assert.equal((await asked<Listed>(keys, 'rotate', 'bob')).sealed, true);
  assert.equal((await asked<Listed>(keys, 'unseal', 'bob')).sealed, false);

  chmodSync(file, 0o644);
  const open = await keys('seal', 'bob');
  assert.equal(open.exit, 1);
  assert.match(open.stderr, /others may read .*chmod 600/);
});

test('what is wrong is one line that says what to do', async (t) => {
  const data = join(scratch(t), 'data');
  const keys = keysWith(t, { MAILLON_DATA: data });
  const file = join(scratch(t), 'file');
  writeFileSync(file, 'not a key');
  const cases: [string[], number, RegExp][] = [
    [['new'], 2, /missing required argument 'name'/],
    [['new', 'A b'], 2, /"A b" cannot be a key's name/],
    [['export', 'alice'], 2, /--out FILE, or --stdout/],
    [['export', 'alice', '--stdout', '--out', 'x'], 2, /cannot be used with/],
    [['export', 'alice', '--stdout'], 1, /there is no key alice .*maillon keys list/],
    [['import', 'alice', file], 1, /no key: a PKCS #8 PEM/],
    [['new', 'alice', '--sealed'], 1, /needs a passphrase/],
    [['new', 'alice', '--passphrase', 'hunter22'], 2, /unknown option '--passphrase'/],
  ];
  for (const [args, exit, message] of cases) {
    const said = await keys(...args);
    assert.equal(said.exit, exit, `${args.join(' ')}: ${said.stderr}`);
    assert.equal(said.stdout, '');
    assert.match(said.stderr, message);
    assert.match(said.stderr, /^maillon: [^\n]+\n$/, 'one line');
  }
  assert.equal(existsSync(data), false, 'nothing was made');
});

test('a node whose identity is sealed needs its passphrase to start; while it runs its identity stays as it is', async (t) => {
  const data = scratch(t);
  const file = passphraseFile(t);
  const keys = keysWith(t, { MAILLON_DATA: data });
  const swarm = ['--listen-host', '127.0.0.1', '--listen-tcp', '0', '--listen-ws', '0'];
  const doors = ['--gateway-port', '0', '--admin-port', '0'];
  const start = ['node', '--json', '--data', data, ...swarm, ...doors];
  const { did } = await asked<Listed>(keys, 'new', 'identity', '--passphrase-file', file);
  const locked = maillon(t, start);
  assert.equal(await locked.exit, 1);
  assert.equal(
    (JSON.parse(locked.stderr.trim().split('\n').at(-1) ?? '') as { code: string }).code,
    'passphrase_needed',
  );
  const node = maillon(t, [...start, '--identity-passphrase-file', file]);
  const { url } = JSON.parse(await node.firstLine()) as { url: string };
  assert.equal((await createClient({ url }).info()).author, did);
  for (const verb of ['rotate', 'seal']) {
    const held = await keys(verb, 'identity');
    assert.equal(held.exit, 1);
    assert.match(held.stderr, /a node runs on .*: stop it first/);
  }
  assert.equal((await asked<Listed>(keys, 'new', 'beside')).sealed, false);
  assert.ok(!`${node.stdout}${node.stderr}`.includes(PASSPHRASE));
  assert.equal((await node.end('SIGTERM')).exit, 0);
  const rotated = await asked<Listed>(keys, 'rotate', 'identity', '--passphrase-file', file);
  assert.notEqual(rotated.did, did);
});

test('on a terminal it asks twice, shows nothing, and opens what it sealed', {
  skip: noTerminal,
}, async (t) => {
  const data = join(scratch(t), 'data');
  const run = (args: string): Program => {
    const command = `${process.execPath} ${MAIN} keys ${args} --data ${data}`;
    return new Program(t, SCRIPT, ['-q', '-e', '-c', command, '/dev/null'], {
      stdin: 'open',
      env: { NO_COLOR: '1' },
    });
  };
  const making = run('new carol --sealed');
  await answer(making, /New passphrase for carol: $/, `${PASSPHRASE}x\u007f\r`);
  await answer(making, /Once more: $/, `${PASSPHRASE}\r`);
  assert.equal(await making.exit, 0, making.stdout);
  assert.match(making.stdout, /sealed +yes/);
  assert.ok(!making.stdout.includes(PASSPHRASE.slice(0, 7)), 'the passphrase is not shown');

  const exporting = run('export carol --stdout');
  await answer(exporting, /Passphrase of .*carol\.key: $/, `${PASSPHRASE}\r`);
  assert.equal(await exporting.exit, 0, exporting.stdout);
  assert.match(exporting.stdout, /BEGIN PRIVATE KEY/);

  const differing = run('new dave --sealed');
  await answer(differing, /New passphrase for dave: $/, `${PASSPHRASE}\r`);
  await answer(differing, /Once more: $/, 'something else\r');
  assert.equal(await differing.exit, 1);
  assert.match(differing.stdout, /the two passphrases differ/);

  const stopped = run('export carol --stdout');
  await answer(stopped, /Passphrase of .*: $/, 'abc\u0003');
  assert.equal(await stopped.exit, 1);
  assert.match(stopped.stdout, /no passphrase was given/);
});
