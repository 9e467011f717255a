import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { deflateRawSync } from 'node:zlib';
import { FRAME_MAX_BYTES, FRAME_MAX_FRAGMENTS, RATE_BURST_SECONDS } from '../../gateway/core/limits.ts';
import type { Config } from '../../node/index.ts';
import { until } from '../support/processes.ts';
import { rawRequest } from '../support/raw-http.ts';
import {
  BINARY,
  CLOSE,
  COMPRESSED,
  CONTINUED,
  closedFor,
  FINAL,
  fragments,
  frame,
  openRaw,
  PING,
  TEXT,
} from '../support/raw-ws.ts';
import { type Site, startSite } from '../support/start-gateway.ts';
import { WsClient } from '../support/ws-client.ts';

const from = (address: string): Record<string, string> => ({ host: 'localhost', 'x-forwarded-for': address });

/** A gateway whose clients say by X-Forwarded-For who they are, as behind a proxy on this machine. */
function behindProxy(settings: Partial<Config> = {}): Promise<Site> {
  return startSite({ settings: { 'gateway.trustedProxies': ['127.0.0.1'], ...settings } });
}

/** Statuses of `count` requests, one after the other. */
async function statuses(url: string, count: number, headers: Record<string, string>): Promise<number[]> {
  const seen: number[] = [];
  for (let n = 0; n < count; n++) seen.push((await rawRequest(url, '/v1/version', { headers })).status);
  return seen;
}

test('an address over its rate is told when to come back, and others do not notice', async () => {
  await using site = await behindProxy({ 'gateway.rate.requests': 1 });
  const passed = await statuses(site.url, RATE_BURST_SECONDS, from('192.0.2.1'));
  assert.deepEqual(new Set(passed), new Set([200]));
  const refused = await until('a refusal', async () => {
    const headers = { ...from('192.0.2.1'), origin: 'http://localhost:1' };
    const answer = await rawRequest(site.url, '/v1/version', { headers });
    return answer.status === 429 && answer;
  });
  const seconds = Number(refused.headers['retry-after']);
  assert.ok(seconds >= 1 && Number.isInteger(seconds));
  assert.deepEqual(refused.body, {
    error: `too many requests: try again in ${seconds} s; /v1/info has the limits`,
    code: 'rate_limited',
    detail: { limit: 'gateway.rate.requests' },
    retryAfter: seconds,
  });
  assert.equal(refused.headers['access-control-allow-origin'], 'http://localhost:1', 'a page can read it');
  assert.deepEqual(await statuses(site.url, 1, from('192.0.2.2')), [200]);
  const forged = { host: 'localhost', 'x-forwarded-for': '203.0.113.5, 192.0.2.1' };
  assert.deepEqual(await statuses(site.url, 1, forged), [429], 'what it put in front itself is ignored');
  await until('it is served again, when it was told', async () => {
    const answer = await rawRequest(site.url, '/v1/version', { headers: from('192.0.2.1') });
    await wait(Number(answer.headers['retry-after'] ?? 0) * 1000);
    return answer.status === 200;
  });
});

test('whoever no proxy is trusted for cannot choose its address, and is no operator', async () => {
  await using site = await startSite({ settings: { 'gateway.rate.requests': 1 } });
  const seen: number[] = [];
  for (let n = 0; n < 2 * RATE_BURST_SECONDS; n++) {
    seen.push(...(await statuses(site.url, 1, from(`192.0.2.${n}`))));
  }
  assert.ok(seen.includes(429));
  const operator = await statuses(site.url, 3 * RATE_BURST_SECONDS, { host: 'localhost' });
  assert.deepEqual(new Set(operator), new Set([200]), 'a program of this machine has no such limit');
});

test('by setting the rates hold for programs of this machine, too', async () => {
  await using site = await startSite({
    settings: { 'gateway.rate.requests': 1, 'gateway.rate.loopback': true },
  });
  assert.ok((await statuses(site.url, 2 * RATE_BURST_SECONDS, { host: 'localhost' })).includes(429));
});

