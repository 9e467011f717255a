/** A gateway that serves others than this machine: who is let in, how many, and what is counted. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, test } from 'node:test';
import { Registry } from 'prom-client';
import { registerGatewayMetrics } from '../../gateway/admin/gateway-metrics.ts';
import { RATE_BURST_SECONDS } from '../../gateway/core/limits.ts';
import { Meter } from '../../node/index.ts';
import { until } from '../support/processes.ts';
import { rawRequest } from '../support/raw-http.ts';
import { parseExposition, valueOf } from '../support/scrape.ts';
import { signIn, walletOf } from '../support/sign-in.ts';
import { SseClient } from '../support/sse-client.ts';
import { type Site, startSite } from '../support/start-gateway.ts';
import { WsClient } from '../support/ws-client.ts';

const from = (address: string): Record<string, string> => ({ host: 'localhost', 'x-forwarded-for': address });

const PROTECTED = [
  '/v1/status',
  '/v1/kv/default',
  '/v1/pubsub/topics',
  '/v1/network/peers',
  '/v1/auth/api-keys',
];
const PUBLIC = [
  '/livez',
  '/v1/version',
  '/v1/info',
  '/openapi.json',
  '/.well-known/jwks.json',
  '/v1/auth/login',
];

/** It asks everybody at `url` for a credential, whom `headers` say they are. */
async function asksForCredentials(url: string, headers: Readonly<Record<string, string>>): Promise<void> {
  for (const path of PROTECTED) {
    const answer = await rawRequest(url, path, { headers });
    assert.deepEqual([answer.status, answer.body.error], [401, 'missing API key'], path);
    assert.match(String(answer.headers['www-authenticate']), /^Bearer/);
  }
  for (const path of PUBLIC) assert.equal((await rawRequest(url, path, { headers })).status, 200, path);
}

describe('where everybody needs a credential', () => {
  test('a program of this machine needs one, too, and gets one by signing in', async () => {
    await using site = await startSite({
      settings: { 'gateway.auth': 'required', 'gateway.allowedHosts': ['gw.example'] },
    });
    await asksForCredentials(site.url, { host: 'localhost' });
    await asksForCredentials(site.url, { host: 'gw.example' });
    const ws = `${site.wsUrl}/v1/pubsub/ws?topic=t`;
    assert.equal((await WsClient.refused(ws)).status, 401);
    const { api_key: key } = await signIn(site.url, await walletOf(41));
    const headers = { host: 'localhost', 'x-api-key': key };
    const put = await rawRequest(site.url, '/v1/kv/default/k', { method: 'PUT', body: 'v', headers });
    assert.equal(put.status, 200);
    assert.equal((await rawRequest(site.url, '/v1/kv/default/k', { headers })).text, 'v');
    await using client = await WsClient.open(ws, [], { 'x-api-key': key });
    assert.equal(client.socket.readyState, client.socket.OPEN);
    // the operator's keys are made where only the operator comes
    const made = await site.gateway.operatorKeys().create({ name: 'x', namespace: 'ops', scopes: ['admin'] });
    const admin = { host: 'localhost', 'x-api-key': made.text };
    assert.equal(
      (await rawRequest(site.url, '/v1/network/peers', { headers: admin })).status,
      403,
      'no read',
    );
    assert.equal((await rawRequest(site.url, '/v1/network/storage', { headers })).status, 200);
  });

  const address = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address;
  const skip = address === undefined && 'this machine has no address but loopback';

  test('it serves at an address that others reach, under the names that are set', { skip }, async () => {
    await using site = await startSite({
      settings: {
        'gateway.host': '0.0.0.0',
        'gateway.auth': 'required',
        'gateway.plainHttp': true,
        'gateway.allowedHosts': ['gw.example', `${address}`],
      },
    });
    const url = `http://${address}:${new URL(site.url).port}`;
    await asksForCredentials(url, { host: 'gw.example' });
    await asksForCredentials(url, { host: new URL(url).host });
    const foreign = await rawRequest(url, '/livez', { headers: { host: 'evil.example' } });
    assert.equal(foreign.status, 421);
    const { access_token: token } = await signIn(url, await walletOf(42));
    const headers = { host: 'gw.example', authorization: `Bearer ${token}` };
    assert.equal((await rawRequest(url, '/v1/kv/default', { headers })).status, 200);
  });
});

function behindProxy(settings: object): Promise<Site> {
  return startSite({ settings: { 'gateway.trustedProxies': ['127.0.0.1'], ...settings } });
}

/** The metric as it is scraped. */
async function scraped(site: Site, name: string, kind: string): Promise<number | undefined> {
  const registry = new Registry();
  registerGatewayMetrics(new Meter(registry), site.gateway.metrics);
  return valueOf(parseExposition(await registry.metrics()), name, { kind });
}

