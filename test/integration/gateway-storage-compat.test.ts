/** The storage routes that DeBros and 4NK clients speak, by the shapes those clients read. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { MGET_KEYS_MAX } from '../../gateway/core/limits.ts';
import { VALUE_MAX_BYTES } from '../../protocols/storage/constants.ts';
import { pattern } from '../support/blobs.ts';
import { type RawAnswer, type RawRequest, rawRequest } from '../support/raw-http.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

/** Where the cache has the key `large` of the map `m`. */
const KEY_IN_MAP = '/v1/kv/default/cache/m/large';

let site: Site;
before(async () => {
  site = await startSite();
});
after(async () => site[Symbol.asyncDispose]());

const call = async (path: string, init?: RawRequest): Promise<RawAnswer> => rawRequest(site.url, path, init);
const post = async (path: string, body: unknown): Promise<RawAnswer> =>
  call(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

function outcome({ status, body }: RawAnswer): [number, string | undefined] {
  return [status, body?.code];
}

describe('DeBros E1', () => {
  test('put, get, exists, list and delete', async () => {
    const bytes = Uint8Array.of(0, 1, 255);
    const stored = await call('/v1/storage/put?key=a/b', { method: 'POST', body: bytes });
    assert.deepEqual([stored.status, stored.body], [201, { status: 'ok', key: 'a/b', size: 3 }]);
    for (const method of ['GET', 'POST']) {
      const read = await call('/v1/storage/get?key=a/b', { method });
      assert.deepEqual([read.status, new Uint8Array(read.bytes)], [200, bytes]);
      assert.equal(read.headers['content-type'], 'application/octet-stream');
    }
    assert.deepEqual((await call('/v1/storage/exists?key=a/b')).body, { exists: true });
    assert.deepEqual((await call('/v1/storage/list')).body, { keys: ['a/b'] });
    const deleted = await post('/v1/storage/delete', { key: 'a/b' });
    assert.deepEqual([deleted.status, deleted.body], [200, { status: 'ok', key: 'a/b' }]);
    assert.deepEqual((await call('/v1/storage/exists?key=a/b')).body, { exists: false });
    const gone = await call('/v1/storage/get?key=a/b');
    assert.deepEqual(outcome(gone), [404, 'not_found']);
    assert.equal(typeof gone.body.error, 'string');
  });

  test('the older routes', async () => {
    assert.equal((await call('/v1/storage?key=old', { method: 'PUT', body: 'v' })).status, 201);
    assert.equal((await call('/v1/storage?key=old')).text, 'v');
    assert.deepEqual(outcome(await call('/v1/storage?key=none')), [404, 'not_found']);
  });

  test('delete by query, with an empty body of whatever type', async () => {
    for (const headers of [{}, { 'content-type': 'application/json' }]) {
      await call('/v1/storage/put?key=d', { method: 'POST', body: 'v' });
      const deleted = await call('/v1/storage/delete?key=d', { method: 'POST', headers });
      assert.deepEqual(deleted.body, { status: 'ok', key: 'd' });
    }
    assert.deepEqual(outcome(await post('/v1/storage/delete?key=d', { key: 'other' })), [400, 'bad_key']);
    assert.deepEqual(outcome(await post('/v1/storage/delete', '{')), [400, 'bad_json']);
    assert.deepEqual(outcome(await post('/v1/storage/delete', { key: 5 })), [400, 'bad_key']);
    assert.deepEqual(outcome(await post('/v1/storage/delete', {})), [400, 'bad_key']);
  });

  test('without a key it is 400, and says so in their words', async () => {
    for (const [method, path] of [
      ['POST', '/v1/storage/put'],
      ['GET', '/v1/storage/get'],
      ['POST', '/v1/storage/get'],
      ['POST', '/v1/storage/delete'],
      ['GET', '/v1/storage/exists'],
      ['GET', '/v1/storage'],
      ['PUT', '/v1/storage'],
    ] as const) {
      const answer = await call(path, { method });
      assert.deepEqual([answer.status, answer.body.error], [400, "missing 'key'"], path);
    }
  });

  test('namespaces are apart, and default when none is named', async () => {
    await call('/v1/storage/put?key=ns&namespace=e1', { method: 'POST', body: 'in e1' });
    assert.equal((await call('/v1/kv/e1/ns')).text, 'in e1');
    assert.deepEqual((await call('/v1/storage/exists?key=ns')).body, { exists: false });
    await call('/v1/kv/default/shared', { method: 'PUT', body: 'v' });
    assert.equal((await call('/v1/storage/get?key=shared')).text, 'v');
    assert.deepEqual(outcome(await call('/v1/storage/get?key=a&namespace=BAD')), [400, 'bad_namespace']);
  });

  test('a list is by literal prefix, 100 keys unless more are asked for', async () => {
    for (let i = 0; i < 120; i += 1) {
      await call(`/v1/storage/put?key=l${String(i).padStart(3, '0')}&namespace=e1-list`, {
        method: 'POST',
        body: '',
      });
    }
    const list = async (query: string): Promise<string[]> =>
      (await call(`/v1/storage/list?namespace=e1-list${query}`)).body.keys;
    assert.equal((await list('')).length, 100);
    assert.equal((await list('&limit=1000')).length, 120);
    assert.equal((await list('&limit=10000')).length, 120);
    assert.deepEqual(await list('&prefix=l11&limit=2'), ['l110', 'l111']);
    assert.deepEqual(await list('&prefix=.*'), []);
    assert.deepEqual(outcome(await call('/v1/storage/list?limit=0')), [400, 'bad_limit']);
  });

  test('a value may be large: it goes as it comes', async () => {
    const body = pattern(VALUE_MAX_BYTES + 1);
    for (const [method, path] of [
      ['POST', '/v1/storage/put?key=big'],
      ['PUT', '/v1/storage?key=big'],
    ] as const) {
      const stored = await call(path, { method, body });
      assert.deepEqual(stored.body, { status: 'ok', key: 'big', size: body.byteLength });
      for (const [reading, from] of [
        ['GET', '/v1/storage/get?key=big'],
        ['POST', '/v1/storage/get?key=big'],
        ['GET', '/v1/storage?key=big'],
      ] as const) {
        assert.ok((await call(from, { method: reading })).bytes.equals(body), from);
      }
    }
  });
});

describe('DeBros E2 cache', () => {
  test('what another route stored is read as far as it is JSON, and not too much', async () => {
    await call(KEY_IN_MAP, { method: 'PUT', body: JSON.stringify('v'.repeat(100_000)) });
    const read = await post('/v1/cache/get', { dmap: 'm', key: 'large' });
    assert.deepEqual([read.status, read.body.value.length], [200, 100_000]);
    await call(KEY_IN_MAP, { method: 'PUT', body: 'v'.repeat(VALUE_MAX_BYTES + 1) });
    assert.deepEqual(outcome(await post('/v1/cache/get', { dmap: 'm', key: 'large' })), [413, 'too_large']);
  });

  test('any JSON goes in and comes out', async () => {
    for (const value of [null, false, 0, '', 'text', [1, [2]], { a: { b: null } }, 1.5]) {
      const stored = await post('/v1/cache/put', { dmap: 'm', key: 'k', value });
      assert.deepEqual([stored.status, stored.body], [200, { status: 'ok', key: 'k', dmap: 'm' }]);
      const read = await post('/v1/cache/get', { dmap: 'm', key: 'k' });
      assert.deepEqual([read.status, read.body], [200, { key: 'k', value, dmap: 'm' }]);
    }
    assert.deepEqual((await call('/v1/cache/health')).body.status, 'ok');
  });

  test('what is deleted or was never there is 404', async () => {
    await post('/v1/cache/put', { dmap: 'm', key: 'gone', value: 1 });
    assert.deepEqual((await post('/v1/cache/delete', { dmap: 'm', key: 'gone' })).body, {
      status: 'ok',
      key: 'gone',
      dmap: 'm',
    });
    for (const route of ['get', 'delete']) {
      assert.deepEqual(outcome(await post(`/v1/cache/${route}`, { dmap: 'm', key: 'gone' })), [
        404,
        'not_found',
      ]);
    }
  });

  test('a time to live is one as Go writes it', async () => {
    assert.equal((await post('/v1/cache/put', { dmap: 'ttl', key: 'k', value: 1, ttl: '30m' })).status, 200);
    const head = await call('/v1/kv/default?key=cache/ttl/k', { method: 'HEAD' });
    const { 'maillon-expires': expires, 'maillon-time': time } = head.headers;
    assert.ok(Math.abs(Number(expires) - Number(time) - 1_800_000) < 5000);
    const bad = await post('/v1/cache/put', { dmap: 'ttl', key: 'k', value: 1, ttl: 'soon' });
    assert.deepEqual(outcome(bad), [400, 'bad_ttl']);
  });

  test('no two maps and keys are one', async () => {
    const pairs = [
      ['a', 'b/c'],
      ['a/b', 'c'],
      ['a%2Fb', 'c'],
      ['a%', '2Fb/c'],
      ['a', 'b%2Fc'],
    ];
    for (const [dmap, key] of pairs) await post('/v1/cache/put', { dmap, key, value: `${dmap} ${key}` });
    for (const [dmap, key] of pairs) {
      assert.equal((await post('/v1/cache/get', { dmap, key })).body.value, `${dmap} ${key}`);
    }
    assert.deepEqual((await post('/v1/cache/scan', { dmap: 'a' })).body.keys, ['b%2Fc', 'b/c']);
  });

  test('several are read at once, those that are there, in order', async () => {
    await post('/v1/cache/put', { dmap: 'many', key: 'x', value: 1 });
    await post('/v1/cache/put', { dmap: 'many', key: 'y', value: [2] });
    assert.deepEqual((await post('/v1/cache/mget', { dmap: 'many', keys: ['y', 'none', 'x'] })).body, {
      results: [
        { key: 'y', value: [2] },
        { key: 'x', value: 1 },
      ],
      dmap: 'many',
    });
    const tooMany = Array.from({ length: MGET_KEYS_MAX + 1 }, (_, i) => String(i));
    assert.equal((await post('/v1/cache/mget', { dmap: 'many', keys: tooMany })).status, 400);
  });

  test('several that are too much together are refused', async () => {
    const value = 'v'.repeat(VALUE_MAX_BYTES - 2);
    await post('/v1/cache/put', { dmap: 'big', key: 'k', value });
    const keys = Array.from({ length: 9 }, () => 'k');
    assert.deepEqual(outcome(await post('/v1/cache/mget', { dmap: 'big', keys })), [413, 'too_large']);
    assert.equal((await post('/v1/cache/mget', { dmap: 'big', keys: ['k'] })).body.results[0].value, value);
  });

  test('keys are found by a regular expression, which cannot take for ever', async () => {
    for (const key of ['user:1', 'user:22', 'order:1', 'a'.repeat(900)]) {
      await post('/v1/cache/put', { dmap: 'scan', key, value: 1 });
    }
    const scan = async (match: string): Promise<RawAnswer> => post('/v1/cache/scan', { dmap: 'scan', match });
    assert.deepEqual((await scan(String.raw`^user:\d+$`)).body, {
      keys: ['user:1', 'user:22'],
      count: 2,
      dmap: 'scan',
    });
    assert.deepEqual((await scan('1')).body.keys, ['order:1', 'user:1']);
    assert.equal((await scan('^(a+)+$')).body.count, 1);
    assert.equal((await scan('(a*)*b')).body.count, 0);
    assert.deepEqual((await post('/v1/cache/scan', { dmap: 'none' })).body, {
      keys: [],
      count: 0,
      dmap: 'none',
    });
    for (const bad of ['(', '(a)\\1', '(?=a)', '(a?){500}b', 'a'.repeat(200)]) {
      assert.deepEqual(outcome(await scan(bad)), [400, 'bad_pattern'], bad);
    }
  });

  test('of one namespace one scan is under way at a time', async () => {
    await post('/v1/cache/put', { dmap: 'heavy', key: 'a'.repeat(900), value: 1 });
    const body = { dmap: 'heavy', match: '^a' };
    const answers = await Promise.all(Array.from({ length: 8 }, async () => post('/v1/cache/scan', body)));
    const refused = answers.filter(({ status }) => status === 429);
    assert.ok(refused.length > 0 && refused.length < answers.length, `${refused.length} refused`);
    for (const answer of answers) {
      if (!refused.includes(answer)) assert.equal(answer.body.count, 1);
      else assert.deepEqual(outcome(answer), [429, 'rate_limited']);
      assert.equal(answer.headers['retry-after'], refused.includes(answer) ? '1' : undefined);
    }
    assert.deepEqual(refused[0]?.body.detail, { limit: 'gateway.scans' });
    assert.equal((await post('/v1/cache/scan', body)).body.count, 1, 'it is over');
  });

  test('what is malformed is refused', async () => {
    for (const body of [{}, { dmap: 'm' }, { dmap: '', key: 'k', value: 1 }, { dmap: 'm', key: 'k' }, []]) {
      assert.equal((await post('/v1/cache/put', body)).status, 400, JSON.stringify(body));
    }
    const long = { dmap: 'm', key: 'k'.repeat(1024), value: 1 };
    assert.deepEqual(outcome(await post('/v1/cache/put', long)), [400, 'bad_key']);
    const two = await post('/v1/cache/get?namespace=a', { dmap: 'm', key: 'k', namespace: 'b' });
    assert.deepEqual(outcome(two), [403, 'namespace_mismatch']);
    await call('/v1/kv/default?key=cache/m/text', { method: 'PUT', body: 'no JSON' });
    assert.equal((await post('/v1/cache/get', { dmap: 'm', key: 'text' })).status, 404);
    const text = await call('/v1/cache/put', {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'text/plain' },
    });
    assert.deepEqual(outcome(text), [415, 'unsupported_media_type']);
  });
});

