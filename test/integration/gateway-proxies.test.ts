/** Clients that are not the operator of a gateway on loopback: those of a reverse proxy, and another user's programs. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { after, before, describe, type TestContext, test } from 'node:test';
import { isForeignListener } from '../../gateway/protection/socket-owners.ts';
import { Program, scratch } from '../support/processes.ts';
import { APACHE, CADDY, HAPROXY, NGINX, NGINX_1_1, startProxy, whereIs } from '../support/proxies.ts';
import { rawRequest } from '../support/raw-http.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

/** `nobody`; nothing else of the tests runs as that. */
const OTHER = 65_534;
const own = process.getuid?.() ?? -1;
const knowsUsers = process.platform === 'linux';
const needsRoot = (!knowsUsers || own !== 0) && 'starting a program as another user takes root on Linux';

const HERE = { host: 'localhost' };
const JSON_HERE = { ...HERE, 'content-type': 'application/json' };

let site: Site;
let key: string;
before(async () => {
  site = await startSite();
  const body = JSON.stringify({ name: 'for a client' });
  const made = await rawRequest(site.url, '/v1/auth/api-keys', { method: 'POST', body, headers: JSON_HERE });
  key = made.body.api_key;
});
after(() => site[Symbol.asyncDispose]());

async function whoami(url: string, headers: Readonly<Record<string, string>> = HERE): Promise<string> {
  const { status, body } = await rawRequest(url, '/v1/auth/whoami', { headers });
  return status === 200 ? body.method : `${status} ${body.code}`;
}

