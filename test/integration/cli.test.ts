import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { maillon, Program, type RunOptions, scratch, until } from '../support/processes.ts';
import { type Finished, Shell } from '../support/shell.ts';
import { ROOT } from '../support/sources.ts';

/** Swarm flags of a node that touches nothing outside `data` and takes free ports. */
function swarmFlags(data: string): string[] {
  return ['--data', data, '--listen-host', '127.0.0.1', '--listen-tcp', '0', '--listen-ws', '0'];
}

function nodeFlags(data: string): string[] {
  return [...swarmFlags(data), '--gateway-port', '0'];
}

interface Ready {
  readonly ready: boolean;
  readonly peerId: string;
  readonly url: string | null;
  readonly pid: number;
}

/** Runs a command to its end. */
async function finished(t: TestContext, args: readonly string[], options?: RunOptions): Promise<Finished> {
  const program = maillon(t, args, options);
  const exit = await program.exit;
  return { exit, stdout: program.stdout, stderr: program.stderr };
}

/** A shell for many commands. */
function shellOf(t: TestContext, env: NodeJS.ProcessEnv = {}): Shell {
  const shell = new Shell({ env });
  t.after(() => shell.end());
  return shell;
}

test('what is not understood is one line that says what and where to look, exit code 2', async (t) => {
  const cases: [string[], RegExp][] = [
    [['nodee'], /unknown command 'nodee' \(did you mean one of node, nodes\?/],
    [['node', '--gateway-prot', '1'], /unknown option '--gateway-prot' \(did you mean --gateway-port\?/],
    [['node', '--gateway-port', 'x'], /gateway\.port \(from flag --gateway-port\) must be a whole number/],
    [['node', '--config', 'absent.yaml'], /absent\.yaml: there is no such file/],
    [['gateway'], /--bootstrap/],
    [['pub'], /missing required argument 'topic'/],
    [['pub', 't', 'm', '--url', 'nowhere'], /"nowhere" is no gateway's URL/],
    [['swarm', '--nodes', '0'], /whole number from 1 to 100/],
    [['swarm', '--base-port', '65000'], /--base-port must be at most/],
  ];
  const shell = shellOf(t);
  for (const [args, message] of cases) {
    const { exit, stdout, stderr } = await shell.run(args);
    assert.equal(exit, 2, `${args.join(' ')}: ${stderr}`);
    assert.equal(stdout, '');
    assert.match(stderr, message);
    assert.match(stderr, /^maillon: [^\n]+\n$/, 'one line');
  }
});

test('with --json an error is one JSON line', async (t) => {
  const bad = await finished(t, ['node', '--json'], { env: { MAILLON_GATEWAY_PROT: '1' } });
  assert.equal(bad.exit, 2);
  const { error, code } = JSON.parse(bad.stderr) as { error: string; code: string };
  assert.equal(code, 'bad_config');
  assert.match(error, /MAILLON_GATEWAY_PROT .*MAILLON_GATEWAY_PORT/);
  const gone = await finished(t, ['id', '--json', '--url', 'http://127.0.0.1:1']);
  assert.equal(gone.exit, 1);
  assert.equal((JSON.parse(gone.stderr) as { code: string }).code, 'unreachable');
});

test('the launcher hands over to the Node of the install, and passes the exit code on', async (t) => {
  const old = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path)) ?? process.execPath;
  const version = new Program(t, old, [join(ROOT, 'gateway/maillon.js'), '--version']);
  assert.equal(await version.exit, 0, version.stderr);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  const wrong = new Program(t, old, [join(ROOT, 'gateway/maillon.js'), 'nodee']);
  assert.equal(await wrong.exit, 2);
});

test('npx maillon is the command of this checkout', async (t) => {
  const program = new Program(t, 'npx', ['maillon', '--help']);
  assert.equal(await program.exit, 0, program.stderr);
  assert.match(program.stdout, /^Usage: maillon/);
});

test('a node says its URL first, carries a message, refuses a second on its data, and stops', async (t) => {
  const data = scratch(t);
  const node = maillon(t, ['node', ...nodeFlags(data), '--bootstrap-peer']);
  const url = await node.firstLine();
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
  await until('the line for others', () => node.stdout.split('\n').length > 2);
  assert.match(node.stdout.split('\n')[1] ?? '', /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3\w+,/);
  assert.match(node.stderr, /is let in as the operator/);

  const env = { MAILLON_URL: url };
  const shell = shellOf(t, env);
  const sub = maillon(t, ['sub', 'news', '--count', '4', '--json'], { env });
  await until('the subscription is live', () => sub.stderr.includes('listening to news'));
  const { node: account } = (await (await fetch(`${url}/v1/status`)).json()) as {
    node: { operator: { did: string } };
  };
  assert.ok(
    sub.stderr.includes(`listening to news of yours (did:key:…${account.operator.did.slice(-4)})`),
    sub.stderr,
  );
  const pub = await finished(t, ['pub', 'news', 'hello'], { env });
  assert.equal(pub.exit, 0, pub.stderr);
  assert.match(pub.stdout, /^published b\w+:0 to 0 peers \(only subscribers of this node get it\)\n$/);
  assert.equal((await finished(t, ['pub', 'news', '--lines'], { env, input: 'one\ntwo\n' })).exit, 0);
  const whole = await finished(t, ['pub', 'news', '--json'], { env, input: 'three\nfour\n' });
  assert.equal((JSON.parse(whole.stdout) as { peersReached: number }).peersReached, 0);
  assert.equal(await sub.exit, 0, sub.stderr);
  const messages = sub.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { data_base64: string; seq: number });
  const texts = messages.map(({ data_base64 }) => Buffer.from(data_base64, 'base64').toString());
  assert.deepEqual(texts, ['hello', 'one', 'two', 'three\nfour\n']);

  const status = await shell.run(['status', '--json']);
  assert.equal((JSON.parse(status.stdout) as { node: { role: string } }).node.role, 'full');
  assert.match((await shell.run(['id'])).stdout, /peer id +12D3\w+\nauthor +did:key:z6Mk/);
  assert.equal((await shell.run(['peers'])).stdout, 'no peers\n');
  const said = async (...args: string[]) => (await shell.run(args)).stdout;
  assert.match(await said('peer-id'), /^12D3\w+\n$/);
  assert.match(await said('health'), /^health +ok\nuptime +/);
  assert.match(await said('version'), /^\d+\.\d+\.\d+ \(/);
  await said('storage', 'put', 'k', 'v');
  assert.equal(await said('storage', 'get', 'k'), 'v');
  assert.equal(JSON.parse(await said('storage', '--json', 'list')).key, 'k');
  assert.match(await said('pubsub', 'publish', 'news', 'five'), /^published /);
  assert.deepEqual(JSON.parse(await said('pubsub', '--json', 'topics')), { topics: ['news'] });

  const second = await finished(t, ['node', ...nodeFlags(data)]);
  assert.equal(second.exit, 1);
  assert.match(second.stderr, /maillon: process \d+ with the gateway http:\S+ runs on the data directory/);

  const { exit, ms } = await node.end('SIGTERM');
  assert.equal(exit, 0, node.stderr);
  assert.ok(ms < 3000, `${ms} ms`);
});

test('npm start says the URL first, and a SIGINT to npm stops the node within 3 s', async (t) => {
  const data = scratch(t);
  const npm = new Program(t, 'npm', ['--silent', 'start', '--', ...nodeFlags(data)]);
  const url = await npm.firstLine();
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal((await fetch(`${url}/livez`)).status, 200);
  const { ms } = await npm.end('SIGINT');
  assert.ok(ms < 3000, `${ms} ms`);
  await until('the gateway is gone', async () =>
    fetch(`${url}/livez`).then(
      () => false,
      () => true,
    ),
  );
});

test('a taken port: the next free one unless it was asked for', async (t) => {
  const taken = createServer().listen(8080, '127.0.0.1');
  // The port is taken either way.
  await new Promise((resolve) => taken.once('listening', resolve).once('error', resolve));
  t.after(() => taken.close());
  const node = maillon(t, ['node', ...swarmFlags(scratch(t))]);
  const port = Number(new URL(await node.firstLine()).port);
  assert.ok(port > 8080 && port < 8180, `port ${port}`);
  const strict = await finished(t, ['node', ...swarmFlags(scratch(t)), '--gateway-port', '8080']);
  assert.equal(strict.exit, 1);
  assert.match(strict.stderr, /8080/);
});

test('a signal while it waits for a bootstrap peer that never answers ends it within 3 s', async (t) => {
  const peer = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN';
  const flags = nodeFlags(scratch(t));
  const node = maillon(t, [
    'node',
    ...flags,
    '--bootstrap',
    `/ip4/127.0.0.1/tcp/1/p2p/${peer}`,
    '--log-level',
    'info',
  ]);
  await until('it has begun', () => node.stderr.includes('node started'));
  const { ms } = await node.end('SIGINT');
  assert.ok(ms < 3000, `${ms} ms`);
});

test('ready with --json is one line; a node killed without warning starts again as the same peer, without a gateway if so said', async (t) => {
  const data = scratch(t);
  const begun = performance.now();
  const first = maillon(t, ['node', '--json', ...nodeFlags(data)]);
  const { peerId, url, pid } = JSON.parse(await first.firstLine()) as Ready;
  assert.equal(pid, first.process.pid);
  assert.match(url ?? '', /^http:/);
  const firstMs = performance.now() - begun;
  await first.end('SIGKILL');
  const since = performance.now();
  const second = maillon(t, ['node', '--json', ...nodeFlags(data), '--no-gateway-enabled']);
  const ready = JSON.parse(await second.firstLine()) as Ready;
  const ms = performance.now() - since;
  assert.ok(ms < Math.max(5000, 2 * firstMs), `${ms} ms, and ${firstMs} ms the first time`);
  assert.deepEqual([ready.ready, ready.peerId, ready.url], [true, peerId, null]);
  assert.equal((await second.end('SIGINT')).exit, 0);
});