describe('4NK', () => {
  const key = '0aB1'.repeat(16);

  test('what is stored is retrieved, and stays', async () => {
    const stored = await post('/store', { key, value: '00fF', ttl: 60 });
    assert.equal(stored.status, 200);
    assert.deepEqual(Object.keys(stored.body), ['message']);
    assert.deepEqual((await call(`/retrieve/${key}`)).body, { key, value: '00ff' });
    assert.deepEqual((await call(`/retrieve/${key.toLowerCase()}`)).body, {
      key: key.toLowerCase(),
      value: '00ff',
    });

    const again = await post('/store', { key, value: '00ff' });
    assert.equal(again.status, 200, 'the same again');
    assert.deepEqual(Object.keys(again.body), ['message']);
    const other = await post('/store', { key, value: '00fe' });
    assert.deepEqual([other.status, Object.keys(other.body)], [409, ['message']]);
    assert.deepEqual((await call(`/retrieve/${key}`)).body.value, '00ff');
  });

  test('it is kept in a namespace of its own, for as long as was said', async () => {
    const head = await call(`/v1/kv/4nk/${key.toLowerCase()}`, { method: 'HEAD' });
    const { 'maillon-expires': expires, 'maillon-time': time } = head.headers;
    assert.equal(head.status, 200);
    assert.ok(Math.abs(Number(expires) - Number(time) - 60_000) < 5000);
    const forever = 'f'.repeat(64);
    await post('/store', { key: forever, value: '' });
    const lasting = await call(`/v1/kv/4nk/${forever}`, { method: 'HEAD' });
    assert.equal(lasting.headers['maillon-expires'], undefined);
  });

  test('of many that store at once one value wins, and all who sent it are told so', async () => {
    const raced = 'a'.repeat(64);
    const answers = await Promise.all(
      Array.from({ length: 10 }, async (_, i) =>
        post('/store', { key: raced, value: i % 2 === 0 ? '00' : '11' }),
      ),
    );
    const { value } = (await call(`/retrieve/${raced}`)).body;
    const winners = value === '00' ? 0 : 1;
    for (const [i, { status }] of answers.entries()) assert.equal(status, i % 2 === winners ? 200 : 409);
  });

  test('what is malformed is 400, what is unknown 404, always with a message', async () => {
    const bad = [
      {},
      { key },
      { value: '00' },
      { key: `${key}0`, value: '00' },
      { key: key.slice(1), value: '00' },
      { key: `g${key.slice(1)}`, value: '00' },
      { key, value: '0' },
      { key, value: 'zz' },
      { key, value: 5 },
      { key, value: '00', ttl: 59 },
      { key, value: '00', ttl: 31_536_001 },
      { key, value: '00', ttl: 60.5 },
      { key, value: '00', ttl: '60' },
      '{',
      '',
    ];
    for (const body of bad) {
      const { status, body: answer } = await post('/store', body);
      assert.deepEqual([status, Object.keys(answer)], [400, ['message']], JSON.stringify(body));
    }
    for (const [path, status] of [
      ['/retrieve/zz', 400],
      [`/retrieve/${'0'.repeat(4000)}`, 400],
      [`/retrieve/${'0'.repeat(64)}`, 404],
    ] as const) {
      const answer = await call(path);
      assert.deepEqual([answer.status, Object.keys(answer.body)], [status, ['message']]);
    }
    const text = await call('/store', {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'text/plain' },
    });
    assert.deepEqual([text.status, Object.keys(text.body)], [415, ['message']]);
  });

  test('the largest value goes', async () => {
    const value = 'ab'.repeat(VALUE_MAX_BYTES);
    const large = 'e'.repeat(64);
    assert.equal((await post('/store', { key: large, value })).status, 200);
    assert.equal((await call(`/retrieve/${large}`)).body.value, value);
    assert.ok([400, 413].includes((await post('/store', { key: large, value: `${value}ab` })).status));
  });
});

describe('4NK with other settings', () => {
  test('namespace and life are those that are set', async () => {
    const settings = { 'compat.fournk.namespace': 'elsewhere', 'compat.fournk.ttlMs': 86_400_000 };
    await using other = await startSite({ settings });
    const key = 'b'.repeat(64);
    const body = JSON.stringify({ key, value: '00' });
    await rawRequest(other.url, '/store', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    const { headers } = await rawRequest(other.url, `/v1/kv/elsewhere/${key}`, { method: 'HEAD' });
    assert.ok(
      Math.abs(Number(headers['maillon-expires']) - Number(headers['maillon-time']) - 86_400_000) < 5000,
    );
  });
});
