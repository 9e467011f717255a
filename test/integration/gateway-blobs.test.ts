/** Values that are blobs, over HTTP: in and out as they come, in parts, by their CID. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { BLOB_MAX_BYTES } from '../../protocols/blobs/constants.ts';
import { INLINE_MAX_BYTES } from '../../protocols/storage/constants.ts';
import { pattern } from '../support/blobs.ts';
import { until } from '../support/processes.ts';
import { type RawAnswer, type RawRequest, rawBytes, rawRequest } from '../support/raw-http.ts';
import { filesOfBlobs, type Site, startSite } from '../support/start-gateway.ts';

const MIB = 2 ** 20;
const LARGE = pattern(3 * MIB + 17);

let site: Site;
before(async () => {
  site = await startSite();
});
after(async () => site[Symbol.asyncDispose]());

const call = async (path: string, init?: RawRequest): Promise<RawAnswer> => rawRequest(site.url, path, init);
const put = async (path: string, body: Uint8Array | string, headers: Record<string, string> = {}) =>
  call(path, { method: 'PUT', body, headers });

function outcome({ status, body }: RawAnswer): [number, string | undefined] {
  return [status, body?.code];
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** In chunks, of a length that nobody is told. */
async function putChunked(path: string, bytes: Uint8Array, pieceBytes: number): Promise<RawAnswer> {
  const { hostname, port } = new URL(site.url);
  const sent = httpRequest({ host: hostname, port, path, method: 'PUT' });
  const answered = once(sent, 'response');
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) {
    if (!sent.write(bytes.subarray(at, at + pieceBytes))) await once(sent, 'drain');
  }
  sent.end();
  const [response] = await answered;
  response.resume();
  await once(response, 'end');
  return { status: response.statusCode, headers: response.headers } as RawAnswer;
}

