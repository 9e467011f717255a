import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { PASSPHRASE, passphraseFile } from '../support/passphrases.ts';
import { maillon, Program, type RunOptions, scratch, until } from '../support/processes.ts';
import { ROOT } from '../support/sources.ts';

const MAIN = join(ROOT, 'gateway/main.ts');
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

/** Runs `maillon keys …` to its end. */
async function keys(t: TestContext, args: readonly string[], options?: RunOptions) {
  const program = maillon(t, ['keys', ...args], options);
  const exit = await program.exit;
  return { exit, stdout: program.stdout, stderr: program.stderr };
}

/** What it says with `--json`. Fails when it fails. */
async function asked<T>(t: TestContext, args: readonly string[], options?: RunOptions): Promise<T> {
  const { exit, stdout, stderr } = await keys(t, [...args, '--json'], options);
  assert.equal(exit, 0, stderr);
  return JSON.parse(stdout) as T;
}

/** Types `text` when it is asked `question`: not before, or the terminal itself would show it. */
async function answer(program: Program, question: RegExp, text: string): Promise<void> {
  await until(String(question), () => question.test(program.stdout));
  program.process.stdin?.write(text);
}

test('every command of keys explains itself', async (t) => {
  const verbs = ['list', 'new', 'import', 'export', 'rotate', 'seal', 'unseal'];
  for (const args of [[], ...verbs.map((verb) => [verb])]) {
    const { exit, stdout } = await keys(t, [...args, '--help']);
    assert.equal(exit, 0);
    assert.match(stdout, /Examples:\n {2}\$ .*maillon keys/, args.join());
    assert.match(stdout, /--json/, args.join());
  }
});

test('keys are made, listed, rotated, exported and imported without a node', async (t) => {
  const data = join(scratch(t), 'data');
  const env = { MAILLON_DATA: data };
  assert.match((await keys(t, ['list'], { env })).stdout, /^no keys in /);
  const alice = await asked<Listed>(t, ['new', 'alice'], { env });
  assert.match(alice.did, /^did:key:z6Mk/);
  const { keys: listed } = await asked<{ keys: Listed[] }>(t, ['list'], { env });
  assert.deepEqual(listed, [alice]);
  const table = (await keys(t, ['list', '--data', data])).stdout;
  assert.match(
    table,
    new RegExp(`^NAME +SEALED +CREATED +DID\\nalice +no +\\d{4}-\\d\\d-\\d\\d +${alice.did}\\n$`),
  );

  const pem = join(data, 'alice.pem');
  const wrote = await asked<{ did: string; out: string }>(t, ['export', 'alice', '--out', pem], { env });
  assert.deepEqual([wrote.did, wrote.out], [alice.did, pem]);
  if (!noModes) assert.equal(statSync(pem).mode & 0o777, 0o600);
  const again = await keys(t, ['export', 'alice', '--out', pem], { env });
  assert.equal(again.exit, 1);
  assert.match(again.stderr, /is there already/);
  assert.equal((await asked<Listed>(t, ['import', 'from-file', pem], { env })).did, alice.did);
  const seed = (await keys(t, ['export', 'alice', '--form', 'seed', '--stdout'], { env })).stdout;
  assert.match(seed, /^[0-9a-f]{64}\n$/);
  assert.equal((await asked<Listed>(t, ['import', 'piped'], { env, input: seed })).did, alice.did);

  const rotated = await asked<{ did: string; retired: string }>(t, ['rotate', 'alice'], { env });
  assert.notEqual(rotated.did, alice.did);
  const names = (await asked<{ keys: Listed[] }>(t, ['list'], { env })).keys.map(({ name }) => name);
  assert.deepEqual(names, ['alice', rotated.retired, 'from-file', 'piped']);
});

