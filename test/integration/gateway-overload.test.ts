import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { OWNER } from '../support/owner.ts';
import { until } from '../support/processes.ts';
import { SseClient } from '../support/sse-client.ts';
import { type Site, startSite } from '../support/start-gateway.ts';
import { WsClient } from '../support/ws-client.ts';

const QUEUE_BYTES = 256 * 1024;
const PAYLOAD = Buffer.alloc(100_000, 'x');

/** Publishes until `holds`: how much a stalled client's kernel swallows is not known beforehand. */
async function publishUntil(site: Site, topic: string, what: string, holds: () => boolean): Promise<number> {
  let published = 0;
  await until(what, async () => {
    if (holds()) return true;
    await site.node.relay.publish({ owner: OWNER.did, namespace: 'default', topic, data: PAYLOAD });
    published += 1;
    return holds();
  });
  return published;
}

/** A client that sends a request and reads nothing. */
async function stalled(site: Site, path: string): Promise<Socket> {
  const socket = connect(Number(new URL(site.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  return socket;
}

describe('a client that does not read', () => {
  test('is cut with 4008 over WebSocket, and costs the others nothing', async () => {
    await using site = await startSite({ settings: { 'gateway.clientQueueBytes': QUEUE_BYTES } });
    await using slow = await WsClient.open(`${site.wsUrl}/v1/pubsub/ws?topic=t`);
    await using quick = await WsClient.open(`${site.wsUrl}/v1/pubsub/ws?topic=t`);
    await using other = await WsClient.open(`${site.wsUrl}/v1/pubsub/ws?topic=other`);
    await until('all are subscribed', () => site.node.status().relay.subscriptions === 2);
    slow.socket.pause();
    let received = 0;
    quick.socket.on('message', () => (received += 1));
    const cut = (): boolean => site.gateway.metrics.cutClients === 1;
    const published = await publishUntil(site, 't', 'the slow one is cut', cut);
    await until('the quick one has everything', () => received === published);
    slow.socket.resume();
    const { code } = await slow.closed;
    assert.equal(code, 4008);
    assert.equal(quick.socket.readyState, quick.socket.OPEN);
    assert.equal(other.socket.readyState, other.socket.OPEN);
    let got = 0;
    for (; got < published; got++) {
      const frame = await Promise.race([slow.next(), slow.closed.then(() => undefined)]);
      if (frame === undefined) break;
    }
    assert.ok(got < published, 'some were not sent, which 4008 says');
  });

  test('is cut over SSE, and told so if it reads on', async () => {
    await using site = await startSite({ settings: { 'gateway.clientQueueBytes': QUEUE_BYTES } });
    const socket = await stalled(site, '/v1/pubsub/sse?topic=t');
    await until('it is subscribed', () => site.node.status().relay.subscriptions === 1);
    let tail = '';
    const gone = once(socket, 'close');
    await publishUntil(site, 't', 'it is told to go', () => site.gateway.metrics.cutClients === 1);
    socket.on('data', (chunk: Buffer) => (tail = (tail + chunk.toString()).slice(-1000)));
    socket.resume();
    await gone;
    assert.match(tail, /event: error\ndata: \{"code":"too_slow"/);
  });
});

test('when every place is taken, SSE gets 503 and WebSocket 1013, until one leaves', async () => {
  await using site = await startSite({ settings: { 'gateway.clientsMax': 2 } });
  await using first = await SseClient.open(`${site.url}/v1/pubsub/sse?topic=a`);
  const second = await WsClient.open(`${site.wsUrl}/v1/pubsub/ws?topic=a`, ['maillon.json.1']);
  await first.next();
  await second.next();
  const response = await fetch(`${site.url}/v1/pubsub/sse?topic=a`);
  assert.equal(response.status, 503);
  assert.equal(response.headers.get('retry-after'), '5');
  const body = (await response.json()) as { code: string; retryAfter: number };
  assert.deepEqual([body.code, body.retryAfter], ['too_many_clients', 5]);
  await using third = await WsClient.open(`${site.wsUrl}/v1/pubsub/ws?topic=a`);
  assert.equal((await third.closed).code, 1013);
  assert.equal((await fetch(`${site.url}/readyz`)).status, 503);
  await second[Symbol.asyncDispose]();
  await until('its place is free', async () => (await fetch(`${site.url}/readyz`)).status === 200);
  await using fourth = await WsClient.open(`${site.wsUrl}/v1/pubsub/ws?topic=a`, ['maillon.json.1']);
  assert.equal((await fourth.nextJson())['type'], 'subscribed');
});

test('a light gateway without a peer says so', async () => {
  await using site = await startSite({ role: 'light' });
  const response = await fetch(`${site.url}/v1/pubsub/publish`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"topic":"a","data_base64":""}',
  });
  assert.equal(response.status, 503);
  assert.equal(response.headers.get('retry-after'), '2');
  assert.equal(((await response.json()) as { code: string }).code, 'no_peers');
  assert.equal((await fetch(`${site.url}/readyz`)).status, 503);
  assert.equal((await fetch(`${site.url}/livez`)).status, 200);
  await using client = await WsClient.open(`${site.wsUrl}/v1/pubsub/ws?topic=a`);
  client.send('x');
  assert.deepEqual(await client.next(), { data: Buffer.from('publish_error'), isBinary: false });
});
