import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canUseNamespaces, type Host, Topology } from '../support/namespaces.ts';
import { startNodeIn, untilHeard } from '../support/node-in-namespace.ts';
import { until } from '../support/processes.ts';

const skip = canUseNamespaces() ?? false;

/** Whether a TCP connection stands between `host` and `address`: asked of the system, not of the node. */
function isConnected(host: Host, address: string): boolean {
  return host.run('ss', '-Htn', 'state', 'established', 'dst', address).trim() !== '';
}

test('two nodes behind routers of their own meet through a relay, then directly', { skip }, async (t) => {
  const net = new Topology(t);
  const [left, right] = [net.nat('left'), net.nat('right')];
  const relay = await startNodeIn(t, net.host('public'));
  const join = ['--bootstrap', relay.bootstrap];
  const a = await startNodeIn(t, left.host('a'), join);
  const b = await startNodeIn(t, right.host('b'), join);

  await until('a is reachable through the relay', async () =>
    (await a.status()).node.addresses.some((address) => address.includes(`${relay.peerId}/p2p-circuit`)),
  );
  await until('they know each other', async () => (await a.connectedPeers()).includes(b.peerId));
  await until(
    'there is a hole',
    () => isConnected(a.host, right.address) && isConnected(b.host, left.address),
  );

  const inbox = await b.subscribe(t, 'news');
  await relay.program.end('SIGKILL');
  await until('the relay is gone for both', async () => {
    const peers = [...(await a.connectedPeers()), ...(await b.connectedPeers())];
    return !peers.includes(relay.peerId);
  });
  await untilHeard('past the relay', a, 'news', inbox);
  assert.deepEqual(await a.connectedPeers(), [b.peerId]);
});

test('without hole punching they stay connected through the relay', { skip }, async (t) => {
  const net = new Topology(t);
  const [left, right] = [net.nat('left'), net.nat('right')];
  const relay = await startNodeIn(t, net.host('public'));
  const join = ['--bootstrap', relay.bootstrap, '--no-network-hole-punch'];
  const a = await startNodeIn(t, left.host('a'), join);
  const b = await startNodeIn(t, right.host('b'), join);
  await until('they are connected', async () => (await a.connectedPeers()).includes(b.peerId));
  const inbox = await b.subscribe(t, 'news');
  await untilHeard('through the relay', a, 'news', inbox);
  assert.ok(!isConnected(a.host, right.address), 'nothing but the relay is spoken to');
});

test('a node whose router forwards its port is dialled there, and needs no relay', { skip }, async (t) => {
  const net = new Topology(t);
  const [left, right] = [net.nat('left'), net.nat('right')];
  const inside = left.host('a');
  left.forwardPort(4411, inside);
  const first = await startNodeIn(t, inside, ['--listen-announce', `/ip4/${left.address}/tcp/4411`]);
  const bootstrap = `/ip4/${left.address}/tcp/4411/p2p/${first.peerId}`;
  const second = await startNodeIn(t, right.host('b'), ['--bootstrap', bootstrap]);
  const inbox = await first.subscribe(t, 'news');
  await untilHeard('hello', second, 'news', inbox);
  assert.ok(isConnected(second.host, left.address));
});