test('WebSocket handshakes and SSE streams have a rate of their own', async () => {
  await using site = await startSite({
    settings: { 'gateway.rate.handshakes': 1, 'gateway.rate.loopback': true },
  });
  const url = `${site.wsUrl}/v1/pubsub/ws?topic=a`;
  for (let n = 0; n < RATE_BURST_SECONDS; n++) {
    await using client = await WsClient.open(url);
    assert.equal(client.socket.readyState, client.socket.OPEN);
  }
  const { status, body } = await until('a refusal', async () => {
    const client = new WsClient(url);
    const opened = once(client.socket, 'open').then(() => null);
    const refused = once(client.socket, 'unexpected-response').then(async ([, response]) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      return { status: response.statusCode, body: JSON.parse(Buffer.concat(chunks).toString()) };
    });
    const outcome = await Promise.race([opened, refused]);
    client.socket.terminate();
    return outcome;
  });
  assert.deepEqual([status, body.code], [429, 'rate_limited']);
  const stream = await rawRequest(site.url, '/v1/pubsub/sse?topic=a');
  assert.deepEqual([stream.status, stream.body.detail.limit], [429, 'gateway.rate.handshakes']);
  assert.deepEqual(await statuses(site.url, 1, { host: 'localhost' }), [200], 'it may ask for other things');
});

test('frames over the rate are not refused but read later, and all of them count', async () => {
  const perSecond = 20;
  await using site = await startSite({
    settings: { 'gateway.rate.frames': perSecond, 'gateway.rate.loopback': true },
  });
  await using client = await WsClient.open(`${site.wsUrl}/v1/pubsub/ws`, ['maillon.json.1']);
  await client.next();
  const total = perSecond * (RATE_BURST_SECONDS + 3);
  const startedAt = performance.now();
  for (let n = 0; n < total; n++) {
    client.send({ type: 'ping', ref: String(n) });
    // each in a packet of its own, so that they are not in one buffer already
    if (n % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
  }
  for (let n = 0; n < total; n++) assert.equal((await client.nextJson())['ref'], String(n));
  client.send({ type: 'ping', ref: 'last' });
  assert.equal((await client.nextJson())['ref'], 'last');
  // three seconds' worth of frames came over the burst: one that comes after them waits
  assert.ok(performance.now() - startedAt >= 1_000);
});

test('every rate is published with its reason', async () => {
  await using site = await startSite();
  const { body } = await rawRequest(site.url, '/v1/info', { headers: { host: 'localhost' } });
  const published = new Map<string, { value: number; unit: string; reason: string }>(
    body.limits.map((limit: { name: string }) => [limit.name, limit]),
  );
  for (const rate of ['requests', 'handshakes', 'frames', 'keys', 'namespaces', 'notices'] as const) {
    const limit = published.get(`gateway.rate.${rate}`);
    assert.equal(limit?.unit, 'per second', rate);
    assert.equal(limit.value, site.config[`gateway.rate.${rate}`]);
    assert.ok(limit.reason.length > 20);
  }
  assert.equal(published.get('gateway.rate.burst')?.value, RATE_BURST_SECONDS * 1000);
  assert.equal(body.errors.find((row: { code: string }) => row.code === 'rate_limited')?.status, 429);
});

test('a message in tiny fragments is refused after a bounded number of them', async () => {
  await using site = await startSite();
  const { socket } = await openRaw(site.url);
  assert.equal(await closedFor(socket, fragments(FRAME_MAX_FRAGMENTS + 1)), 1008);
});

test('a message in as many fragments as it may have is taken', async () => {
  await using site = await startSite();
  const { socket } = await openRaw(site.url);
  const parts = Array.from({ length: FRAME_MAX_FRAGMENTS }, (_, n) => {
    const last = n === FRAME_MAX_FRAGMENTS - 1 ? FINAL : 0;
    return frame((n === 0 ? BINARY : CONTINUED) | last, Buffer.from('x'));
  });
  socket.write(Buffer.concat(parts));
  const [echo] = await once(socket, 'data');
  assert.equal((echo as Buffer).toString().slice(-FRAME_MAX_FRAGMENTS), 'x'.repeat(FRAME_MAX_FRAGMENTS));
  socket.destroy();
});

test('a frame is refused by the length it claims, before its bytes come', async () => {
  await using site = await startSite();
  for (const length of [FRAME_MAX_BYTES + 1, 2 ** 31, 2 ** 52]) {
    const { socket } = await openRaw(site.url);
    assert.equal(await closedFor(socket, frame(FINAL | BINARY, Buffer.alloc(0), length)), 1009);
  }
});

test('frames that break the protocol end the connection, and only that one', async () => {
  await using site = await startSite();
  await using other = await WsClient.open(`${site.wsUrl}/v1/pubsub/ws?topic=a`);
  const payload = Buffer.from('x');
  const unmasked = Buffer.concat([Buffer.from([FINAL | BINARY, 1]), payload]);
  const attempts: readonly [what: string, bytes: Buffer, code: number][] = [
    ['no mask', unmasked, 1002],
    ['a reserved bit', frame(FINAL | 0x20 | BINARY, payload), 1002],
    ['an opcode that is none', frame(FINAL | 0x03, payload), 1002],
    ['an end without a beginning', frame(FINAL | CONTINUED, payload), 1002],
    ['a message inside another', Buffer.concat([frame(BINARY, payload), frame(BINARY, payload)]), 1002],
    ['a ping in parts', frame(PING, payload), 1002],
    ['a ping that is too long', frame(FINAL | PING, Buffer.alloc(126)), 1002],
    ['a close with half a code', frame(FINAL | CLOSE, payload), 1002],
    ['text that is no UTF-8', frame(FINAL | TEXT, Buffer.of(0xc0, 0x80)), 1007],
  ];
  for (const [what, bytes, code] of attempts) {
    const { socket } = await openRaw(site.url);
    assert.equal(await closedFor(socket, bytes), code, what);
  }
  other.send('still here');
  assert.equal((await other.next()).data.toString(), 'still here');
  await until('only the other one is left', () => site.gateway.metrics.websocketClients === 1);
});

test('a handshake that never ends, however it is dripped, is given up', async () => {
  await using site = await startSite();
  const sockets = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const socket = connect(Number(new URL(site.url).port), '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write('GET /v1/pubsub/ws?topic=a HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nX: ');
      return socket;
    }),
  );
  const drip = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write('x');
  }, 100);
  const answers = await Promise.all(sockets.map(async (socket) => text(socket)));
  clearInterval(drip);
  for (const answer of answers) assert.match(answer, /^HTTP\/1.1 408 [^]*"code":"request_timeout"/);
  assert.equal(site.gateway.metrics.websocketClients, 0);
});

