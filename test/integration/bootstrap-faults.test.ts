/** A bootstrap address that leads nowhere: the node says why, and what to do, in its log, its status and to whom asks whether it is ready. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Config, MaillonNode } from '../../node/index.ts';
import { startNode, tcpAddress } from '../support/node.ts';
import { maillon, scratch, until } from '../support/processes.ts';
import { startSite } from '../support/start-gateway.ts';

const NOBODY = '12D3KooWJ2VSGMpkqbRDtDnjA9XWKhkWw7bdHMbXEnLtjpQ6Qk5f';

async function listening(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A port at which nothing listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function networkKey(t: TestContext, digit: string): string {
  const path = join(scratch(t), 'swarm.key');
  writeFileSync(path, `/key/swarm/psk/1.0.0/\n/base16/\n${digit.repeat(64)}\n`, { mode: 0o600 });
  return path;
}

/** The code of each address's fault, once each has one. */
async function faultsOf(
  node: MaillonNode,
): Promise<Record<string, { code: string; reason: string; next: string }>> {
  return until('every address has a fault', () => {
    const views = node.status().bootstrap;
    if (views.some(({ fault }) => fault === null)) return null;
    return Object.fromEntries(
      views.flatMap(({ address, fault }) => (fault === null ? [] : [[address, fault]])),
    );
  });
}

async function joining(
  t: TestContext,
  bootstrap: readonly string[],
  settings: Partial<Config> = {},
): Promise<MaillonNode> {
  return startNode(t, { settings: { ...settings, bootstrap: [...bootstrap] } });
}

test('each kind of wrong address has its cause and its next step', async (t) => {
  const other = await startNode(t);
  const address = tcpAddress(other);
  const { peerId } = other.status();
  const ws = other.status().addresses.find((one) => one.includes('/ws')) ?? '';
  const web = await listening(
    t,
    createHttp((_request, response) => response.end('hi')),
  );
  const silent = await listening(
    t,
    createServer((socket) => void socket.on('error', () => undefined)),
  );
  const closed = await freePort();
  const cases: readonly [address: string, code: string, reason: RegExp, next: RegExp][] = [
    [`/ip4/127.0.0.1/tcp/${closed}/p2p/${NOBODY}`, 'refused', /nothing listens/, /host and port/],
    [`/ip4/127.0.0.1/tcp/${closed}/ws/p2p/${NOBODY}`, 'refused', /nothing listens/, /host and port/],
    [`/dns4/no-such-host.invalid/tcp/4411/p2p/${NOBODY}`, 'name_not_found', /no-such-host\.invalid/, /name/],
    [
      `/dns4/no-such-host.invalid/tcp/4412/ws/p2p/${NOBODY}`,
      'name_not_found',
      /no-such-host\.invalid/,
      /name/,
    ],
    [
      address.replace(peerId, NOBODY),
      'other_peer',
      new RegExp(peerId),
      new RegExp(`/p2p/${peerId} into bootstrap`),
    ],
    [ws.replace(peerId, NOBODY), 'other_peer', new RegExp(peerId), /into bootstrap/],
    [`/ip4/127.0.0.1/tcp/${web}/p2p/${NOBODY}`, 'not_a_node', /not as a node/, /4411 is for \/tcp/],
    [`/ip4/127.0.0.1/tcp/${web}/ws/p2p/${NOBODY}`, 'not_a_node', /not as a node/, /4412 for \/ws/],
    [`/ip4/127.0.0.1/tcp/${silent}/p2p/${NOBODY}`, 'not_a_node', /not as a node/, /network\.keyFile/],
  ];
  const nodes = await Promise.all(cases.map(async ([wrong]) => joining(t, [wrong])));
  for (const [index, [wrong, code, reason, next]] of cases.entries()) {
    const fault = (await faultsOf(nodes[index] as MaillonNode))[wrong];
    assert.equal(fault?.code, code, wrong);
    assert.match(fault?.reason ?? '', reason, wrong);
    assert.match(fault?.next ?? '', next, wrong);
  }
});

