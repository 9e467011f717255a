import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isAlive, maillon, type Program, scratch, until } from '../support/processes.ts';

interface Ready {
  readonly ready: boolean;
  readonly nodes: readonly { peerId: string; multiaddrs: string[]; pid: number; http: string }[];
  readonly gateways: readonly { url: string; pid: number }[];
}

async function ready(swarm: Program): Promise<Ready> {
  return JSON.parse(await swarm.firstLine()) as Ready;
}

function pids({ nodes, gateways }: Ready): number[] {
  return [...nodes, ...gateways].map(({ pid }) => pid);
}

/** Fails the test early, and leaves nobody behind, whatever happened. */
function cleanUp(t: TestContext, swarm: Ready): void {
  t.after(() => {
    for (const pid of pids(swarm)) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
}

test('a swarm comes up, carries a message from node to gateway, and ends with nobody left', async (t) => {
  const data = scratch(t);
  const swarm = maillon(t, ['swarm', '--nodes', '3', '--gateways', '1', '--data', data]);
  const up = await ready(swarm);
  cleanUp(t, up);
  assert.equal(up.ready, true);
  assert.equal(up.nodes.length, 3);
  assert.equal(up.gateways.length, 1);
  for (const { peerId, multiaddrs, http } of up.nodes) {
    assert.ok(
      multiaddrs.every((address) => address.startsWith('/ip4/127.0.0.1/') && address.endsWith(peerId)),
    );
    const readiness = await fetch(`${http}/readyz`);
    assert.equal(readiness.status, 200, await readiness.text());
  }
  const sub = maillon(t, ['sub', 'news', '--count', '1', '--url', up.gateways[0]?.url ?? '']);
  await until('the subscription is live', () => sub.stderr.includes('listening to news'));
  const pub = maillon(t, ['pub', 'news', 'hello', '--url', up.nodes[2]?.http ?? '']);
  assert.equal(await pub.exit, 0, pub.stderr);
  assert.match(pub.stdout, /to [1-9]\d* peer/);
  assert.equal(await sub.exit, 0, sub.stderr);
  assert.equal(sub.stdout, 'hello\n');

  const { exit, ms } = await swarm.end('SIGINT');
  assert.equal(exit, 0, swarm.stderr);
  assert.ok(ms < 3000, `${ms} ms`);
  assert.deepEqual(pids(up).filter(isAlive), []);
  assert.equal(swarm.stdout.trim().split('\n').length, 1, 'one line');
  assert.ok(existsSync(join(data, 'node-0.log')), 'what was asked to be kept is kept');
});

test('a launcher that is killed leaves nobody behind', async (t) => {
  const swarm = maillon(t, ['swarm', '--nodes', '2', '--gateways', '1', '--data', scratch(t)]);
  const up = await ready(swarm);
  cleanUp(t, up);
  await swarm.end('SIGKILL');
  await until('every process is gone', () => !pids(up).some(isAlive), 5000);
});

test('a swarm that is up outlives a member, and says so', async (t) => {
  const swarm = maillon(t, ['swarm', '--nodes', '2', '--gateways', '0', '--data', scratch(t)]);
  const up = await ready(swarm);
  cleanUp(t, up);
  process.kill(up.nodes[1]?.pid ?? 0, 'SIGKILL');
  await until('it is noticed', () => /node-1 \(pid \d+\) is gone/.test(swarm.stderr));
  assert.equal((await fetch(`${up.nodes[0]?.http}/livez`)).status, 200);
  process.kill(up.nodes[0]?.pid ?? 0, 'SIGKILL');
  assert.equal(await swarm.exit, 1, 'with nobody left it ends');
});

async function ownerAt(url: string | undefined): Promise<string> {
  const { node } = (await (await fetch(`${url}/v1/status`)).json()) as { node: { owner: string } };
  return node.owner;
}

test('a member that is started again by hand is the same node of the same owner', async (t) => {
  // without the owner that the test run sets for all
  const env = { HOME: scratch(t), MAILLON_IDENTITY_OWNER_KEY: undefined };
  const swarm = maillon(t, ['swarm', '--nodes', '2', '--gateways', '0', '--data', scratch(t)], { env });
  const up = await ready(swarm);
  cleanUp(t, up);
  const owner = await ownerAt(up.nodes[0]?.http);
  process.kill(up.nodes[1]?.pid ?? 0, 'SIGKILL');
  const [, command = ''] = await until('it says how to start it again', () =>
    /node-1 \(pid \d+\) is gone; to start it again: maillon (.*)\n/.exec(swarm.stderr),
  );
  const again = maillon(t, [...command.split(' '), '--json'], { env });
  const { url, peerId } = JSON.parse(await again.firstLine()) as { url: string; peerId: string };
  assert.equal(peerId, up.nodes[1]?.peerId);
  assert.equal(await ownerAt(url), owner);
  await until('it is back in its swarm', async () => (await fetch(`${url}/readyz`)).status === 200);
  assert.equal((await again.end('SIGTERM')).exit, 0);
});

test('a member that cannot start takes the swarm down with the end of its log', async (t) => {
  const data = scratch(t);
  const swarm = maillon(t, ['swarm', '--nodes', '2', '--data', data], {
    env: { MAILLON_GOSSIP_DEGREE: '1' },
  });
  assert.equal(await swarm.exit, 1);
  assert.equal(swarm.stdout, '');
  assert.match(swarm.stderr, /maillon: node-0 ended before it was ready \(exit code 2\): .*gossip\.degree/);
});

test('ports follow from --base-port', async (t) => {
  // Out of the range from which the system hands out ports of its own.
  const base = 21_000 + (process.pid % 500) * 8;
  const swarm = maillon(t, [
    'swarm',
    '--nodes',
    '2',
    '--gateways',
    '1',
    '--base-port',
    String(base),
    '--data',
    scratch(t),
  ]);
  const up = await ready(swarm);
  cleanUp(t, up);
  assert.deepEqual(
    up.nodes.map(({ http }) => Number(new URL(http).port)),
    [base + 1000, base + 1001],
  );
  assert.equal(Number(new URL(up.gateways[0]?.url ?? '').port), base + 1002);
  assert.ok(up.nodes[1]?.multiaddrs.some((address) => address.includes(`/tcp/${base + 2}/p2p/`)));
  assert.ok(up.nodes[1]?.multiaddrs.some((address) => address.includes(`/tcp/${base + 3}/ws/`)));
  assert.equal((await swarm.end('SIGTERM')).exit, 0);
});