test('nothing is decompressed: no bomb can be sent, on a WebSocket or in a body', async () => {
  await using site = await startSite();
  const bomb = deflateRawSync(Buffer.alloc(50 * 2 ** 20));
  const extensions = 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits';
  const { socket, answer } = await openRaw(site.url, { headers: [extensions] });
  assert.match(answer, /^HTTP\/1.1 101 /);
  assert.doesNotMatch(answer, /permessage-deflate/i);
  assert.equal(await closedFor(socket, frame(FINAL | COMPRESSED | BINARY, bomb)), 1002);
  const headers = { host: 'localhost', 'content-type': 'application/json', 'content-encoding': 'deflate' };
  const refused = await rawRequest(site.url, '/v1/pubsub/publish', { method: 'POST', headers, body: bomb });
  assert.deepEqual([refused.status, refused.body.code], [400, 'bad_json']);
});

test('who comes through a proxy without a credential is told to bring one, and sees what is nobody’s', async () => {
  await using site = await behindProxy();
  const headers = from('192.0.2.1');
  for (const path of [
    '/v1/status',
    '/v1/kv/default',
    '/v1/pubsub/topics',
    '/v1/network/peers',
    '/v1/auth/whoami',
  ]) {
    const { status, body } = await rawRequest(site.url, path, { headers });
    assert.equal(status, 401, path);
    assert.equal((body as { code: string }).code, 'unauthenticated', path);
    assert.equal((await rawRequest(site.url, path)).status, 200, `${path}, as the operator`);
  }
  for (const path of ['/livez', '/v1/version', '/v1/info', '/openapi.json', '/.well-known/jwks.json']) {
    assert.equal((await rawRequest(site.url, path, { headers })).status, 200, path);
  }
});