test('of several addresses each has its own fault, and one that leads to the peer is enough', async (t) => {
  const other = await startNode(t);
  const right = tcpAddress(other);
  const { peerId } = other.status();
  const closed = `/ip4/127.0.0.1/tcp/${await freePort()}/p2p/${peerId}`;
  const unnamed = `/dns4/no-such-host.invalid/tcp/4411/p2p/${peerId}`;
  const lost = await joining(t, [closed, unnamed]);
  const faults = await faultsOf(lost);
  assert.deepEqual([faults[closed]?.code, faults[unnamed]?.code], ['refused', 'name_not_found']);
  const node = await joining(t, [closed, unnamed, right]);
  const views = await until('it is connected', () => {
    const all = node.status().bootstrap;
    return all.every(({ state }) => state === 'connected') && all;
  });
  assert.deepEqual(
    views.map(({ fault }) => fault),
    [null, null, null],
  );
});

test('a peer of another swarm is recognised, hung up on, and named', async (t) => {
  const other = await startNode(t, { settings: { swarm: 'theirs' } });
  const node = await joining(t, [tcpAddress(other)], { swarm: 'ours' });
  const fault = (await faultsOf(node))[tcpAddress(other)];
  assert.equal(fault?.code, 'other_swarm');
  assert.equal(fault?.reason, 'that peer says it belongs to swarm "theirs", this node to "ours"');
  assert.match(fault?.next ?? '', /--swarm theirs/);
  await until(
    'neither is connected with the other',
    () => node.status().peers === 0 && other.status().peers === 0,
  );
  const probe = (await node.probe()).find(({ name }) => name === 'peers');
  assert.equal(probe?.ok, false);
});

test('another network key, and this node itself', async (t) => {
  const secured = await startNode(t, { settings: { 'network.keyFile': networkKey(t, 'a') } });
  const address = tcpAddress(secured);
  const plain = await joining(t, [address]);
  const wrongKey = await joining(t, [address], { 'network.keyFile': networkKey(t, 'b') });
  for (const [node, next] of [
    [plain, /has no network\.keyFile/],
    [wrongKey, /same network\.keyFile/],
  ] as const) {
    const fault = (await faultsOf(node))[address];
    assert.equal(fault?.code, 'not_a_node');
    assert.match(fault?.next ?? '', next);
  }

  const data = scratch(t);
  const first = await startNode(t, { data });
  const self = tcpAddress(first);
  await first.stop();
  const again = await startNode(t, { data, settings: { bootstrap: [self] } });
  assert.equal((await faultsOf(again))[self]?.code, 'self');
  // before its directory goes
  await again.stop();
});

test('the log, the status command and /readyz say it; who is not the operator is told less', async (t) => {
  const wrong = `/ip4/127.0.0.1/tcp/${await freePort()}/p2p/${NOBODY}`;
  const home = scratch(t);
  const ports = ['--listen-tcp', '0', '--listen-ws', '0', '--gateway-port', '0', '--admin-port', '0'];
  const flags = ['--listen-host', '127.0.0.1', '--no-network-quic', '--bootstrap', wrong, ...ports];
  const program = maillon(t, ['node', '--json', ...flags], { cwd: home, env: { HOME: home } });
  const { url, admin } = JSON.parse(await program.firstLine()) as { url: string; admin: string };
  await until('it is logged', () =>
    program.stderr.includes('a bootstrap address leads nowhere: nothing listens at that address'),
  );
  for (const ready of [`${url}/readyz`, `${admin}/readyz`]) {
    const answer = await fetch(ready);
    assert.equal(answer.status, 503);
    assert.match(await answer.text(), /nothing listens at that address \(start the node there/);
  }
  const proxied = await fetch(`${url}/readyz`, { headers: { 'x-forwarded-for': '192.0.2.1' } });
  const told = await proxied.text();
  assert.match(told, /no peer is connected/);
  assert.ok(!told.includes(wrong), told);
  const status = maillon(t, ['status'], { cwd: home, env: { HOME: home } });
  assert.equal(await status.exit, 0, status.stderr);
  assert.match(
    status.stdout,
    /bootstrap +0 of 1 addresses lead to a peer\n +\/ip4\/127.*nothing listens at that address \(start/,
  );
});

test('connect says the same as bootstrap does', async () => {
  await using site = await startSite();
  const multiaddr = `/ip4/127.0.0.1/tcp/${await freePort()}/p2p/${NOBODY}`;
  const response = await fetch(`${site.url}/v1/network/connect`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ multiaddr }),
  });
  assert.match(await response.text(), /nothing listens at that address/);
});
