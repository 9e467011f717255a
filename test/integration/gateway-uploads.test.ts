/** Uploads that go on after a connection broke, and clients that mean no good. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { UPLOADS_PER_NAMESPACE_MAX } from '../../node/blobs/limits.ts';
import { pattern } from '../support/blobs.ts';
import { until } from '../support/processes.ts';
import { type RawAnswer, type RawRequest, rawRequest } from '../support/raw-http.ts';
import { filesOfBlobs, type Site, startSite } from '../support/start-gateway.ts';

const MIB = 2 ** 20;
const BYTES = pattern(4 * MIB + 99);
const PARTIAL = { 'content-type': 'application/partial-upload' };

let site: Site;
before(async () => {
  site = await startSite();
});
after(async () => site[Symbol.asyncDispose]());

const call = async (path: string, init?: RawRequest): Promise<RawAnswer> => rawRequest(site.url, path, init);
const patch = async (path: string, offset: number, complete: '?0' | '?1', body: Uint8Array | string) =>
  call(path, {
    method: 'PATCH',
    body,
    headers: { ...PARTIAL, 'upload-offset': String(offset), 'upload-complete': complete },
  });

function outcome({ status, body }: RawAnswer): [number, string | undefined] {
  return [status, body?.code];
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function begin(namespace = 'uploads'): Promise<string> {
  const begun = await call(`/v1/uploads?namespace=${namespace}`, { method: 'POST' });
  assert.equal(begun.status, 201, begun.text);
  assert.deepEqual([begun.body.offset, begun.body.complete, begun.headers['upload-offset']], [0, false, '0']);
  assert.equal(begun.headers['location'], `/v1/uploads/${begun.body.id}`);
  return `${begun.headers['location']}?namespace=${namespace}`;
}

/** Sends the head of a PATCH and some bytes, and leaves it there. */
async function halfPatch(path: string, offset: number, bytes: Uint8Array): Promise<Socket> {
  const { port } = new URL(site.url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(
    `PATCH ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/partial-upload\r\n` +
      `Upload-Offset: ${offset}\r\nUpload-Complete: ?1\r\nContent-Length: ${BYTES.byteLength - offset}\r\n\r\n`,
  );
  socket.write(bytes);
  await until('it is sent', () => socket.writableLength === 0 && socket.bytesWritten > 0);
  return socket;
}

describe('an upload', () => {
  test('goes on where it was, becomes a value, and is gone then', async () => {
    const path = await begin();
    const id = path.split(/[/?]/)[3];
    const first = await patch(path, 0, '?0', BYTES.subarray(0, 2 * MIB + 5));
    assert.deepEqual([first.status, first.body.offset], [200, 2 * MIB], 'whole chunks are kept');
    assert.equal(first.headers['upload-offset'], String(2 * MIB));
    for (const method of ['GET', 'HEAD']) {
      const seen = await call(path, { method });
      assert.equal(seen.status, 200);
      assert.deepEqual(
        [seen.headers['upload-offset'], seen.headers['upload-complete'], seen.headers['cache-control']],
        [String(2 * MIB), '?0', 'no-store'],
      );
      assert.match(String(seen.headers['upload-limit']), /max-size=\d+/);
    }
    for (const offset of [0, 2 * MIB - 1, 2 * MIB + 5]) {
      const wrong = await patch(path, offset, '?1', BYTES.subarray(offset));
      assert.deepEqual(outcome(wrong), [409, 'upload_offset']);
      assert.deepEqual(
        [wrong.headers['upload-offset'], wrong.body.detail.offset],
        [String(2 * MIB), 2 * MIB],
      );
    }
    const early = await call(`/v1/kv/uploads/made?upload=${id}`, { method: 'PUT' });
    assert.deepEqual(outcome(early), [409, 'upload_incomplete']);
    const last = await patch(path, 2 * MIB, '?1', BYTES.subarray(2 * MIB));
    assert.deepEqual([last.status, last.body.complete, last.body.offset], [200, true, BYTES.byteLength]);
    assert.deepEqual(
      [last.headers['upload-complete'], last.headers['upload-length']],
      ['?1', String(BYTES.byteLength)],
    );
    assert.deepEqual(outcome(await patch(path, BYTES.byteLength, '?1', 'more')), [409, 'upload_complete']);

    assert.deepEqual(outcome(await call(`/v1/kv/others/made?upload=${id}`, { method: 'PUT' })), [
      404,
      'not_found',
    ]);
    const made = await call(`/v1/kv/uploads/made?upload=${id}`, {
      method: 'PUT',
      headers: { 'content-type': 'video/x-odd', 'if-none-match': '*' },
    });
    assert.equal(made.status, 201, made.text);
    const read = await call('/v1/kv/uploads/made');
    assert.deepEqual([hashOf(read.bytes), read.headers['maillon-blob']], [hashOf(BYTES), last.body.cid]);
    assert.equal(read.headers['content-type'], 'video/x-odd');
    assert.deepEqual(outcome(await call(path)), [404, 'not_found']);
  });

  test('whose connection breaks keeps what came, and whoever is back first goes on', async () => {
    // what is on the disk already is not written again
    const bytes = pattern(BYTES.byteLength, 1_000_003);
    const path = await begin();
    const before = filesOfBlobs(site);
    const broken = await halfPatch(path, 0, bytes.subarray(0, 2 * MIB + 5));
    await until('something is taken', () => filesOfBlobs(site) > before + 1);
    // the gateway knows nothing of a connection that only fell silent: who asks ends what it was at
    const seen = await call(path, { method: 'HEAD' });
    const offset = Number(seen.headers['upload-offset']);
    assert.ok(offset === MIB || offset === 2 * MIB, `${offset}`);
    const again = await halfPatch(path, offset, bytes.subarray(offset, offset + 10));
    const last = await patch(path, offset, '?1', bytes.subarray(offset));
    assert.deepEqual([last.status, last.body.complete], [200, true], last.text);
    for (const socket of [broken, again]) socket.destroy();
    const kept = await call(`/v1/blobs?namespace=uploads&upload=${last.body.id}`, { method: 'POST' });
    assert.deepEqual([kept.status, kept.body.cid, kept.body.size], [201, last.body.cid, bytes.byteLength]);
    assert.equal(hashOf((await call(`/v1/blobs/${last.body.cid}?namespace=uploads`)).bytes), hashOf(bytes));
  });

  test('survives the gateway, complete or not', async () => {
    const half = await begin();
    const whole = await begin();
    await patch(half, 0, '?0', BYTES.subarray(0, MIB));
    const done = await patch(whole, 0, '?1', BYTES);
    await site.gateway.stop();
    await site.gateway.start();
    site = { ...site, url: site.gateway.url };
    assert.equal((await call(half, { method: 'HEAD' })).headers['upload-offset'], String(MIB));
    assert.deepEqual((await call(whole)).body, { ...done.body });
    assert.equal((await patch(half, MIB, '?1', BYTES.subarray(MIB))).body.cid, done.body.cid);
  });

  test('is given up, and is nobody else’s', async () => {
    const path = await begin();
    const foreign = path.replace('namespace=uploads', 'namespace=others');
    for (const method of ['GET', 'HEAD', 'DELETE']) {
      assert.equal((await call(foreign, { method })).status, 404, method);
    }
    assert.deepEqual(outcome(await patch(foreign, 0, '?1', 'x')), [404, 'not_found']);
    assert.equal((await call(path, { method: 'DELETE' })).status, 204);
    for (const method of ['GET', 'DELETE']) assert.equal((await call(path, { method })).status, 404);
  });

  test('says what it is not told well', async () => {
    const path = await begin();
    for (const headers of [
      {},
      { 'upload-offset': '0' },
      { 'upload-complete': '?1' },
      { 'upload-offset': '-1', 'upload-complete': '?1' },
      { 'upload-offset': '0x0', 'upload-complete': '?1' },
      { 'upload-offset': '0', 'upload-complete': 'true' },
      { 'upload-offset': '9'.repeat(16), 'upload-complete': '?1' },
    ]) {
      const answer = await call(path, { method: 'PATCH', body: 'x', headers: { ...PARTIAL, ...headers } });
      assert.deepEqual(outcome(answer), [400, 'bad_upload'], JSON.stringify(headers));
    }
    assert.deepEqual(outcome(await call('/v1/uploads', { method: 'POST', body: 'x' })), [400, 'bad_request']);
    for (const id of ['none', '../kv', 'x'.repeat(65)]) {
      const { status } = await call(`/v1/uploads/${encodeURIComponent(id)}`);
      assert.ok(status === 404 || status === 400, id);
    }
    const { body } = await patch(path, 0, '?1', '');
    assert.equal(body.complete, true, 'an empty one is one');
    const odd = await call(`/v1/blobs?namespace=uploads&upload=${body.id}`, { method: 'POST', body: 'x' });
    assert.deepEqual(outcome(odd), [400, 'bad_request']);
    assert.equal(
      (await call(`/v1/blobs?namespace=uploads&upload=${body.id}`, { method: 'POST' })).body.size,
      0,
    );
  });

  test('is one of so many of a namespace', async () => {
    const answers = await Promise.all(
      Array.from({ length: UPLOADS_PER_NAMESPACE_MAX + 10 }, () =>
        call('/v1/uploads?namespace=many', { method: 'POST' }),
      ),
    );
    const begun = answers.filter(({ status }) => status === 201);
    assert.equal(begun.length, UPLOADS_PER_NAMESPACE_MAX);
    for (const answer of answers.filter(({ status }) => status !== 201)) {
      assert.deepEqual(outcome(answer), [503, 'overloaded']);
    }
    assert.equal(
      (await call('/v1/uploads?namespace=few', { method: 'POST' })).status,
      201,
      'others have room',
    );
    for (const { body } of begun) {
      assert.equal((await call(`/v1/uploads/${body.id}?namespace=many`, { method: 'DELETE' })).status, 204);
    }
  });
});

describe('a hundred large values at once', () => {
  test('are taken as far as there are places; the others are told', async () => {
    const { port } = new URL(site.url);
    const sockets = Array.from({ length: 100 }, (_, i) => {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(
        `PUT /v1/kv/space-${i % 4}/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n`,
      );
      return socket;
    });
    let refused = 0;
    for (const socket of sockets) {
      socket.once('data', (data: Buffer) => {
        assert.match(data.toString(), /^HTTP\/1.1 503 [^]*overloaded/);
        refused += 1;
      });
    }
    const { limits } = (await call('/v1/info')).body;
    const places = limits.find(({ name }: { name: string }) => name === 'gateway.streamsIn').value;
    await until('those without a place know', () => refused === 100 - places);
    for (const socket of sockets) socket.destroy();
    await until('there is room again', async () => {
      return (await call('/v1/kv/space-0/k', { method: 'PUT', body: BYTES })).status === 200;
    });
  });
});

test('a body that stops is cut off, and one that is answered before its end is thrown away', async () => {
  const { port } = new URL(site.url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(
    `PUT /v1/kv/uploads/k?ttl=never HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${BYTES.byteLength}\r\n\r\n`,
  );
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1.1 400 [^]*bad_ttl/);
  socket.write(BYTES);
  // the connection goes on with the next request
  socket.write('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
  const [next] = (await once(socket, 'data')) as [Buffer];
  assert.match(next.toString(), /^HTTP\/1.1 200 OK/);
  socket.destroy();
});
