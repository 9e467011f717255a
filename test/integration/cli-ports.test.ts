/** Where a node listens, what it says of that, and how the command line finds it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { maillon, type Program, scratch, until } from '../support/processes.ts';

const SWARM = ['--listen-host', '127.0.0.1', '--listen-tcp', '0', '--listen-ws', '0', '--no-network-quic'];
const USUAL_PORT = 8080;

interface Ready {
  readonly url: string;
  readonly urls: readonly string[];
  readonly peerId: string;
  readonly pid: number;
}

function start(t: TestContext, home: string, ...flags: string[]): Program {
  return maillon(t, ['node', '--admin-port', '0', ...SWARM, ...flags], { cwd: home, env: { HOME: home } });
}

async function ready(program: Program): Promise<Ready> {
  return JSON.parse(await program.firstLine()) as Ready;
}

async function said(t: TestContext, home: string, ...args: string[]): Promise<Program> {
  const program = maillon(t, args, { cwd: home, env: { HOME: home } });
  await program.exit;
  return program;
}

async function occupy(t: TestContext, port: number): Promise<number> {
  const server: Server = createServer();
  const taken = await new Promise<boolean>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      // somebody else's does as well
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (!taken) return port;
  t.after(() => void server.close());
  return (server.address() as AddressInfo).port;
}

test('the usual port is taken: the node says so, and commands find the node of their directory', async (t) => {
  await occupy(t, USUAL_PORT);
  const home = scratch(t);
  const node = start(t, home, '--json');
  const { url, peerId, pid } = await ready(node);
  const { port } = new URL(url);
  assert.notEqual(port, String(USUAL_PORT));
  assert.match(
    node.stderr,
    new RegExp(`port ${USUAL_PORT} is taken by another process; the gateway listens on ${port} instead`),
  );

  const path = join(home, 'data', 'run.json');
  const run = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  assert.deepEqual([run['gateway'], run['pid'], run['peerId']], [url, pid, peerId]);
  assert.equal((await said(t, home, 'peer-id')).stdout, `${peerId}\n`);
  assert.match((await said(t, home, 'storage', 'scrub')).stdout, /verified|read/);

  assert.equal((await node.end('SIGTERM')).exit, 0);
  assert.equal(existsSync(path), false, 'removed at a clean stop');
});

test('a killed node leaves a file that counts for nothing: the command says that none runs here', async (t) => {
  const home = scratch(t);
  const node = start(t, home, '--json', '--gateway-port', '0');
  const { url } = await ready(node);
  await node.end('SIGKILL');
  assert.ok(existsSync(join(home, 'data', 'run.json')));
  const { stderr } = await said(t, home, 'peer-id');
  assert.match(
    stderr,
    /^no node runs on \.\/data: asking http:\/\/127\.0\.0\.1:8080, which is another node's/,
  );
  assert.ok(!stderr.includes(url));
});

test('a node without a gateway is not taken for another one', async (t) => {
  const home = scratch(t);
  const node = start(t, home, '--json', '--no-gateway-enabled');
  await ready(node);
  const { stderr, exit } = await said(t, home, 'status');
  assert.equal(await exit, 1);
  assert.match(stderr, /the node that runs on \.\/data \(process \d+\) has no gateway: .*--url/);
});

test('a port that was asked for and is taken ends the start, and the setting is named', async (t) => {
  const port = String(await occupy(t, 0));
  const home = scratch(t);
  for (const [flag, setting] of [
    ['--gateway-port', 'gateway.port'],
    ['--admin-port', 'admin.port'],
    ['--listen-tcp', 'listen.tcp'],
  ] as const) {
    const node = start(t, home, '--gateway-port', '0', flag, port);
    assert.equal(await node.exit, 1, flag);
    assert.match(node.stderr, new RegExp(`maillon: ${setting}: port ${port} is taken by another process`));
  }
});

test('of all addresses the URL is one that can be opened, in the log, too', async (t) => {
  const beyond = ['--gateway-host', '0.0.0.0', '--gateway-auth', 'required', '--gateway-plain-http'];
  const names = ['--gateway-allowed-hosts', 'gw.example,gw.example:443'];
  const node = start(t, scratch(t), '--json', '--gateway-port', '0', ...beyond, ...names);
  const { url, urls } = await ready(node);
  const { port } = new URL(url);
  assert.equal(url, `http://127.0.0.1:${port}`);
  assert.deepEqual(urls, [url, `http://gw.example:${port}`, 'http://gw.example:443']);
  assert.equal((await fetch(`${url}/livez`)).status, 200);
  assert.doesNotMatch(node.stderr, /\/\/(0\.0\.0\.0|\[::\])/);
});

test('the first URL is the gateway’s, in the log as well', async (t) => {
  const node = start(t, scratch(t), '--gateway-port', '0');
  const url = await node.firstLine();
  await until('it says where the admin listener is', () => node.stderr.includes('admin listener serves'));
  assert.equal(/https?:\/\/[^"\s]+/.exec(node.stderr)?.[0], url);
});

test('of two that start at once on one directory one gets it, and the other says who has it', async (t) => {
  const home = scratch(t);
  const both = [start(t, home, '--gateway-port', '0'), start(t, home, '--gateway-port', '0')];
  const loser = await Promise.race(both.map(async (one) => one.exit.then(() => one)));
  assert.equal(await loser.exit, 1);
  assert.match(
    loser.stderr,
    /maillon: (another node|process \d+.*) runs on the data directory .*: stop it, or set MAILLON_DATA/,
  );
  const winner = both.find((one) => one !== loser);
  assert.match((await winner?.firstLine()) ?? '', /^http:/);
  // a port that is taken, too, is not what keeps it from starting
  const third = start(t, home, '--admin-port', String(await occupy(t, 0)));
  assert.equal(await third.exit, 1);
  assert.match(third.stderr, new RegExp(`maillon: process ${winner?.process.pid} with the gateway http:`));
});

test('nodes that start at once race for the usual ports, and each gets its own', async (t) => {
  const nodes = Array.from({ length: 4 }, () => {
    const home = scratch(t);
    return maillon(t, ['node', '--json', '--listen-host', '127.0.0.1'], { cwd: home, env: { HOME: home } });
  });
  const urls = await Promise.all(nodes.map(async (node) => (await ready(node)).url));
  assert.equal(new Set(urls).size, nodes.length);
});
