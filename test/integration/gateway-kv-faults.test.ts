/** The gateway's behaviour when storage fails, which a test cannot force with a real node alone. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { after, before, beforeEach, test } from 'node:test';
import { ERRORS, type ErrorCode } from '../../gateway/core/errors.ts';
import { VALUES_IN_TRANSIT_BYTES } from '../../gateway/core/limits.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { INLINE_MAX_BYTES, VALUE_MAX_BYTES } from '../../protocols/storage/constants.ts';
import { FakeStorage } from '../support/fake-storage.ts';
import { until } from '../support/processes.ts';
import { type RawAnswer, type RawRequest, rawRequest } from '../support/raw-http.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

const storage = new FakeStorage();
let site: Site;
before(async () => {
  site = await startSite({ storage });
});
after(async () => site[Symbol.asyncDispose]());
beforeEach(() => {
  storage.failure = null;
  storage.degraded = false;
});

const call = async (path: string, init?: RawRequest): Promise<RawAnswer> => rawRequest(site.url, path, init);

const statuses: [ErrorCode, number][] = [
  ['bad_key', 400],
  ['bad_ttl', 400],
  ['bad_content_type', 400],
  ['bad_etag', 400],
  ['bad_cursor', 400],
  ['bad_limit', 400],
  ['bad_clock', 400],
  ['precondition_failed', 412],
  ['too_large', 413],
  ['corrupt', 502],
  ['insufficient_replicas', 503],
  ['outcome_unknown', 503],
  ['list_incomplete', 503],
  ['overloaded', 503],
  ['not_running', 503],
  ['over_quota', 507],
  ['no_room', 507],
];
for (const [code, status] of statuses) {
  test(`${code} is ${status} on every way to storage, never a success`, async () => {
    for (const [method, path, body] of [
      ['PUT', '/v1/kv/n/k', 'x'],
      ['GET', '/v1/kv/n/k', undefined],
      ['DELETE', '/v1/kv/n/k', undefined],
      ['GET', '/v1/kv/n', undefined],
      ['POST', '/v1/storage/put?key=k', 'x'],
      ['GET', '/v1/storage/exists?key=k', undefined],
      ['GET', '/v1/storage/list', undefined],
      ['GET', '/v1/network/storage/where?key=k', undefined],
    ] as const) {
      storage.failure = new CodedError(code, 'told by storage', { acknowledged: 1, needed: 2 });
      const answer = await call(path, { method, ...(body === undefined ? {} : { body }) });
      assert.deepEqual([answer.status, answer.body.code], [status, code], `${method} ${path}`);
      assert.deepEqual(answer.body.detail, { acknowledged: 1, needed: 2 });
      const { retryAfter } = ERRORS[code] as { retryAfter?: number };
      assert.equal(answer.headers['retry-after'], retryAfter === undefined ? undefined : String(retryAfter));
    }
    storage.failure = new CodedError(code, 'told by storage');
    const head = await call('/v1/kv/n/k', { method: 'HEAD' });
    assert.deepEqual([head.status, head.headers['maillon-error']], [status, code]);
  });
}

test('what the store of blobs says has a name of the table', async () => {
  for (const [code, status, name] of [
    ['closed', 503, 'not_running'],
    ['blob_too_large', 413, 'too_large'],
    ['blob_unavailable', 503, 'blob_unavailable'],
    ['overloaded', 503, 'overloaded'],
  ] as const) {
    storage.failure = new CodedError(code, 'told by storage');
    const answer = await call('/v1/blobs', { method: 'POST', body: 'x' });
    assert.deepEqual([answer.status, answer.body.code], [status, name]);
    storage.failure = new CodedError(code, 'told by storage');
    const begun = await call('/v1/uploads', { method: 'POST' });
    assert.deepEqual([begun.status, begun.body.code], [status, name]);
  }
});

test('a fault nobody knows is 500 and tells nothing', async () => {
  for (const failure of [new Error('/secret/path'), new CodedError('record_signature', 'inner')]) {
    storage.failure = failure;
    const answer = await call('/v1/kv/n/k');
    assert.deepEqual(answer.body, { error: ERRORS.internal.meaning, code: 'internal' });
  }
  storage.failure = new Error('/secret/path');
  const answer = await call(`/retrieve/${'0'.repeat(64)}`);
  assert.deepEqual([answer.status, answer.body], [500, { message: ERRORS.internal.meaning }]);
});

test('4NK clients get the reason as a message', async () => {
  const body = JSON.stringify({ key: '0'.repeat(64), value: '00' });
  storage.failure = new CodedError('insufficient_replicas', 'one of two');
  const headers = { 'content-type': 'application/json' };
  const answer = await call('/store', { method: 'POST', body, headers });
  assert.deepEqual([answer.status, answer.body], [503, { message: 'one of two' }]);
  assert.equal((await call(`/retrieve/${'0'.repeat(64)}`)).status, 404, 'nothing was stored');
});

test('a value read from no majority says so', async () => {
  await call('/v1/kv/n/degraded', { method: 'PUT', body: 'v' });
  storage.degraded = true;
  for (const method of ['GET', 'HEAD']) {
    const read = await call('/v1/kv/n/degraded', { method });
    assert.deepEqual([read.status, read.headers['maillon-degraded']], [200, 'true']);
  }
  const list = await call('/v1/kv/n?prefix=degraded');
  assert.deepEqual([list.status, list.headers['maillon-degraded']], [200, 'true']);
  const { degraded, copies } = list.body as Record<string, unknown>;
  assert.deepEqual([degraded, copies], [true, { live: 1, wanted: 3 }]);
});

test('durability, consistency, conditions and life are handed on as they were said', async () => {
  const { body } = await call('/v1/kv/n/handed?durability=all&ttl=1m', {
    method: 'PUT',
    body: 'v',
    headers: { 'content-type': 'text/plain', 'if-none-match': '*' },
  });
  assert.deepEqual(storage.calls.at(-1), {
    method: 'put',
    options: { contentType: 'text/plain', ttlMs: 60_000, durability: 'all', ifAbsent: true },
  });
  await call('/v1/kv/n/handed?consistency=one');
  assert.deepEqual(storage.calls.at(-1), { method: 'get', options: { consistency: 'one' } });
  await call('/v1/kv/n/handed?durability=one', { method: 'DELETE', headers: { 'if-match': body.etag } });
  assert.deepEqual(storage.calls.at(-1), {
    method: 'delete',
    options: { durability: 'one', ifVersion: body.etag },
  });
});

test('values in memory are bounded together, by what came of them and not by what was announced', async () => {
  const { port } = new URL(site.url);
  const sockets = Array.from({ length: VALUES_IN_TRANSIT_BYTES / VALUE_MAX_BYTES }, () => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      `POST /v1/cache/put HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${VALUE_MAX_BYTES}\r\n\r\n`,
    );
    return socket;
  });
  try {
    const store = async (): Promise<number> =>
      (await call('/v1/kv/n/quick', { method: 'PUT', body: Buffer.alloc(1024) })).status;
    await until('all are connected', () => sockets.every(({ readyState }) => readyState === 'open'));
    assert.equal(await store(), 200, 'nothing came of them yet');
    for (const socket of sockets) socket.write(Buffer.alloc(VALUE_MAX_BYTES - 1));
    await until('there is no room for another', async () => (await store()) === 503);
    assert.equal((await call('/v1/kv/n/none')).status, 404, 'what has no value goes on');
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  await until('their places are free again', async () => {
    return (
      (await call('/v1/kv/n/quick', { method: 'PUT', body: Buffer.alloc(INLINE_MAX_BYTES) })).status === 200
    );
  });
});

test('a body that is cut off stores nothing', async () => {
  const { port } = new URL(site.url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.end('PUT /v1/kv/n/cut HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\nhalf');
  await buffer(socket);
  assert.equal((await call('/v1/kv/n/cut')).status, 404);
});

test('a value whose middle cannot be read ends the connection, and one whose beginning cannot is an error', async () => {
  const bytes = Buffer.alloc(3 * 2 ** 20, 'v');
  assert.equal((await call('/v1/kv/n/broken', { method: 'PUT', body: bytes })).status, 200);
  storage.beforeChunk = (at) => {
    if (at >= 2 ** 20) throw new CodedError('blob_unavailable', 'with nobody');
  };
  await assert.rejects(call('/v1/kv/n/broken'), { code: 'ECONNRESET' });
  const part = await call('/v1/kv/n/broken', { headers: { range: 'bytes=5-9' } });
  assert.deepEqual([part.status, part.text], [206, 'vvvvv'], 'what can be read is');
  storage.beforeChunk = () => {
    throw new CodedError('blob_unavailable', 'with nobody');
  };
  const none = await call('/v1/kv/n/broken');
  assert.deepEqual(
    [none.status, none.body.code, none.headers['retry-after']],
    [503, 'blob_unavailable', '5'],
  );
  assert.equal(none.headers['etag'], undefined, 'nothing is said of the value');
  storage.beforeChunk = null;
});

test('a reader that goes away ends what is read for it', async () => {
  let isRead = 0;
  storage.beforeChunk = () => {
    isRead += 1;
  };
  const bytes = Buffer.alloc(64 * 2 ** 20, 'v');
  assert.equal((await call('/v1/kv/n/long', { method: 'PUT', body: bytes })).status, 200);
  const { port } = new URL(site.url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write('GET /v1/kv/n/long HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  await once(socket, 'readable');
  // nothing is taken: what is read ahead is bounded
  await until('it waits', async () => {
    const before = isRead;
    await call('/livez');
    return isRead > 0 && before === isRead;
  });
  assert.ok(isRead < 32, `${isRead} MiB`);
  socket.destroy();
  storage.beforeChunk = null;
});
