import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { createGateway } from '../../gateway/index.ts';
import { createLogger, createNode } from '../../node/index.ts';
import { SseClient } from '../support/sse-client.ts';
import { BUILD, siteConfig, startSite } from '../support/start-gateway.ts';
import { WsClient } from '../support/ws-client.ts';

test('stopping tells every client to go, within a second, and it starts again', async () => {
  await using site = await startSite();
  const url = (query: string): string => `${site.wsUrl}/v1/pubsub/ws?topic=a${query}`;
  await using first = await WsClient.open(url(''));
  await using second = await WsClient.open(url(''), ['maillon.json.1']);
  await using deaf = await WsClient.open(url('&frames=json'));
  await using stream = await SseClient.open(`${site.url}/v1/pubsub/sse?topic=a`);
  await second.next();
  await stream.next();
  deaf.socket.pause();
  const startedAt = performance.now();
  await site.gateway.stop();
  assert.ok(performance.now() - startedAt < 1000);
  assert.equal((await first.closed).code, 4009);
  assert.equal((await second.closed).code, 4009);
  const last = await stream.next();
  assert.deepEqual([last?.event, last?.data['code']], ['error', 'going_away']);
  assert.equal(await stream.next(), undefined);
  await assert.rejects(fetch(`${site.url}/livez`));
  await site.gateway.stop();

  await Promise.all([site.gateway.start(), site.gateway.start()]);
  assert.equal((await fetch(`${site.gateway.url}/readyz`)).status, 200);
});

test('a connection whose upgrade is refused is closed', async () => {
  await using site = await startSite();
  const { port } = new URL(site.url);
  for (const [path, headers] of [
    ['/v1/pubsub/ws', 'Host: localhost'],
    ['/v1/pubsub/ws?topic=a', 'Host: evil.example'],
    ['/v1/pubsub/ws?topic=a', 'Host: localhost\r\nOrigin: null'],
    ['/livez', 'Host: localhost'],
    ['/nowhere', 'Host: localhost'],
  ] as const) {
    const socket = connect(Number(port), '127.0.0.1');
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13';
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
    socket.write(`GET ${path} HTTP/1.1\r\n${headers}\r\n${upgrade}\r\n${key}\r\n\r\n`);
    // resolves only once the server has closed its side
    assert.match(await text(socket), /^HTTP\/1.1 4[0-9][0-9] /, `${path} ${headers}`);
  }
});

test('the usual port gives way, one that was asked for does not', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const { port } = blocker.address() as AddressInfo;
  {
    await using site = await startSite({ settings: { 'gateway.port': port } });
    assert.ok(Number(new URL(site.url).port) > port);
  }
  await assert.rejects(startSite({ settings: { 'gateway.port': port }, explicit: ['gateway.port'] }), {
    code: 'port_taken',
    message: /gateway\.port/,
  });
  blocker.close();
  await once(blocker, 'close');
  await using site = await startSite({ settings: { 'gateway.port': port }, explicit: ['gateway.port'] });
  assert.equal(Number(new URL(site.url).port), port);
});

for (const host of ['0.0.0.0', '::', '192.0.2.1']) {
  test(`it does not listen on ${host} while it cannot tell friend from foe`, async () => {
    await assert.rejects(startSite({ settings: { 'gateway.host': host } }), {
      code: 'unsafe_listen',
      message: /127\.0\.0\.1/,
    });
  });
}

test('a name that others use needs credentials, or its clients would be the operator', async () => {
  const names = { 'gateway.allowedHosts': ['localhost:8080', 'gw.example:443'] };
  await assert.rejects(startSite({ settings: names }), {
    code: 'unsafe_listen',
    message: /allowedHosts has gw\.example:443.*set gateway\.auth to required/,
  });
  const proxied = { ...names, 'gateway.trustedProxies': ['127.0.0.1'] };
  await assert.rejects(startSite({ settings: proxied }), { code: 'unsafe_listen' });
  await using site = await startSite({ settings: { ...proxied, 'gateway.auth': 'required' } });
  assert.equal((await fetch(`${site.url}/livez`)).status, 200);
  await using local = await startSite({
    settings: { 'gateway.allowedHosts': ['localhost', '127.0.0.2:80'] },
  });
  assert.equal((await fetch(`${local.url}/livez`)).status, 200);
});

test('in front of a node that does not run it lives, but is not ready and refuses', async () => {
  const config = await siteConfig();
  const logger = createLogger({ ...config, 'log.level': 'silent' });
  const node = createNode({ logger }, { config, role: 'full', version: BUILD.version });
  const gateway = createGateway({ node, logger }, { config, build: BUILD });
  await gateway.start();
  try {
    assert.equal((await fetch(`${gateway.url}/livez`)).status, 200);
    assert.equal((await fetch(`${gateway.url}/readyz`)).status, 503);
    const response = await fetch(`${gateway.url}/v1/status`);
    assert.deepEqual(
      [response.status, ((await response.json()) as { code: string }).code],
      [503, 'not_running'],
    );
  } finally {
    await gateway.stop();
    await rm(config.data, { recursive: true, force: true });
  }
});