describe('a large value', () => {
  test('goes in and comes out, whatever its size and however it is sent', async () => {
    for (const size of [INLINE_MAX_BYTES, INLINE_MAX_BYTES + 1, MIB, MIB + 1, LARGE.byteLength]) {
      const bytes = LARGE.subarray(0, size);
      for (const how of ['announced', 'chunked']) {
        const path = `/v1/kv/large/${how}-${size}`;
        const stored =
          how === 'announced'
            ? await put(path, bytes, { 'content-type': 'application/x-test' })
            : await putChunked(path, bytes, 100_000);
        assert.equal(stored.status, 200, `${path}: ${stored.text}`);
        const read = await call(path);
        assert.deepEqual([read.status, read.headers['content-length']], [200, String(size)], path);
        assert.equal(hashOf(read.bytes), hashOf(bytes), path);
        assert.equal(read.headers['etag'], stored.headers['etag']);
        assert.equal(read.headers['maillon-blob'] === undefined, size <= INLINE_MAX_BYTES, path);
        const head = await call(path, { method: 'HEAD' });
        assert.deepEqual(
          [head.status, head.bytes.length, head.headers['content-length'], head.headers['maillon-blob']],
          [200, 0, String(size), read.headers['maillon-blob']],
        );
      }
    }
    const { entries } = (await call('/v1/kv/large?prefix=announced')).body;
    const sizes = entries.map(({ size }: { size: number }) => size);
    assert.deepEqual(sizes.toSorted((a: number, b: number) => a - b).at(-1), LARGE.byteLength);
    assert.equal((await call(`/v1/kv/large/announced-${MIB}`)).headers['content-type'], 'application/x-test');
  });

  test('has a condition that is looked at before its bytes are', async () => {
    const first = await put('/v1/kv/large/cond', LARGE, { 'if-none-match': '*' });
    assert.equal(first.status, 201);
    const { etag } = first.headers as { etag: string };
    const { port } = new URL(site.url);
    // no byte of the body is ever sent
    for (const condition of ['If-None-Match: *', 'If-Match: "1-0-x"', `If-Match: W/${etag}`]) {
      const answer = await firstLineOf(
        `PUT /v1/kv/large/cond HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 1000000\r\n${condition}\r\n\r\n`,
      );
      assert.match(answer, /^HTTP\/1.1 412 /, condition);
    }
    const absent = await firstLineOf(
      `PUT /v1/kv/large/none HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 1000000\r\nIf-Match: *\r\n\r\n`,
    );
    assert.match(absent, /^HTTP\/1.1 412 /);
    assert.equal((await put('/v1/kv/large/cond', LARGE, { 'if-match': etag })).status, 200);
    assert.deepEqual(outcome(await put('/v1/kv/large/cond', LARGE, { 'if-match': etag })), [
      412,
      'precondition_failed',
    ]);
    assert.equal((await put('/v1/kv/large/cond', LARGE, { 'if-match': '*' })).status, 200);
  });

  test('is asked for with 100 Continue when it is wanted, and not before', async () => {
    const { hostname, port } = new URL(site.url);
    const send = async (path: string, headers: Record<string, string>) => {
      const sent = httpRequest({
        host: hostname,
        port,
        path,
        method: 'PUT',
        headers: { expect: '100-continue', 'content-length': String(LARGE.byteLength), ...headers },
      });
      let isAsked = false;
      sent.on('continue', () => {
        isAsked = true;
        sent.end(LARGE);
      });
      sent.flushHeaders();
      const [response] = await once(sent, 'response');
      response.resume();
      sent.on('error', () => undefined);
      return [response.statusCode, isAsked];
    };
    assert.deepEqual(await send('/v1/kv/large/expected', {}), [200, true]);
    assert.deepEqual(await send('/v1/kv/large/expected', { 'if-none-match': '*' }), [412, false]);
    assert.deepEqual(await send('/v1/kv/large/expected?ttl=never', {}), [400, false]);
    const small = await rawBytes(
      site.url,
      `PUT /v1/kv/large/small HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi`,
    );
    assert.match(small, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/);
    const json = await rawBytes(
      site.url,
      `POST /v1/cache/get HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 22\r\nConnection: close\r\n\r\n{"dmap":"a","key":"b"}`,
    );
    assert.match(json, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 404 /);
  });

  test('that is announced as larger than any blob is refused at once', async () => {
    const answer = await firstLineOf(
      `PUT /v1/kv/large/huge HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${BLOB_MAX_BYTES + 1}\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1.1 413 [^]*too_large/);
  });

  test('of a client that goes away leaves nothing', async () => {
    const { port } = new URL(site.url);
    const bytes = pattern(2 * MIB, 12_345);
    const before = filesOfBlobs(site);
    for (const framing of ['Content-Length: 3000000', 'Transfer-Encoding: chunked']) {
      const socket = connect(Number(port), '127.0.0.1');
      const head = `PUT /v1/kv/large/gone HTTP/1.1\r\nHost: 127.0.0.1\r\n${framing}\r\n\r\n`;
      socket.write(framing.startsWith('T') ? `${head}300000\r\n` : head);
      socket.write(bytes);
      await until('it is being taken', () => filesOfBlobs(site) > before);
      socket.resetAndDestroy();
      await until('its room is free', () => filesOfBlobs(site) === before);
      bytes.fill(1);
    }
    await until('its place is free', async () => (await call('/v1/kv/large/gone')).status === 404);
    const { entries } = (await call('/v1/kv/large?prefix=gone')).body;
    assert.deepEqual(entries, []);
  });
});

/** Answer to an incomplete request. */
async function firstLineOf(head: string): Promise<string> {
  const { hostname, port } = new URL(site.url);
  const socket = connect(Number(port), hostname);
  try {
    socket.write(head);
    let text = '';
    while (!text.includes('}')) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      text += chunk.toString();
    }
    return text;
  } finally {
    socket.destroy();
  }
}

describe('a part of a value', () => {
  const small = Buffer.from('0123456789');
  for (const [what, value] of [
    ['small', small],
    ['large', LARGE],
  ] as const) {
    const path = `/v1/kv/ranges/${what}`;
    const size = value.byteLength;

    test(`that is ${what} comes with 206`, async () => {
      const { etag } = (await put(path, value)).headers as { etag: string };
      const cases: [string, number, number][] = [
        ['bytes=0-0', 0, 1],
        ['bytes=2-5', 2, 6],
        ['bytes=5-', 5, size],
        ['bytes=-3', size - 3, size],
        [`bytes=-${size + 5}`, 0, size],
        [`bytes=3-${size + 100}`, 3, size],
        ['Bytes = 1-2', 1, 3],
        [`bytes=${size - 1}-`, size - 1, size],
        ...(what === 'large'
          ? ([[`bytes=${MIB - 1}-${2 * MIB}`, MIB - 1, 2 * MIB + 1]] as [string, number, number][])
          : []),
      ];
      for (const [range, start, end] of cases) {
        for (const headers of [{ range }, { range, 'if-range': etag }]) {
          const part = await call(path, { headers });
          assert.equal(part.status, 206, range);
          assert.equal(part.headers['content-range'], `bytes ${start}-${end - 1}/${size}`, range);
          assert.equal(part.headers['content-length'], String(end - start), range);
          assert.equal(hashOf(part.bytes), hashOf(value.subarray(start, end)), range);
          assert.equal(part.headers['etag'], etag);
        }
      }
    });

    test(`that is ${what} is all of it where no single part is asked for`, async () => {
      const { etag } = (await call(path)).headers as { etag: string };
      for (const headers of [
        { range: 'bytes=0-1,4-5' },
        { range: 'lines=1-2' },
        { range: 'bytes=5-2' },
        { range: 'bytes=-' },
        { range: 'bytes=a-b' },
        { range: 'bytes=0-1', 'if-range': '"another"' },
        { range: 'bytes=0-1', 'if-range': `W/${etag}` },
        { range: 'bytes=0-1', 'if-range': new Date().toUTCString() },
      ]) {
        const all = await call(path, { headers });
        assert.deepEqual([all.status, all.bytes.length], [200, size], JSON.stringify(headers));
        assert.deepEqual([all.headers['accept-ranges'], all.headers['content-range']], ['bytes', undefined]);
      }
      const head = await call(path, { method: 'HEAD', headers: { range: 'bytes=0-1' } });
      assert.deepEqual([head.status, head.headers['content-length']], [200, String(size)]);
      const unchanged = await call(path, { headers: { range: 'bytes=0-1', 'if-none-match': etag } });
      assert.equal(unchanged.status, 304);
    });

    test(`that lies behind the end of a ${what} one is 416`, async () => {
      for (const range of [`bytes=${size}-`, `bytes=${size + 5}-${size + 6}`, 'bytes=-0']) {
        const none = await call(path, { headers: { range } });
        assert.deepEqual(outcome(none), [416, 'bad_range'], range);
        assert.equal(none.headers['content-range'], `bytes */${size}`);
        assert.match(String(none.headers['content-type']), /^application\/json/);
      }
    });
  }

  test('of an empty value there is none', async () => {
    await put('/v1/kv/ranges/empty', '');
    const none = await call('/v1/kv/ranges/empty', { headers: { range: 'bytes=0-' } });
    assert.deepEqual([none.status, none.headers['content-range']], [416, 'bytes */0']);
  });
});

describe('a blob by its CID', () => {
  test('is kept, read in parts, listed and unpinned', async () => {
    const type = { 'content-type': 'image/x-odd' };
    for (const bytes of [Buffer.from('hello world'), LARGE, Buffer.alloc(0)]) {
      const kept = await call('/v1/blobs?namespace=pins&ttl=1h', {
        method: 'POST',
        body: bytes,
        headers: type,
      });
      assert.equal(kept.status, 201, kept.text);
      const { cid, size, replicas, expiresAt, version } = kept.body;
      assert.deepEqual([size, replicas.length], [bytes.byteLength, 1]);
      assert.ok(expiresAt > version.ms);
      if (bytes.byteLength === 11) {
        assert.equal(
          cid,
          'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e',
          'that of any IPFS tool',
        );
      }
      const path = `/v1/blobs/${cid}?namespace=pins`;
      const read = await call(path);
      assert.deepEqual([read.status, hashOf(read.bytes)], [200, hashOf(bytes)]);
      assert.deepEqual([read.headers['etag'], read.headers['content-type']], [`"${cid}"`, 'image/x-odd']);
      assert.match(String(read.headers['cache-control']), /immutable/);
      const unchanged = await call(path, { headers: { 'if-none-match': `"${cid}"` } });
      assert.deepEqual([unchanged.status, unchanged.bytes.length], [304, 0]);
      const head = await call(path, { method: 'HEAD' });
      assert.deepEqual([head.status, head.headers['content-length']], [200, String(bytes.byteLength)]);
      if (bytes.byteLength > 0) {
        const part = await call(path, { headers: { range: 'bytes=1-3', 'if-range': `"${cid}"` } });
        assert.deepEqual([part.status, hashOf(part.bytes)], [206, hashOf(bytes.subarray(1, 4))]);
      }
      assert.equal(
        (await call(`/v1/kv/pins/blobs/${cid}`)).headers['maillon-blob'],
        cid,
        'a record like any',
      );
      assert.deepEqual(outcome(await call(`/v1/blobs/${cid}?namespace=others`)), [404, 'not_found']);
      const again = await call('/v1/blobs?namespace=pins', { method: 'POST', body: bytes });
      assert.deepEqual([again.status, again.body.cid, again.body.expiresAt], [201, cid, null]);
    }
    const page = (await call('/v1/blobs?namespace=pins&limit=2')).body;
    assert.equal(page.blobs.length, 2);
    const rest = (await call(`/v1/blobs?namespace=pins&limit=2&cursor=${encodeURIComponent(page.cursor)}`))
      .body;
    const blobs = [...page.blobs, ...rest.blobs] as { cid: string; size: number }[];
    assert.deepEqual(
      blobs.map(({ size }) => size).toSorted((a, b) => a - b),
      [0, 11, LARGE.byteLength],
    );
    for (const { cid } of blobs) {
      assert.equal((await call(`/v1/blobs/${cid}?namespace=pins`, { method: 'DELETE' })).status, 200);
      assert.deepEqual(outcome(await call(`/v1/blobs/${cid}?namespace=pins`)), [404, 'not_found']);
    }
  });

  test('is none where something else is under its name', async () => {
    const { cid } = (await call('/v1/blobs', { method: 'POST', body: 'one' })).body;
    const other = (await call('/v1/blobs', { method: 'POST', body: LARGE })).body.cid;
    await put(`/v1/kv/default/blobs/${cid}`, 'another');
    assert.deepEqual(outcome(await call(`/v1/blobs/${cid}`)), [404, 'not_found']);
    await put(`/v1/kv/default/blobs/${other}`, LARGE.subarray(1));
    assert.deepEqual(outcome(await call(`/v1/blobs/${other}`)), [404, 'not_found']);
    for (const bad of ['x', cid.toUpperCase(), `${cid}a`, 'QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n']) {
      assert.deepEqual(outcome(await call(`/v1/blobs/${bad}`)), [400, 'bad_cid'], bad);
    }
  });
});