test('a sealed key: made, exported and rotated with a passphrase from a file', {
  skip: noModes,
}, async (t) => {
  const data = join(scratch(t), 'data');
  const file = passphraseFile(t);
  const common = ['--data', data, '--passphrase-file', file];
  const bob = await asked<Listed>(t, ['new', 'bob', ...common]);
  assert.equal(bob.sealed, true);
  const none = await keys(t, ['export', 'bob', '--stdout', '--data', data]);
  assert.deepEqual([none.exit, none.stdout], [1, '']);
  assert.match(none.stderr, /bob\.key needs a passphrase.*MAILLON_IDENTITY_PASSPHRASE_FILE/);
  const wrong = ['--passphrase-file', passphraseFile(t, 'not the passphrase')];
  const refused = await keys(t, ['export', 'bob', '--stdout', '--json', '--data', data, ...wrong]);
  assert.equal((JSON.parse(refused.stderr) as { code: string }).code, 'bad_passphrase');

  const env = { MAILLON_DATA: data, MAILLON_IDENTITY_PASSPHRASE_FILE: file };
  const pem = join(data, 'bob.pem');
  const encrypted = ['--pem-passphrase-file', passphraseFile(t, 'another for the PEM')];
  assert.equal((await keys(t, ['export', 'bob', '--out', pem, ...encrypted], { env })).exit, 0);
  assert.match(readFileSync(pem, 'utf8'), /ENCRYPTED PRIVATE KEY/);
  const copy = await asked<Listed>(t, ['import', 'copy', pem, ...encrypted, '--sealed'], { env });
  assert.deepEqual([copy.did, copy.sealed], [bob.did, true]);
  assert.equal((await asked<Listed>(t, ['rotate', 'bob'], { env })).sealed, true);
  assert.equal((await asked<Listed>(t, ['unseal', 'bob'], { env })).sealed, false);

  chmodSync(file, 0o644);
  const open = await keys(t, ['seal', 'bob'], { env });
  assert.equal(open.exit, 1);
  assert.match(open.stderr, /others may read .*chmod 600/);
});

test('what is wrong is one line that says what to do', async (t) => {
  const data = join(scratch(t), 'data');
  const env = { MAILLON_DATA: data };
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
    const said = await keys(t, args, { env });
    assert.equal(said.exit, exit, `${args.join(' ')}: ${said.stderr}`);
    assert.equal(said.stdout, '');
    assert.match(said.stderr, message);
    assert.match(said.stderr, /^maillon: [^\n]+\n$/, 'one line');
  }
  assert.equal(existsSync(data), false, 'nothing was made');
});

test('what changes the identity waits for the node to be stopped', async (t) => {
  const data = scratch(t);
  const flags = ['--data', data, '--listen-host', '127.0.0.1', '--listen-tcp', '0', '--listen-ws', '0'];
  const node = maillon(t, ['node', '--json', ...flags, '--gateway-port', '0', '--admin-port', '0']);
  await node.firstLine();
  const before = await asked<{ keys: Listed[] }>(t, ['list', '--data', data]);
  for (const verb of ['rotate', 'seal']) {
    const held = await keys(t, [verb, 'identity', '--data', data]);
    assert.equal(held.exit, 1);
    assert.match(held.stderr, /a node runs on .*: stop it first/);
  }
  assert.equal((await asked<Listed>(t, ['new', 'beside', '--data', data])).sealed, false);
  await node.end('SIGTERM');
  const { did } = await asked<Listed>(t, ['rotate', 'identity', '--data', data]);
  const identity = before.keys.find(({ name }) => name === 'identity');
  assert.match(identity?.did ?? '', /^did:key:z6Mk/);
  assert.notEqual(did, identity?.did);
});

test('a node whose identity is sealed starts with its passphrase, and says what it needs', async (t) => {
  const data = scratch(t);
  const flags = ['--data', data, '--listen-host', '127.0.0.1', '--listen-tcp', '0', '--listen-ws', '0'];
  const file = passphraseFile(t);
  const start = ['node', '--json', ...flags, '--gateway-port', '0', '--admin-port', '0'];
  const { did } = await asked<Listed>(t, ['new', 'identity', '--data', data, '--passphrase-file', file]);
  const locked = maillon(t, start);
  assert.equal(await locked.exit, 1);
  assert.equal(
    (JSON.parse(locked.stderr.trim().split('\n').at(-1) ?? '') as { code: string }).code,
    'passphrase_needed',
  );
  const node = maillon(t, [...start, '--identity-passphrase-file', file]);
  const { url } = JSON.parse(await node.firstLine()) as { url: string };
  const id = maillon(t, ['id', '--json', '--url', url]);
  await id.exit;
  assert.equal((JSON.parse(id.stdout) as { author: string }).author, did);
  assert.ok(!`${node.stdout}${node.stderr}`.includes(PASSPHRASE));
  assert.equal((await node.end('SIGTERM')).exit, 0);
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