async function isNotOperator(url: string, because: RegExp): Promise<void> {
  for (const [path, init] of [
    ['/v1/auth/whoami', {}],
    ['/v1/kv/default/k', { method: 'PUT', body: 'v' }],
    ['/v1/kv/default/k', {}],
    ['/v1/auth/api-keys', { method: 'POST', body: '{"name":"x","scopes":["admin"]}' }],
    ['/v1/network/disconnect', { method: 'POST', body: '{"peer_id":"x"}' }],
  ] as const) {
    const { status, body } = await rawRequest(url, path, { ...init, headers: JSON_HERE });
    assert.equal(status, 401, path);
    assert.match(body.error, /^missing API key: .*so it is not the operator's: sign in .*or send an API key/);
    assert.match(body.error, because);
  }
  for (const path of ['/livez', '/readyz', '/v1/info']) {
    assert.equal((await rawRequest(url, path, { headers: HERE })).status, 200, path);
  }
  assert.equal(await whoami(url, { ...HERE, 'x-api-key': key }), 'api_key', 'a credential counts');
}

describe('a client of a reverse proxy is not the operator', () => {
  /** `shows`: what gives it away where it runs as the node's own user; null where nothing does, which SECURITY.md names. */
  for (const [proxy, shows] of [
    [NGINX, /it is HTTP\/1\.0/],
    [NGINX_1_1, null],
    [HAPROXY, null],
    [CADDY, /it has a x-forwarded-for header/],
    [APACHE, /it has a x-forwarded-for header/],
  ] as const) {
    const missing = whereIs(proxy) === null && `${proxy.program} is not installed`;

    test(`of ${proxy.name} that runs as another user`, { skip: missing || needsRoot }, async (t) => {
      const url = await startProxy(t, proxy, { url: site.url, uid: OTHER, directory: open(scratch(t)) });
      await isNotOperator(url, shows ?? /runs neither as the node's user nor as root/);
      assert.equal(await whoami(site.url), 'operator');
      // nor is such a program told the token of a node whose port it has
      const { data } = site.config;
      assert.equal(
        await isForeignListener({ address: '127.0.0.1', port: Number(new URL(url).port) }, data),
        true,
      );
      assert.equal(
        await isForeignListener({ address: '127.0.0.1', port: Number(new URL(site.url).port) }, data),
        false,
      );
    });

    const asRoot = proxy === APACHE && own === 0 && 'Apache does not run as root';
    test(`of ${proxy.name} that runs as the node's user`, { skip: missing || asRoot }, async (t) => {
      const url = await startProxy(t, proxy, { url: site.url, uid: own, directory: scratch(t) });
      if (shows !== null) return isNotOperator(url, shows);
      assert.equal(await whoami(url), 'operator', 'SECURITY.md says that this gap stays');
    });
  }
});

/** For another user's program to read. */
function open(directory: string): string {
  chmodSync(directory, 0o755);
  return directory;
}

/** A script that sends a request, and leaves its connection in descriptor 3. */
function sending(request: string, url: string): string {
  return `exec 3<>/dev/tcp/127.0.0.1/${new URL(url).port}; printf '${request.replaceAll('\n', '\\r\\n')}' >&3`;
}

/** Answer to a program that runs as `uid`. */
async function ask(
  t: TestContext,
  request: string,
  { url, uid }: { url: string; uid: number },
): Promise<string> {
  const script = `${sending(request, url)}; cat <&3`;
  const bash = new Program(t, 'bash', ['-c', script], { cwd: '/', ...(uid === own ? {} : { uid }) });
  await bash.exit;
  return bash.stdout;
}

const WHOAMI = 'GET /v1/auth/whoami HTTP/1.1\nHost: localhost\nConnection: close\n\n';

describe('a program of another user', { skip: needsRoot }, () => {
  test('is not the operator, unless its uid is set', async (t) => {
    assert.match(await ask(t, WHOAMI, { url: site.url, uid: own }), /"method":"operator"/);
    assert.match(await ask(t, WHOAMI, { url: site.url, uid: OTHER }), /runs neither as the node's user nor/);
    for (const uids of [[String(OTHER)], ['any']]) {
      await using lenient = await startSite({ settings: { 'gateway.operatorUids': uids } });
      assert.match(await ask(t, WHOAMI, { url: lenient.url, uid: OTHER }), /"method":"operator"/);
      const proxied = WHOAMI.replace('\n\n', '\nVia: 1.1 x\n\n');
      assert.match(await ask(t, proxied, { url: lenient.url, uid: OTHER }), /^HTTP\/1.1 401/, uids.join(''));
    }
    await using strict = await startSite({ settings: { 'gateway.operatorUids': ['33'] } });
    assert.match(await ask(t, WHOAMI, { url: strict.url, uid: OTHER }), /^HTTP\/1.1 401/);
  });

  test('does not become it by closing its socket, which the kernel then shows as root’s', async (t) => {
    const path = '/v1/kv/default/kept';
    await rawRequest(site.url, path, { method: 'PUT', body: 'v', headers: HERE });
    // this process does nothing until the program has ended, and so finds its socket closed
    const remove = sending(`DELETE ${path} HTTP/1.1\nHost: localhost\n\n`, site.url);
    spawnSync('bash', ['-c', remove], { cwd: '/', uid: OTHER, gid: OTHER });
    // what came before it was decided before it
    assert.match(await ask(t, WHOAMI, { url: site.url, uid: OTHER }), /^HTTP\/1.1 401/);
    assert.equal((await rawRequest(site.url, path, { headers: HERE })).text, 'v');
  });
});

describe('what shows a proxy', () => {
  for (const headers of [
    { via: '1.1 proxy' },
    { forwarded: 'for=192.0.2.1' },
    { 'x-real-ip': '192.0.2.1' },
    { 'x-forwarded-for': '127.0.0.1' },
    { 'x-forwarded-proto': 'https' },
    { 'x-forwarded-anything': '' },
  ] as const) {
    const [name = ''] = Object.keys(headers);
    test(`the header ${name}`, async () => {
      const answer = await rawRequest(site.url, '/v1/auth/whoami', { headers: { ...HERE, ...headers } });
      assert.equal(answer.status, 401);
      assert.ok(answer.body.error.includes(`it has a ${name} header`), answer.body.error);
      assert.equal((await rawRequest(site.url, '/livez', { headers: { ...HERE, ...headers } })).status, 200);
    });
  }

  test('HTTP/1.0, where the request alone decides, too', async (t) => {
    await using lenient = await startSite({ settings: { 'gateway.operatorUids': ['any'] } });
    const old = WHOAMI.replace('1.1', '1.0');
    assert.match(await ask(t, old, { url: lenient.url, uid: own }), /401 .*it is HTTP\/1\.0/s);
    assert.match(
      await ask(t, old.replace('auth/whoami', 'version'), { url: lenient.url, uid: own }),
      /200 OK/,
    );
  });

  test('and the log says once what to do', async () => {
    for (let n = 0; n < 3; n++) await whoami(site.url, { ...HERE, via: '1.1 proxy' });
    const lines = site.log.filter((line) => line.includes('a proxy on this machine forwards requests'));
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /Set gateway\.trustedProxies .*or set gateway\.auth to required/);
  });
});
