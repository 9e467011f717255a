import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { canUseNamespaces, type Host, Topology } from '../support/namespaces.ts';
import { type NodeInNamespace, startNodeIn, untilHeard } from '../support/node-in-namespace.ts';
import { scratch, until } from '../support/processes.ts';
import { ROOT } from '../support/sources.ts';

const skip = canUseNamespaces() ?? false;
const PROXY = join(ROOT, 'test/support/socks-proxy.ts');
const PROXY_PORT = 1080;

interface Proxy {
  readonly url: string;
  /** Targets it was asked for, each once. */
  targets(): ReadonlySet<string>;
}

async function startProxy(t: TestContext, host: Host, credentials: readonly string[] = []): Promise<Proxy> {
  const log = join(scratch(t), 'targets');
  const args = [PROXY, '0.0.0.0', String(PROXY_PORT), log, ...credentials];
  await host.start(t, process.execPath, args).firstLine();
  return {
    url: `socks5://${host.address}:${PROXY_PORT}`,
    targets: () => new Set(readFileSync(log, 'utf8').trim().split('\n')),
  };
}

async function untilBothHear(t: TestContext, a: NodeInNamespace, b: NodeInNamespace): Promise<void> {
  const [atA, atB] = [await a.subscribe(t, 'news'), await b.subscribe(t, 'news')];
  await untilHeard('one way', a, 'news', atB);
  await untilHeard('the other way', b, 'news', atA);
}

test('a node joins, publishes and receives through its SOCKS5 proxy, and sends nothing past it', {
  skip,
}, async (t) => {
  const net = new Topology(t);
  const [proxyHost, inside] = [net.host('proxy'), net.host('inside')];
  const seed = await startNodeIn(t, net.host('seed'));
  const other = await startNodeIn(t, net.host('other'), ['--bootstrap', seed.bootstrap]);
  const proxy = await startProxy(t, proxyHost);
  const refused = inside.restrictTo({ address: proxyHost.address, port: PROXY_PORT });
  // what a proxied node must leave off although it is asked for
  const leaks = ['--network-quic', '--network-mdns', '--network-upnp', '--circuit-use', 'always'];
  const join = ['--bootstrap', seed.bootstrap, '--network-proxy', proxy.url];
  const node = await startNodeIn(t, inside, [...join, ...leaks]);
  await untilBothHear(t, node, seed);
  await until('it finds others, too', async () => (await node.connectedPeers()).includes(other.peerId));
  assert.deepEqual(
    proxy.targets(),
    new Set([`ip4 ${seed.host.address}:4411`, `ip4 ${other.host.address}:4411`]),
  );
  assert.equal(refused(), 0);

  // the counter counts: the same node without the proxy
  await node.program.end('SIGTERM');
  const bare = inside.maillon(t, ['node', '--data', scratch(t), '--bootstrap', seed.bootstrap]);
  await until('packets are refused', () => refused() > 0);
  await bare.end('SIGKILL');
});

test('names are looked up by the proxy, never here', { skip }, async (t) => {
  const net = new Topology(t);
  const [proxyHost, inside] = [net.host('proxy'), net.host('inside')];
  const seed = await startNodeIn(t, net.host('seed'));
  proxyHost.knowNames({ 'seed.example': seed.host.address });
  const proxy = await startProxy(t, proxyHost);
  const refused = inside.restrictTo({ address: proxyHost.address, port: PROXY_PORT });
  const bootstrap = `/dns4/seed.example/tcp/4411/p2p/${seed.peerId}`;
  const node = await startNodeIn(t, inside, ['--bootstrap', bootstrap, '--network-proxy', proxy.url]);
  await untilBothHear(t, node, seed);
  assert.ok(proxy.targets().has('name seed.example:4411'));
  assert.equal(refused(), 0);
});

test('while the proxy is away nothing goes past it, and when it comes the node joins', {
  skip,
}, async (t) => {
  const net = new Topology(t);
  const [proxyHost, inside] = [net.host('proxy'), net.host('inside')];
  const seed = await startNodeIn(t, net.host('seed'));
  const refused = inside.restrictTo({ address: proxyHost.address, port: PROXY_PORT });
  const url = `socks5://${proxyHost.address}:${PROXY_PORT}`;
  const node = await startNodeIn(t, inside, ['--bootstrap', seed.bootstrap, '--network-proxy', url]);
  assert.deepEqual(await node.connectedPeers(), []);
  assert.equal(refused(), 0);
  await startProxy(t, proxyHost);
  await untilBothHear(t, node, seed);
  assert.equal(refused(), 0);
});
