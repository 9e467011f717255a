import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { LIST_MAX, TTL_MAX_MS } from '../../gateway/core/limits.ts';
import { BLOB_MAX_BYTES } from '../../protocols/blobs/constants.ts';
import { KEY_MAX_BYTES } from '../../protocols/storage/constants.ts';
import { pattern } from '../support/blobs.ts';
import { until } from '../support/processes.ts';
import { type RawAnswer, type RawRequest, rawBytes, rawRequest } from '../support/raw-http.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

let site: Site;
before(async () => {
  site = await startSite();
});
after(async () => site[Symbol.asyncDispose]());

const call = async (path: string, init?: RawRequest): Promise<RawAnswer> => rawRequest(site.url, path, init);
const put = async (path: string, body: string | Uint8Array = 'x', headers: Record<string, string> = {}) =>
  call(path, { method: 'PUT', body, headers });

function outcome({ status, body }: RawAnswer): [number, string | undefined] {
  return [status, body?.code];
}

describe('a value', () => {
  test('is stored, read, described and deleted', async () => {
    const text = Uint8Array.of(0, 255, 10, 13);
    const stored = await put('/v1/kv/one/a/b', text, { 'content-type': 'image/x-Odd; v="1;2"' });
    assert.equal(stored.status, 200);
    const { etag, id, version, replicas, replicaSet, expiresAt, durability } = stored.body;
    assert.equal(stored.headers['etag'], etag);
    assert.equal(etag, `"${version.ms}-${version.counter}-${id}"`);
    assert.deepEqual(
      [stored.body.namespace, stored.body.key, durability, expiresAt],
      ['one', 'a/b', 'majority', null],
    );
    assert.deepEqual([replicas.length, replicaSet], [1, replicas], 'a lone node is a majority of one');

    const read = await call('/v1/kv/one/a/b');
    assert.equal(read.status, 200);
    assert.deepEqual(new Uint8Array(read.bytes), text);
    assert.deepEqual(
      [read.headers['content-type'], read.headers['etag'], read.headers['maillon-degraded']],
      ['image/x-Odd; v="1;2"', etag, undefined],
    );
    assert.equal(new Date(String(read.headers['last-modified'])).getTime() % 1000, 0);

    const head = await call('/v1/kv/one/a/b', { method: 'HEAD' });
    assert.deepEqual([head.status, head.bytes.length, head.headers['content-length']], [200, 0, '4']);
    for (const name of [
      'content-type',
      'etag',
      'last-modified',
      'maillon-author',
      'content-security-policy',
    ]) {
      assert.equal(head.headers[name], read.headers[name], name);
    }

    const deleted = await call('/v1/kv/one/a/b', { method: 'DELETE' });
    assert.equal(deleted.status, 200);
    assert.notEqual(deleted.body.etag, etag);
    assert.deepEqual(outcome(await call('/v1/kv/one/a/b')), [404, 'not_found']);
    const gone = await call('/v1/kv/one/a/b', { method: 'HEAD' });
    assert.deepEqual([gone.status, gone.bytes.length, gone.headers['maillon-error']], [404, 0, 'not_found']);
    assert.equal((await call('/v1/kv/one/a/b', { method: 'DELETE' })).status, 200, 'again');
  });

  test('may be empty, with a body or without, and of no type', async () => {
    for (const path of ['/v1/kv/one/empty', '/v1/kv/one/none']) {
      assert.equal(
        (await call(path, { method: 'PUT', ...(path.endsWith('none') ? {} : { body: '' }) })).status,
        200,
      );
      const read = await call(path);
      assert.deepEqual([read.status, read.bytes.length], [200, 0]);
      assert.equal(read.headers['content-type'], 'application/octet-stream');
    }
  });

  test('JSON is stored as it came, even what is none', async () => {
    for (const body of ['{ "a" : 1 }', '{', '']) {
      assert.equal((await put('/v1/kv/one/json', body, { 'content-type': 'application/json' })).status, 200);
      const read = await call('/v1/kv/one/json');
      assert.deepEqual([read.bytes.toString(), read.headers['content-type']], [body, 'application/json']);
    }
  });

  test('with a Content-Type that is none is refused', async () => {
    for (const type of ['text', 'a/b\tc', `a/${'b'.repeat(254)}`, 'text/\u00e9']) {
      const answer = await put('/v1/kv/one/type', 'x', { 'content-type': type });
      assert.deepEqual(outcome(answer), [400, 'bad_content_type'], type);
    }
    const { port } = new URL(site.url);
    const answer = await rawBytes(
      site.url,
      `PUT /v1/kv/one/type HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: a/b\u0007\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1.1 400 /);
  });

  test('has a life when it is given one', async () => {
    for (const ttl of ['0', '-1', 'soon', '0.1s', String(TTL_MAX_MS / 1000 + 1), '']) {
      assert.deepEqual(outcome(await put(`/v1/kv/one/ttl?ttl=${ttl}`)), [400, 'bad_ttl'], ttl);
    }
    const { version, expiresAt } = (await put('/v1/kv/one/ttl?ttl=30m')).body;
    assert.ok(Math.abs(expiresAt - version.ms - 1_800_000) < 5000, `${expiresAt - version.ms}`);
    const { headers } = await call('/v1/kv/one/ttl');
    assert.equal(headers['maillon-expires'], String(expiresAt));
  });

  test('is asked for and stored with the consistency and durability that are said', async () => {
    for (const durability of ['one', 'majority', 'all']) {
      const { status, body } = await put(`/v1/kv/one/d?durability=${durability}`);
      assert.deepEqual([status, body.durability], [200, durability]);
    }
    for (const consistency of ['one', 'majority']) {
      assert.equal((await call(`/v1/kv/one/d?consistency=${consistency}`)).status, 200);
    }
    assert.deepEqual(outcome(await put('/v1/kv/one/d?durability=none')), [400, 'bad_request']);
    assert.deepEqual(outcome(await call('/v1/kv/one/d?consistency=all')), [400, 'bad_request']);
  });
});

describe('a key', () => {
  const keys: [path: string, key: string][] = [
    ['a/b', 'a/b'],
    ['a%2Fc', 'a/c'],
    ['a//b', 'a//b'],
    ['a/', 'a/'],
    ['/', '/'],
    ['//', '//'],
    ['.', '.'],
    ['..', '..'],
    ['%2e%2e', '..'],
    ['a/../b', 'a/../b'],
    ['../../livez', '../../livez'],
    ['a/%2E/b', 'a/./b'],
    ['%00', '\0'],
    ['a%0d%0ab', 'a\r\nb'],
    ['%252F', '%2F'],
    ['%25', '%'],
    ['a+b', 'a+b'],
    ['a;b=c:@&$,!*', 'a;b=c:@&$,!*'],
    ['%3Fquery%23hash', '?query#hash'],
    ['%F0%9F%98%80/%C3%A9', '😀/é'],
    ['e%CC%81', 'e\u0301'],
    ['__proto__', '__proto__'],
    ['k'.repeat(KEY_MAX_BYTES), 'k'.repeat(KEY_MAX_BYTES)],
    ['%C3%A9'.repeat(KEY_MAX_BYTES / 2), 'é'.repeat(KEY_MAX_BYTES / 2)],
  ];
  for (const [path, key] of keys) {
    test(`${path.slice(0, 40)} is exactly that, in the path and in the query`, async () => {
      const value = `value of ${path}`;
      const stored = await put(`/v1/kv/keys/${path}`, value);
      assert.deepEqual([stored.status, stored.body.key], [200, key]);
      assert.equal((await call(`/v1/kv/keys?key=${encodeURIComponent(key)}`)).text, value);
      assert.equal((await call(`/v1/kv/keys/${encodeURIComponent(key)}`)).text, value);
    });
  }

  test('each of these is a value of its own, and in bytewise order', async () => {
    const { entries } = (await call('/v1/kv/keys?limit=1000')).body as { entries: { key: string }[] };
    const stored = [...new Set(keys.map(([, key]) => key))];
    assert.deepEqual(
      entries.map(({ key }) => key),
      stored.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
  });

  test('as raw bytes beyond ASCII is no HTTP', async () => {
    const { port } = new URL(site.url);
    const tail = ` HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`;
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const answer = await rawBytes(site.url, Buffer.from(`${method} /v1/kv/raw/é${tail}`));
      assert.match(answer, /^HTTP\/1.1 400 [^]*bad_request/);
    }
  });

  test('of an absolute URL is the same', async () => {
    await put('/v1/kv/raw/absolute', 'yes');
    assert.equal((await call(`${site.url}/v1/kv/raw/absolute`)).text, 'yes');
  });

  const bad: [string, string][] = [
    ['is missing', '/v1/kv/keys/'],
    ['has an escape that is none', '/v1/kv/keys/%zz'],
    ['has half an escape', '/v1/kv/keys/a%2'],
    ['is no UTF-8', '/v1/kv/keys/%ff'],
    ['is an overlong form', '/v1/kv/keys/%C0%AF'],
    ['is a surrogate', '/v1/kv/keys/%ED%A0%80'],
    ['begins with a byte order mark', '/v1/kv/keys/%EF%BB%BFa'],
    ['has 1025 bytes', `/v1/kv/keys/${'k'.repeat(KEY_MAX_BYTES + 1)}`],
    ['has 1025 bytes of 2', `/v1/kv/keys/${'%C3%A9'.repeat(KEY_MAX_BYTES / 2)}x`],
    ['is there twice', '/v1/kv/keys/a?key=b'],
    ['is there twice in the query', '/v1/kv/keys?key=a&key=b'],
    ['in the query is no UTF-8', '/v1/kv/keys?key=%ff'],
    ['in the query is empty', '/v1/kv/keys?key='],
  ];
  for (const [what, path] of bad) {
    test(`that ${what} is 400 bad_key`, async () => {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        assert.deepEqual(outcome(await call(path, { method })), [400, 'bad_key'], method);
      }
      const head = await call(path, { method: 'HEAD' });
      assert.deepEqual([head.status, head.headers['maillon-error']], [400, 'bad_key']);
    });
  }

  test('is missing altogether', async () => {
    for (const method of ['PUT', 'DELETE']) {
      assert.deepEqual(outcome(await call('/v1/kv/keys', { method })), [400, 'bad_key'], method);
    }
  });
});

describe('a namespace', () => {
  test('keeps its values apart', async () => {
    await put('/v1/kv/apart-a/k', 'a');
    await put('/v1/kv/apart-b/k', 'b');
    assert.equal((await call('/v1/kv/apart-a/k')).text, 'a');
    assert.deepEqual(outcome(await call('/v1/kv/apart-c/k')), [404, 'not_found']);
  });

  test('that is none, or two of them, is refused', async () => {
    for (const namespace of ['Upper', 'a%2Fb', '%00', 'x'.repeat(65), 'x'.repeat(5000), '..']) {
      for (const path of [`/v1/kv/${namespace}/k`, `/v1/kv/${namespace}`]) {
        assert.deepEqual(outcome(await call(path)), [400, 'bad_namespace'], path.slice(0, 40));
      }
    }
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const answer = await call('/v1/kv/a/k?namespace=b', { method });
      assert.deepEqual(outcome(answer), [403, 'namespace_mismatch'], method);
    }
    assert.deepEqual(outcome(await call('/v1/kv/a?namespace=b')), [403, 'namespace_mismatch']);
    assert.equal((await put('/v1/kv/a/k?namespace=a')).status, 200);
  });
});

describe('a condition', () => {
  test('If-None-Match: * stores once', async () => {
    const first = await put('/v1/kv/cond/once', '1', { 'if-none-match': '*' });
    assert.equal(first.status, 201, 'it is known to be new');
    const second = await put('/v1/kv/cond/once', '2', { 'if-none-match': '*' });
    assert.deepEqual(outcome(second), [412, 'precondition_failed']);
    assert.equal(second.body.detail.etag, first.body.etag);
    assert.equal((await call('/v1/kv/cond/once')).text, '1');
    await call('/v1/kv/cond/once', { method: 'DELETE' });
    assert.equal(
      (await put('/v1/kv/cond/once', '3', { 'if-none-match': '*' })).status,
      201,
      'after a deletion',
    );
  });

  test('of twenty at once that want to be first exactly one is', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, i) =>
        put('/v1/kv/cond/race', String(i), { 'if-none-match': '*' }),
      ),
    );
    const won = answers.flatMap(({ status }, i) => (status < 300 ? [String(i)] : []));
    assert.equal(won.length, 1, answers.map(({ status }) => status).join());
    assert.ok(answers.every(({ status }) => status === 201 || status === 412));
    assert.equal((await call('/v1/kv/cond/race')).text, won[0]);
  });

  test('If-Match stores over that value only', async () => {
    const first = (await put('/v1/kv/cond/match', '1')).body.etag as string;
    const second = await put('/v1/kv/cond/match', '2', { 'if-match': first });
    assert.equal(second.status, 200);
    const { etag } = second.body;
    const stale = await put('/v1/kv/cond/match', '3', { 'if-match': first });
    assert.deepEqual([...outcome(stale), stale.body.detail.etag], [412, 'precondition_failed', etag]);
    const notMet = [`W/${etag}`, '"something"', '"1-0-bafy"', `${first}, "x"`];
    for (const header of notMet) {
      assert.deepEqual(
        outcome(await put('/v1/kv/cond/match', '3', { 'if-match': header })),
        [412, 'precondition_failed'],
        header,
      );
    }
    assert.equal((await put('/v1/kv/cond/match', '4', { 'if-match': `${first}, ${etag}` })).status, 200);
    assert.equal((await put('/v1/kv/cond/match', '5', { 'if-match': '*' })).status, 200);
    assert.equal((await call('/v1/kv/cond/match')).text, '5');
    for (const header of [etag.replaceAll('"', ''), `'${etag}'`, '', '"', '*, "a"']) {
      assert.deepEqual(
        outcome(await put('/v1/kv/cond/match', 'x', { 'if-match': header })),
        [400, 'bad_etag'],
        header,
      );
    }
    const absent = await put('/v1/kv/cond/absent', 'x', { 'if-match': '*' });
    assert.deepEqual(outcome(absent), [412, 'precondition_failed']);
    assert.equal((await put('/v1/kv/cond/absent', 'x', { 'if-match': etag })).status, 412);
  });

  test('If-Match deletes that value only', async () => {
    const { etag } = (await put('/v1/kv/cond/del', '1')).body;
    const remove = async (header: string) =>
      call('/v1/kv/cond/del', { method: 'DELETE', headers: { 'if-match': header } });
    assert.equal((await remove('"other"')).status, 412);
    assert.equal((await remove(etag)).status, 200);
    assert.equal((await remove(etag)).status, 412);
    assert.equal((await remove('*')).status, 412);
    const odd = await call('/v1/kv/cond/del', { method: 'DELETE', headers: { 'if-none-match': '*' } });
    assert.deepEqual(outcome(odd), [400, 'bad_request']);
  });

  test('If-None-Match spares a reader what it has', async () => {
    const { etag } = (await put('/v1/kv/cond/cached', '1')).body;
    for (const method of ['GET', 'HEAD']) {
      for (const header of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
        const answer = await call('/v1/kv/cond/cached', { method, headers: { 'if-none-match': header } });
        assert.deepEqual(
          [answer.status, answer.bytes.length, answer.headers['etag']],
          [304, 0, etag],
          header,
        );
      }
      const other = await call('/v1/kv/cond/cached', { method, headers: { 'if-none-match': '"x"' } });
      assert.equal(other.status, 200);
      const bad = await call('/v1/kv/cond/cached', { method, headers: { 'if-none-match': 'x' } });
      assert.equal(bad.status, 400);
    }
    assert.equal((await call('/v1/kv/cond/cached', { headers: { 'if-match': '"x"' } })).status, 412);
    assert.equal((await call('/v1/kv/cond/cached', { headers: { 'if-match': etag } })).status, 200);
    assert.equal((await call('/v1/kv/cond/nothing', { headers: { 'if-match': '*' } })).status, 412);
  });
});

/** How many of the values of `many` begin so. */
async function listed(prefix: string): Promise<number> {
  return (await call(`/v1/kv/many?prefix=${prefix}`)).body.entries.length;
}

describe('a list', () => {
  const count = LIST_MAX + 1;
  before(async () => {
    for (let at = 0; at < count; at += 50) {
      await Promise.all(
        Array.from({ length: Math.min(50, count - at) }, async (_, i) => {
          const answer = await put(`/v1/kv/many/p/${String(at + i).padStart(5, '0')}`, 'v');
          assert.equal(answer.status, 200, answer.text);
        }),
      );
    }
    await put('/v1/kv/many/other%20prefix', 'v', { 'content-type': 'text/plain' });
  });

  test('of 1001 values comes in pages, in order, whole', async () => {
    const keys: string[] = [];
    const sizes: number[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const from: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { status, body } = await call(`/v1/kv/many?prefix=p/&limit=${LIST_MAX}${from}`);
      assert.equal(status, 200);
      keys.push(...body.entries.map(({ key }: { key: string }) => key));
      sizes.push(body.entries.length);
      ({ cursor } = body);
    }
    assert.deepEqual(sizes, [LIST_MAX, 1]);
    assert.deepEqual(
      keys,
      Array.from({ length: count }, (_, i) => `p/${String(i).padStart(5, '0')}`),
    );
  });

  test('has a hundred entries unless more are asked for, and says what each is', async () => {
    const { entries, cursor } = (await call('/v1/kv/many')).body;
    assert.equal(entries.length, 100);
    assert.equal(typeof cursor, 'string');
    const { key, size, contentType, expiresAt, etag } = entries[0];
    assert.deepEqual([key, size, contentType, expiresAt], ['other prefix', 1, 'text/plain', null]);
    assert.equal(etag, (await call('/v1/kv/many/other%20prefix')).headers['etag']);
  });

  test('takes its prefix literally', async () => {
    assert.equal(await listed('p/0100'), 1);
    assert.equal(await listed('p%2F0100'), 1);
    assert.equal(await listed('other%20'), 1);
    assert.equal(await listed('other+'), 1);
    for (const prefix of ['.*', 'P/', '%25', 'p/*']) assert.equal(await listed(prefix), 0, prefix);
  });

  test('of nothing is empty', async () => {
    const copies = { live: 1, wanted: 3 };
    const empty = { entries: [], cursor: null, degraded: false, copies };
    assert.deepEqual((await call('/v1/kv/nothing-here')).body, empty);
  });

  test('with a limit, cursor or prefix that is none is refused', async () => {
    for (const limit of ['0', '1001', '-1', 'x', '', '1.5', '1e2', '99999999999']) {
      assert.deepEqual(outcome(await call(`/v1/kv/many?limit=${limit}`)), [400, 'bad_limit'], limit);
    }
    const { cursor } = (await call('/v1/kv/many?prefix=p/&limit=2')).body;
    for (const bad of ['', 'x', `x${cursor}`, 'a'.repeat(5000), '%00']) {
      assert.deepEqual(
        outcome(await call(`/v1/kv/many?prefix=p/&cursor=${bad}`)),
        [400, 'bad_cursor'],
        bad.slice(0, 20),
      );
    }
    for (const bad of ['%ff', '%zz', 'k'.repeat(KEY_MAX_BYTES + 1)]) {
      assert.deepEqual(outcome(await call(`/v1/kv/many?prefix=${bad}`)), [400, 'bad_key'], bad.slice(0, 20));
    }
  });
});

describe('who may ask', () => {
  test('a page of another site may store nothing, however simple its request', async () => {
    const foreign = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { host: 'evil.example' },
    ];
    for (const headers of foreign) {
      for (const [method, path] of [
        ['PUT', '/v1/kv/guard/k'],
        ['DELETE', '/v1/kv/guard/k'],
        ['POST', '/v1/storage/put?key=k&namespace=guard'],
        ['POST', '/v1/storage/delete?key=k&namespace=guard'],
        ['POST', '/store'],
        ['POST', '/v1/cache/put'],
      ] as const) {
        const answer = await call(path, {
          method,
          body: 'x',
          headers: { 'content-type': 'text/plain', ...headers },
        });
        assert.ok(
          [403, 421].includes(answer.status),
          `${method} ${path} ${JSON.stringify(headers)}: ${answer.status}`,
        );
      }
    }
    assert.deepEqual((await call('/v1/kv/guard')).body.entries, []);
  });

  test('a page on this machine may, and may read the headers', async () => {
    const headers = { origin: 'http://localhost:5173', 'sec-fetch-site': 'same-site' };
    assert.equal((await put('/v1/kv/cors/k', 'x', headers)).status, 200);
    const read = await call('/v1/kv/cors/k', { headers });
    assert.equal(read.headers['access-control-allow-origin'], 'http://localhost:5173');
    for (const name of ['ETag', 'Maillon-Degraded']) {
      assert.ok(String(read.headers['access-control-expose-headers']).includes(name), name);
    }
    const preflight = await call('/v1/kv/cors/a/b', { method: 'OPTIONS', headers });
    assert.equal(preflight.status, 204);
    assert.match(String(preflight.headers['access-control-allow-methods']), /PUT/);
    assert.match(String(preflight.headers['access-control-allow-headers']), /If-Match, If-None-Match/);
  });

  test('a page that was stored is no page of the gateway', async () => {
    await put('/v1/kv/cors/page.html', '<script>fetch("/v1/kv/cors")</script>', {
      'content-type': 'text/html',
    });
    const { headers } = await call('/v1/kv/cors/page.html');
    assert.equal(headers['content-type'], 'text/html');
    assert.equal(headers['content-security-policy'], "default-src 'none'; sandbox");
    assert.equal(headers['content-disposition'], 'attachment');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
  });

  test('another method is 405 and says which there are', async () => {
    for (const path of ['/v1/kv/a/b/c', '/v1/kv/a']) {
      const answer = await call(path, { method: 'POST', body: 'x' });
      assert.deepEqual(outcome(answer), [405, 'method_not_allowed']);
      assert.match(String(answer.headers['allow']), /PUT.*GET/);
    }
  });
});

describe('about storage', () => {
  test('what the node keeps, and who holds a key', async () => {
    const { etag } = (await put('/v1/kv/about/k', 'x')).body;
    const status = (await call('/v1/network/storage')).body;
    assert.deepEqual([status.members, status.replicas], [1, 3]);
    assert.ok(status.capacityBytes > 0);
    const where = (await call('/v1/network/storage/where?namespace=about&key=k')).body;
    assert.ok(where.partition >= 0 && where.partition < 16);
    const [holder] = where.holders;
    assert.deepEqual(
      [where.holders.length, holder.role, holder.isLive, holder.etag],
      [1, 'replica', true, etag],
    );
    assert.deepEqual(outcome(await call('/v1/network/storage/where')), [400, 'bad_key']);
  });

  test('info names its features, limits and protocol; OpenAPI its routes', async () => {
    const { features, limits, protocols } = (await call('/v1/info')).body;
    for (const feature of ['kv', 'kv.conditional', 'kv.ttl', 'kv.list', 'cache'])
      assert.ok(features.includes(feature));
    assert.ok(protocols.includes('/maillon/storage/1'));
    const value = limits.find(({ name }: { name: string }) => name === 'gateway.valueBytes');
    assert.equal(value.value, BLOB_MAX_BYTES);
    const { paths } = (await call('/openapi.json')).body;
    assert.deepEqual(Object.keys(paths['/v1/kv/{namespace}/{key}']).toSorted(), [
      'delete',
      'get',
      'head',
      'put',
    ]);
    const { parameters } = paths['/v1/kv/{namespace}/{key}'].get;
    assert.ok(
      parameters.some((one: { in: string; name: string }) => one.in === 'path' && one.name === 'key'),
    );
    for (const path of [
      '/v1/kv/{namespace}',
      '/v1/network/storage',
      '/v1/network/storage/where',
      '/store',
      '/retrieve/{key}',
    ]) {
      assert.ok(path in paths, path);
    }
    const ids = Object.values<Record<string, { operationId?: string }>>(paths)
      .flatMap((path) => Object.values(path))
      .flatMap(({ operationId }) => operationId ?? []);
    assert.equal(new Set(ids).size, ids.length);
  });
});

describe('a light gateway', () => {
  test('stores nothing itself, and serves the values of the swarm', async () => {
    const bootstrap = site.node.status().addresses.filter((address) => !address.includes('/ws'));
    await using light = await startSite({ role: 'light', settings: { bootstrap } });
    await until('it knows who stores', async () => {
      return (await rawRequest(light.url, '/v1/network/storage')).body.members === 1;
    });
    const stored = await rawRequest(light.url, '/v1/kv/light/k', { method: 'PUT', body: 'from afar' });
    assert.equal(stored.status, 200, stored.text);
    assert.deepEqual(stored.body.replicas, [site.node.status().peerId]);
    const here = await call('/v1/kv/light/k');
    assert.deepEqual([here.text, here.headers['etag']], ['from afar', stored.body.etag]);
    assert.equal((await rawRequest(light.url, '/v1/kv/light/k')).text, 'from afar');
    assert.equal((await rawRequest(light.url, '/v1/kv/light')).body.entries.length, 1);
    const large = pattern(2 ** 21 + 3);
    const kept = await rawRequest(light.url, '/v1/kv/large/k', { method: 'PUT', body: large });
    assert.deepEqual([kept.status, kept.body.replicas], [200, [site.node.status().peerId]], kept.text);
    for (const url of [light.url, site.url]) {
      assert.ok((await rawRequest(url, '/v1/kv/large/k')).bytes.equals(large));
      const part = await rawRequest(url, '/v1/kv/large/k', { headers: { range: 'bytes=1048570-1048580' } });
      assert.ok(part.bytes.equals(large.subarray(1_048_570, 1_048_581)));
    }
    assert.equal((await rawRequest(light.url, '/v1/network/storage')).body.records, 0);
  });
});
