/** The process that a user starts may hand over to another one, which must not outlive it. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isAlive, Program, scratch, until } from '../support/processes.ts';
import { ROOT } from '../support/sources.ts';

const LAUNCHER = join(ROOT, 'gateway/maillon.js');
/** The system's Node, older than 24 on many machines; this one hands over as well, since it lacks the flags of a server. */
const SYSTEM_NODE = '/usr/bin/node';
const NODE = existsSync(SYSTEM_NODE) ? SYSTEM_NODE : process.execPath;

function launched(t: TestContext, home: string, ...args: string[]): Program {
  return new Program(t, NODE, [LAUNCHER, ...args], { env: { HOME: home } });
}

async function startNode(
  t: TestContext,
): Promise<{ launcher: Program; pid: number; url: string; home: string }> {
  const home = scratch(t);
  const ports = ['--listen-tcp', '0', '--listen-ws', '0', '--gateway-port', '0', '--admin-port', '0'];
  const launcher = launched(
    t,
    home,
    'node',
    '--json',
    '--data',
    join(home, 'data'),
    ...ports,
    '--no-network-quic',
  );
  const { pid, url } = JSON.parse(await launcher.firstLine()) as { pid: number; url: string };
  assert.notEqual(pid, launcher.process.pid, 'the node is a process of its own');
  return { launcher, pid, url, home };
}

test('a launcher that is killed takes its node along, which stops cleanly', async (t) => {
  const { launcher, pid } = await startNode(t);
  launcher.process.kill('SIGKILL');
  await until('the node is gone', () => !isAlive(pid));
  // standard error is shared with the node: it ends with whoever has it last
  await launcher.exit;
  assert.match(launcher.stderr, /gateway stopped/);
  assert.match(launcher.stderr, /node stopped/);
});

test('a signal to the launcher stops the node, whose exit code it has', async (t) => {
  const { launcher, pid } = await startNode(t);
  const { exit } = await launcher.end('SIGTERM');
  assert.equal(exit, 0);
  assert.equal(isAlive(pid), false);
});

test('a launcher that is killed takes a client command along', async (t) => {
  const { url, home } = await startNode(t);
  const sub = launched(t, home, 'sub', 'news', '--url', url);
  await until('it listens', () => sub.stderr.includes('news'));
  sub.process.kill('SIGKILL');
  // its pipes are closed when whoever shares them is gone, too
  await sub.exit;
});