test('an address has so many connections open, and each that ends makes room', async (t) => {
  const settings = { 'gateway.rate.loopback': true, 'gateway.connectionsPerAddress': 3 };
  await using site = await startSite({ settings });
  const { port } = new URL(site.url);
  const open = async (): Promise<Socket | null> => {
    const socket = connect(Number(port), '127.0.0.1');
    t.after(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [ended] = await Promise.race([
      once(socket, 'data').then(() => [false]),
      once(socket, 'close').then(() => [true]),
    ]);
    return ended === true ? null : socket;
  };
  const sockets = [await open(), await open(), await open()];
  assert.ok(sockets.every((socket) => socket !== null));
  assert.equal(await open(), null);
  assert.equal(await scraped(site, 'maillon_gateway_rate_limited_total', 'connections'), 1);
  sockets[0]?.destroy();
  await until('there is room again', async () => (await open()) !== null);
});

test('an address has so many streams open, whatever their kind, and others have theirs', async () => {
  await using site = await behindProxy({ 'gateway.streamsPerAddress': 3 });
  const { api_key: key } = await signIn(site.url, await walletOf(43));
  const headers = (address: string) => ({ ...from(address), 'x-api-key': key });
  const ws = `${site.wsUrl}/v1/pubsub/ws?topic=t`;
  const sse = `${site.url}/v1/pubsub/sse?topic=t`;
  const here = headers('192.0.2.1');
  const first = await WsClient.open(ws, [], here);
  await using _second = await WsClient.open(ws, ['maillon.json.1'], here);
  const third = await SseClient.open(sse, here);
  assert.equal(third.response.status, 200);

  const answer = await rawRequest(site.url, '/v1/pubsub/sse?topic=t', { headers: here });
  assert.deepEqual(
    [answer.status, answer.body.code, answer.body.detail.limit, answer.headers['retry-after']],
    [429, 'rate_limited', 'gateway.streamsPerAddress', '5'],
  );
  assert.equal((await WsClient.refused(ws, here)).status, 429);
  assert.equal((await rawRequest(site.url, '/v1/kv/default', { headers: here })).status, 200, 'no stream');
  await using _other = await WsClient.open(ws, [], headers('192.0.2.2'));
  for (let n = 0; n < 5; n++) {
    const refused = await rawRequest(site.url, '/v1/pubsub/sse', { headers: headers('192.0.2.3') });
    assert.equal(refused.status, 400, 'what is refused takes no place');
  }
  assert.ok(((await scraped(site, 'maillon_gateway_rate_limited_total', 'streams')) ?? 0) >= 2);

  for (const leave of [async () => first[Symbol.asyncDispose](), async () => third[Symbol.asyncDispose]()]) {
    await leave();
    const next = await until('the place is free again', async () => {
      const client = new WsClient(ws, [], here);
      const isOpen = await Promise.race([
        once(client.socket, 'open').then(() => true),
        once(client.socket, 'unexpected-response').then(() => false),
      ]);
      if (!isOpen) client.socket.terminate();
      return isOpen && client;
    });
    assert.equal((await WsClient.refused(ws, here)).status, 429, 'and taken');
    await next[Symbol.asyncDispose]();
    await until('given back', async () => {
      const { status } = await rawRequest(site.url, '/v1/pubsub/sse', { headers: here });
      return status === 400;
    });
    // keeps the place for the next round
    await WsClient.open(ws, [], here);
  }
});

test('notices have a rate of their own, which the programs of this machine have not', async () => {
  await using site = await behindProxy({});
  const { api_key: key } = await signIn(site.url, await walletOf(44));
  const submit = async (headers: Readonly<Record<string, string>>) =>
    rawRequest(site.url, '/v1/namespaces/notices', {
      method: 'POST',
      body: new Uint8Array([0xa0]),
      headers: { host: 'localhost', 'content-type': 'application/cbor', 'x-api-key': key, ...headers },
    });
  for (let n = 0; n < RATE_BURST_SECONDS; n++) {
    assert.equal((await submit(from('192.0.2.4'))).status, 400);
  }
  const refused = await until('a refusal', async () => {
    const answer = await submit(from('192.0.2.4'));
    return answer.status === 429 && answer;
  });
  assert.equal(refused.body.detail.limit, 'gateway.rate.notices');
  assert.ok(Number(refused.headers['retry-after']) >= 1);
  assert.equal((await submit(from('192.0.2.5'))).status, 400);
  for (let n = 0; n < 3 * RATE_BURST_SECONDS; n++) assert.equal((await submit({})).status, 400);
  assert.ok(((await scraped(site, 'maillon_gateway_rate_limited_total', 'notices')) ?? 0) >= 1);
  assert.equal(await scraped(site, 'maillon_gateway_rate_limited_total', 'requests'), 0);
});

test('what authentication refuses is counted, by why', async () => {
  await using site = await behindProxy({});
  const failures = async () =>
    Promise.all(
      ['missing', 'credential', 'sign-in'].map((kind) =>
        scraped(site, 'maillon_gateway_auth_failures_total', kind),
      ),
    );
  assert.deepEqual(await failures(), [0, 0, 0]);
  await rawRequest(site.url, '/v1/kv/default', { headers: from('192.0.2.6') });
  await rawRequest(site.url, '/v1/kv/default', { headers: { host: 'localhost', 'x-api-key': 'x' } });
  await rawRequest(site.url, '/v1/kv/default', {
    headers: { host: 'localhost', authorization: 'Bearer a.b.c' },
  });
  const body = JSON.stringify({ refresh_token: 'A'.repeat(43) });
  const headers = { host: 'localhost', 'content-type': 'application/json' };
  await rawRequest(site.url, '/v1/auth/refresh', { method: 'POST', body, headers });
  await until('all are counted', async () => (await failures()).join() === '1,2,1');
});
