/** Unknown query parameters: every native route refuses them by name; routes of other systems ignore them as their servers do. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { COMPATIBILITY_ROUTES } from '../../gateway/http/core/query-parameters.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

interface Refusal {
  readonly code: string;
  readonly error: string;
  readonly detail: { readonly fields: string[]; readonly known: string[] };
}
type Paths = Record<
  string,
  Record<string, { readonly parameters?: { readonly in: string; readonly name: string }[] }>
>;

let site: Site;
before(async () => {
  site = await startSite();
});
after(() => site[Symbol.asyncDispose]());

async function ask(method: string, path: string): Promise<{ status: number; body: Partial<Refusal> }> {
  const response = await fetch(site.url + path, { method });
  const body = (await response.json().catch(() => ({}))) as Partial<Refusal>;
  return { status: response.status, body };
}

/** Every route there is, from the document that is made of the route table itself. */
async function routes(): Promise<{ method: string; url: string; known: string[] }[]> {
  const { paths } = (await (await fetch(`${site.url}/openapi.json`)).json()) as { paths: Paths };
  return Object.entries(paths).flatMap(([url, methods]) =>
    Object.entries(methods)
      .filter(([method]) => method !== 'head')
      .map(([method, { parameters = [] }]) => ({
        method: method.toUpperCase(),
        url: url.replaceAll(/\{([^}]+)\}/g, ':$1'),
        known: parameters.filter((one) => one.in === 'query').map(({ name }) => name),
      })),
  );
}

test('every native route of the table refuses an unknown parameter by name and says which it knows', async () => {
  const table = await routes();
  assert.ok(table.length > 60, `only ${table.length} routes were found`);
  for (const { method, url, known } of table) {
    const path = url.replaceAll(/:[a-z]+/g, 'x');
    const { status, body } = await ask(method, `${path}?zzunknown=1`);
    const what = `${method} ${url}`;
    if (COMPATIBILITY_ROUTES.has(url)) {
      assert.notEqual(body.code, 'unknown_field', what);
      continue;
    }
    assert.equal(status, 400, what);
    assert.equal(body.code, 'unknown_field', what);
    assert.deepEqual(body.detail?.fields, ['zzunknown'], what);
    assert.deepEqual(body.detail?.known.toSorted(), known.toSorted(), what);
  }
});

test('every route that is excepted exists: an exception does not outlive its route', async () => {
  const urls = new Set((await routes()).map(({ url }) => url));
  for (const url of COMPATIBILITY_ROUTES) assert.ok(urls.has(url), url);
});

test('a misspelt ttl keeps nothing, and the spelling that was meant is named', async () => {
  const response = await fetch(`${site.url}/v1/kv/default/k?tll=3`, { method: 'PUT', body: 'x' });
  const { code, error } = (await response.json()) as Refusal;
  assert.deepEqual([response.status, code], [400, 'unknown_field']);
  assert.match(error, /"tll" \(did you mean ttl\?\): it takes .*ttl/);
  assert.equal((await fetch(`${site.url}/v1/kv/default/k`)).status, 404);
  assert.equal((await fetch(`${site.url}/v1/kv/default/k?ttl=60`, { method: 'PUT', body: 'x' })).status, 200);
});

test('a route without parameters says so, and a long name is cut', async () => {
  const { body } = await ask('GET', `/v1/status?${'a'.repeat(100)}=1`);
  assert.match(body.error ?? '', /takes none/);
  assert.deepEqual(body.detail?.fields, ['a'.repeat(64)]);
});

test('clients of DeBros, 4NK and IPFS may send what their servers ignore', async () => {
  assert.equal((await ask('GET', '/status?verbose=1')).status, 200);
  assert.equal((await ask('GET', '/v1/storage/list?foo=1')).status, 200);
  assert.equal((await ask('GET', `/retrieve/${'0'.repeat(64)}?foo=1`)).body.code, undefined);
});
