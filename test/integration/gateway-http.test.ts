import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { ERRORS } from '../../gateway/core/errors.ts';
import { MESSAGE_MAX_BYTES } from '../../protocols/relay/constants.ts';
import { BUILD, type Site, startSite } from '../support/start-gateway.ts';

let site: Site;
before(async () => {
  site = await startSite();
});
after(async () => site[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- every route has another shape; the test looks at it
  readonly body: any;
}

async function call(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(site.url + path, init);
  return {
    status: response.status,
    headers: response.headers,
    body: await response.json().catch(() => null),
  };
}

async function publish(body: unknown, headers: Record<string, string> = {}, query = ''): Promise<Answer> {
  return call(`/v1/pubsub/publish${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body:
      typeof body === 'string' || body instanceof Uint8Array
        ? (body as string | Uint8Array<ArrayBuffer>)
        : JSON.stringify(body),
  });
}

/** With headers that fetch does not let one set. */
async function raw(
  path: string,
  headers: Record<string, string>,
): Promise<{ status: number | undefined; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; body: string }>();
  const { port } = new URL(site.url);
  request({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
    text(response).then((body) => resolve({ status: response.statusCode, body }), reject);
  })
    .on('error', reject)
    .end();
  return promise;
}

const good = { topic: 'news', data_base64: 'aGk=' };

describe('publish', () => {
  test('answers with an honest receipt', async () => {
    const { status, body } = await publish(good);
    assert.equal(status, 200);
    assert.match(body.id, /^bafy/);
    assert.deepEqual(body, {
      status: 'ok',
      id: body.id,
      messageIds: [`${body.id}:0`],
      peersReached: 0,
      storedBy: [],
      durable: false,
    });
  });

  const cases: [string, unknown, number, string][] = [
    ['no JSON', '{', 400, 'bad_json'],
    ['an empty body', '', 400, 'bad_json'],
    ['no UTF-8', Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), 400, 'bad_json'],
    ['a prototype', '{"topic":"a","data_base64":"","__proto__":{"x":1}}', 400, 'bad_json'],
    ['an array', [], 400, 'bad_request'],
    ['no topic', { data_base64: '' }, 400, 'bad_topic'],
    ['an empty topic', { ...good, topic: '' }, 400, 'bad_topic'],
    ['a topic of 257 bytes', { ...good, topic: 'é'.repeat(128) + 'x' }, 400, 'bad_topic'],
    ['a topic with a control character', { ...good, topic: 'a\u0007' }, 400, 'bad_topic'],
    ['a topic that is no text', { ...good, topic: 5 }, 400, 'bad_topic'],
    ['a bad namespace', { ...good, namespace: 'Upper' }, 400, 'bad_namespace'],
    ['a namespace of 65', { ...good, namespace: 'x'.repeat(65) }, 400, 'bad_namespace'],
    ['no data', { topic: 'a' }, 400, 'bad_base64'],
    ['unpadded base64', { ...good, data_base64: 'aGk' }, 400, 'bad_base64'],
    ['URL-safe base64', { ...good, data_base64: '_-8=' }, 400, 'bad_base64'],
    ['base64 with white space', { ...good, data_base64: 'aG k=' }, 400, 'bad_base64'],
    ['an expiry in the past', { ...good, expiry: 1 }, 400, 'bad_expiry'],
    ['an expiry that is no number', { ...good, expiry: 'soon' }, 400, 'bad_expiry'],
    ['an unknown field', { ...good, topics: [] }, 400, 'unknown_field'],
    ['a message too large', { ...good, data_base64: base64Of(MESSAGE_MAX_BYTES + 1) }, 413, 'too_large'],
    ['a body too large', { ...good, data_base64: base64Of(300_000) }, 413, 'too_large'],
  ];
  for (const [what, body, status, code] of cases) {
    test(`refuses ${what}: ${status} ${code}`, async () => {
      const answer = await publish(body);
      assert.deepEqual([answer.status, answer.body.code], [status, code]);
      assert.equal(typeof answer.body.error, 'string');
      assert.doesNotMatch(JSON.stringify(answer.body), /node_modules|\.ts|at /);
    });
  }

  test('an unknown field is named', async () => {
    const { error, detail } = (await publish({ topik: 'a', data_base64: good.data_base64 })).body;
    assert.match(
      error,
      /body .* "topik" \(did you mean topic\?\): it takes topic, data_base64, namespace, expiry/,
    );
    assert.deepEqual(detail, { fields: ['topik'], known: ['topic', 'data_base64', 'namespace', 'expiry'] });
  });

  test('the largest message goes', async () => {
    assert.equal((await publish({ ...good, data_base64: base64Of(MESSAGE_MAX_BYTES) })).status, 200);
  });

  test('two namespaces are refused, the same one twice is not', async () => {
    const answer = await publish({ ...good, namespace: 'a' }, {}, '?namespace=b');
    assert.equal(answer.status, 403);
    assert.deepEqual(answer.body, { error: 'namespace mismatch', code: 'namespace_mismatch' });
    assert.equal((await publish({ ...good, namespace: 'a' }, {}, '?namespace=a')).status, 200);
  });

  test('what is no JSON by its type is refused', async () => {
    const answer = await publish('topic=a', { 'content-type': 'application/x-www-form-urlencoded' });
    assert.deepEqual([answer.status, answer.body.code], [415, 'unsupported_media_type']);
  });
});

describe('Idempotency-Key', () => {
  test('many at once publish once, and a retry gets the same answer', async () => {
    const before = site.node.status().relay.messagesPublished;
    const headers = { 'idempotency-key': 'k-1' };
    const answers = await Promise.all(Array.from({ length: 8 }, async () => publish(good, headers)));
    const again = await publish(good, headers);
    for (const answer of [...answers, again]) assert.deepEqual(answer.body, answers[0]?.body);
    assert.equal(site.node.status().relay.messagesPublished, before + 1);
  });

  test('another request with the key is a conflict', async () => {
    const headers = { 'idempotency-key': 'k-2' };
    await publish(good, headers);
    for (const other of [
      { ...good, topic: 'b' },
      { ...good, data_base64: '' },
      { ...good, namespace: 'n' },
    ]) {
      const answer = await publish(other, headers);
      assert.deepEqual([answer.status, answer.body.code], [409, 'idempotency_conflict']);
    }
  });

  test('a failure is not remembered', async () => {
    const headers = { 'idempotency-key': 'k-3' };
    const tooLarge = { ...good, data_base64: base64Of(MESSAGE_MAX_BYTES + 1) };
    assert.equal((await publish(tooLarge, headers)).status, 413);
    assert.equal((await publish(good, headers)).status, 200);
  });

  test('a bad key is refused', async () => {
    const answer = await publish(good, { 'idempotency-key': 'x'.repeat(129) });
    assert.deepEqual([answer.status, answer.body.code], [400, 'bad_idempotency_key']);
  });
});

describe('who may ask', () => {
  for (const [headers, status, code] of [
    [{ host: 'evil.example' }, 421, 'foreign_host'],
    [{ host: '127.0.0.1.evil.example' }, 421, 'foreign_host'],
    [{ origin: 'https://evil.example' }, 403, 'foreign_origin'],
    [{ origin: 'null' }, 403, 'foreign_origin'],
  ] as const) {
    test(`${JSON.stringify(headers)} is refused everywhere`, async () => {
      for (const path of ['/livez', '/v1/pubsub/sse?topic=a', '/nowhere', '/openapi.json']) {
        const answer = await raw(path, headers);
        assert.deepEqual([answer.status, JSON.parse(answer.body).code], [status, code], path);
      }
    });
  }

  test('a page on this machine may ask, and may read the answer', async () => {
    const { status, headers } = await call('/livez', { headers: { origin: 'http://localhost:5173' } });
    assert.equal(status, 200);
    assert.equal(headers.get('access-control-allow-origin'), 'http://localhost:5173');
    assert.match(headers.get('vary') ?? '', /Origin/);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
  });

  test('a preflight is answered', async () => {
    const { status, headers } = await call('/v1/pubsub/publish', {
      method: 'OPTIONS',
      headers: { origin: 'http://localhost:5173', 'access-control-request-method': 'POST' },
    });
    assert.equal(status, 204);
    const allowed = headers.get('access-control-allow-headers') ?? '';
    for (const name of ['Content-Type', 'Authorization', 'X-API-Key', 'Idempotency-Key', 'Last-Event-ID']) {
      assert.ok(allowed.includes(name), name);
    }
    assert.match(headers.get('access-control-allow-methods') ?? '', /POST/);
  });
});

describe('what is no route', () => {
  test('an unknown path is 404', async () => {
    const { status, body } = await call('/v2/nothing');
    assert.deepEqual([status, body.code], [404, 'not_found']);
  });

  test('another method is 405 and says which there are', async () => {
    const { status, headers, body } = await call('/v1/pubsub/publish');
    assert.deepEqual([status, body.code], [405, 'method_not_allowed']);
    assert.match(headers.get('allow') ?? '', /POST/);
    assert.equal((await call('/livez', { method: 'DELETE' })).status, 405);
  });

  test('a malformed URL is 400', async () => {
    const { status, body } = await raw('/%zz', {});
    assert.deepEqual([status, JSON.parse(body).code], [400, 'bad_request']);
  });

  test('headers without end are 431', async () => {
    const { status, body } = await raw('/livez', { 'x-long': 'a'.repeat(20_000) });
    assert.deepEqual([status, JSON.parse(body).code], [431, 'headers_too_large']);
  });

  test('what is no HTTP is 400, and the connection ends', async () => {
    const socket = connect(Number(new URL(site.url).port), '127.0.0.1');
    socket.end('NONSENSE\r\n\r\n');
    const answer = await text(socket);
    assert.match(answer, /^HTTP\/1.1 400 /);
    assert.match(answer, /"code":"bad_request"/);
  });
});

describe('about itself', () => {
  test('it lives, is ready and healthy', async () => {
    assert.deepEqual((await call('/livez')).body, { status: 'ok' });
    const ready = await call('/readyz');
    assert.deepEqual([ready.status, ready.body.ready], [200, true]);
    assert.ok(ready.body.probes.some((probe: { name: string }) => probe.name === 'gateway'));
    for (const path of ['/health', '/v1/health']) {
      const { status, body } = await call(path);
      assert.equal(status, 200);
      assert.equal(body.status, 'ok');
      assert.deepEqual(Object.keys(body.server), ['status', 'started_at', 'uptime']);
      assert.deepEqual(Object.keys(body.client), ['status', 'checks', 'last_updated', 'response_time']);
    }
  });

  test('status, version and network have the shapes DeBros clients read', async () => {
    const { peerId } = site.node.status();
    for (const path of ['/status', '/v1/status']) {
      const { body } = await call(path);
      assert.equal(body.network.peer_id, peerId);
      assert.equal(body.node.peerId, peerId);
      assert.match(body.server.uptime, /s$/);
    }
    const version = (await call('/v1/version')).body;
    assert.deepEqual(
      [version.version, version.commit, version.build_time],
      [BUILD.version, BUILD.commit, BUILD.builtAt],
    );
    const network = (await call('/v1/network/status')).body;
    assert.ok(Number.isInteger(network.uptime) && network.uptime > 0);
    assert.deepEqual([network.node_id, network.connected, network.peer_count], [peerId, false, 0]);
    assert.deepEqual((await call('/v1/network/peers')).body, { peers: [] });
    assert.deepEqual((await call('/v1/network/peers?format=array')).body, []);
  });

  test('topics are those of the namespace, and a list even when there are none', async () => {
    await publish({ ...good, namespace: 'topics-test', topic: 'b' });
    await publish({ ...good, namespace: 'topics-test', topic: 'a' });
    assert.deepEqual((await call('/v1/pubsub/topics?namespace=topics-test')).body, { topics: ['a', 'b'] });
    assert.deepEqual((await call('/v1/pubsub/topics?namespace=empty')).body, { topics: [] });
    assert.equal((await call('/v1/pubsub/topics?namespace=BAD')).body.code, 'bad_namespace');
  });

  test('info names every limit with its reason, every error and every close code', async () => {
    const { body } = await call('/v1/info');
    assert.equal(body.peerId, site.node.status().peerId);
    assert.deepEqual(
      [body.product, body.version, body.role, body.swarm],
      ['maillon', BUILD.version, 'full', 'maillon'],
    );
    const names = body.limits.map((limit: { name: string }) => limit.name);
    const own = names.filter((name: string) => name.startsWith('gateway.'));
    assert.equal(new Set(own).size, own.length, 'no limit of the gateway twice');
    for (const name of [
      'relay.messageBytes',
      'gateway.clientsMax',
      'gateway.clientQueueBytes',
      'gateway.frameBytes',
    ]) {
      assert.ok(names.includes(name), name);
    }
    for (const limit of body.limits) assert.ok(limit.reason.length > 5 && limit.unit !== '', limit.name);
    assert.deepEqual(
      body.errors.map((error: { code: string }) => error.code),
      Object.keys(ERRORS),
    );
    for (const code of [1008, 1009, 1013, 4008, 4009]) {
      assert.ok(body.closeCodes.some((row: { code: number }) => row.code === code));
    }
    assert.deepEqual(body.subprotocols, ['maillon.json.1', 'maillon.cbor.1', 'maillon.e2']);
  });

  test('the OpenAPI document has every route, and every reference in it resolves', async () => {
    const { body } = await call('/openapi.json');
    assert.match(body.openapi, /^3\.1\./);
    for (const path of [
      '/',
      '/livez',
      '/readyz',
      '/health',
      '/v1/health',
      '/status',
      '/v1/status',
      '/v1/version',
      '/v1/info',
      '/openapi.json',
      '/v1/network/status',
      '/v1/network/peers',
      '/v1/pubsub/topics',
      '/v1/pubsub/presence',
      '/v1/pubsub/sse',
      '/v1/pubsub/ws',
    ]) {
      assert.ok(body.paths[path]?.get !== undefined, path);
    }
    const { requestBody, responses } = body.paths['/v1/pubsub/publish'].post;
    assert.equal(requestBody.content['application/json'].schema.$ref, '#/components/schemas/PublishInput');
    assert.ok('200' in responses && '4XX' in responses && '5XX' in responses, Object.keys(responses).join());
    assert.ok('text/event-stream' in body.paths['/v1/pubsub/sse'].get.responses['200'].content);
    for (const [, name] of JSON.stringify(body).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) {
      assert.ok(name !== undefined && name in body.components.schemas, name);
    }
  });

  test('a credential in a URL reaches no log', async () => {
    await call('/v1/pubsub/topics?api_key=ak_SECRET&token=SECRET');
    await call('/nowhere?token=SECRET');
    await raw('/livez?token=SECRET', { host: 'evil.example' });
    const lines = site.log.join('');
    assert.match(lines, /"path":"\/v1\/pubsub\/topics"/);
    assert.doesNotMatch(lines, /SECRET/);
  });
});

function base64Of(bytes: number): string {
  return Buffer.alloc(bytes, 'x').toString('base64');
}
