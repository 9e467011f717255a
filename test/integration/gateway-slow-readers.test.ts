import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { OWNER } from '../support/owner.ts';
import { until } from '../support/processes.ts';
import { type Site, startSite } from '../support/start-gateway.ts';
import { WsClient } from '../support/ws-client.ts';

const QUEUE_BYTES = 512 * 1024;
const FILL = 'x'.repeat(50_000);
/** As in gateway.slowClientMs: the shortest there is, for clients that shall be cut by it. */
const SHORT_MS = 1_000;

const settings = { 'gateway.clientQueueBytes': QUEUE_BYTES };

async function publish(site: Site, text: string): Promise<void> {
  await site.node.relay.publish({
    owner: OWNER.did,
    namespace: 'default',
    topic: 't',
    data: Buffer.from(text),
  });
}

/** Publishes numbered messages until `holds`: what a stalled client's kernel swallows is not known beforehand. */
async function publishUntil(site: Site, what: string, holds: () => boolean): Promise<number> {
  let published = 0;
  await until(what, async () => {
    for (let n = 0; n < 10 && !holds(); n++) {
      await publish(site, `${published} ${FILL}`);
      published += 1;
    }
    return holds();
  });
  return published;
}

/** Numbers of the messages in JSON frames, as they come. */
async function takeNumbers(client: WsClient, count: number): Promise<number[]> {
  const numbers: number[] = [];
  while (numbers.length < count) {
    const frame = await client.nextJson();
    if (frame['type'] === 'message') numbers.push(Number.parseInt(atob(String(frame['data_base64'])), 10));
  }
  return numbers;
}

async function openJson(site: Site): Promise<WsClient> {
  const client = await WsClient.open(`${site.wsUrl}/v1/pubsub/ws?topic=t`, ['maillon.json.1']);
  assert.equal((await client.nextJson())['type'], 'subscribed');
  return client;
}

const countTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('over WebSocket', () => {
  test('one that never reads is paused, then cut with 4008; another gets everything, in order', async () => {
    await using site = await startSite({ settings: { ...settings, 'gateway.slowClientMs': SHORT_MS } });
    const { metrics } = site.gateway;
    await using never = await openJson(site);
    await using quick = await openJson(site);
    never.socket.pause();
    const numbers: number[] = [];
    quick.socket.on('message', (data: Buffer) => {
      const { data_base64 } = JSON.parse(data.toString()) as { data_base64: string };
      numbers.push(Number.parseInt(atob(data_base64), 10));
    });
    const published = await publishUntil(site, 'it is paused', () => metrics.pausedClients === 1);
    assert.ok(metrics.queueBytes <= QUEUE_BYTES, `${metrics.queueBytes} wait`);
    await until('it is cut', () => metrics.cutClients === 1);
    assert.deepEqual([metrics.pausedClients, metrics.queueBytes], [0, 0]);
    await publish(site, `${published} last`);
    await until('the other has everything', () => numbers.length === published + 1);
    assert.deepEqual(numbers, countTo(published + 1));
    never.socket.resume();
    const { code, reason } = await never.closed;
    assert.equal(code, 4008);
    assert.match(reason, /half full/);
    assert.equal(quick.socket.readyState, quick.socket.OPEN);
  });

  test('one that lets its queue fill up is cut at once', async () => {
    await using site = await startSite({ settings });
    await using never = await openJson(site);
    never.socket.pause();
    await publishUntil(site, 'it is cut', () => site.gateway.metrics.cutClients === 1);
    never.socket.resume();
    const { code, reason } = await never.closed;
    assert.equal(code, 4008);
    assert.match(reason, /queue is full/);
  });

  test('one that stops and reads on in time loses nothing, and is listened to again', async () => {
    await using site = await startSite({ settings });
    const { metrics } = site.gateway;
    await using slow = await openJson(site);
    slow.socket.pause();
    const published = await publishUntil(site, 'it is paused', () => metrics.pausedClients === 1);
    slow.send({ type: 'publish', data_base64: btoa(`${published}`) });
    // as long as many turns of the event loop take, it is not read
    for (let n = 0; n < 20; n++) await fetch(`${site.url}/livez`);
    assert.equal(metrics.messagesIn, 0);
    slow.socket.resume();
    // its own message is the last one
    assert.deepEqual(await takeNumbers(slow, published + 1), countTo(published + 1));
    assert.deepEqual([metrics.messagesIn, metrics.pausedClients, metrics.cutClients], [1, 0, 0]);
    await publish(site, `${published + 1}`);
    assert.deepEqual(await takeNumbers(slow, 1), [published + 1]);
  });

  test('one that never reads nor closes its side goes all the same', async () => {
    await using site = await startSite({ settings });
    const { metrics } = site.gateway;
    await using never = await openJson(site);
    never.socket.pause();
    await publishUntil(site, 'it is cut', () => metrics.cutClients === 1);
    assert.equal(metrics.websocketClients, 1, 'it has time to close');
    await until('it is dropped', () => metrics.websocketClients === 0);
  });
});

async function openSse(site: Site): Promise<Socket> {
  const socket = connect(Number(new URL(site.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write('GET /v1/pubsub/sse?topic=t HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await until('it streams', () => site.gateway.metrics.sseClients === 1);
  return socket;
}

describe('over SSE', () => {
  test('one that never reads is told too_slow, and its stream ends', async () => {
    await using site = await startSite({ settings: { ...settings, 'gateway.slowClientMs': SHORT_MS } });
    const { metrics } = site.gateway;
    const socket = await openSse(site);
    await publishUntil(site, 'it is paused', () => metrics.pausedClients === 1);
    await until('it is cut', () => metrics.cutClients === 1);
    let tail = '';
    socket.on('data', (chunk: Buffer) => (tail = (tail + chunk.toString()).slice(-1000)));
    await once(socket, 'close');
    assert.match(tail, /event: error\ndata: \{"code":"too_slow"/);
    assert.equal(metrics.sseClients, 0);
  });

  test('one that reads on in time loses nothing', async () => {
    await using site = await startSite({ settings });
    const { metrics } = site.gateway;
    const socket = await openSse(site);
    const published = await publishUntil(site, 'it is paused', () => metrics.pausedClients === 1);
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const numbers = (): number[] =>
      [...text.matchAll(/"data_base64":"([^"]+)"/g)].map(([, data = '']) => Number.parseInt(atob(data), 10));
    await until('everything is there', () => numbers().length === published);
    assert.deepEqual(numbers(), countTo(published));
    assert.deepEqual([metrics.pausedClients, metrics.cutClients], [0, 0]);
    socket.destroy();
  });
});
