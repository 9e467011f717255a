/** API keys of a gateway's operator: who makes them, what they may, and that the audit log says so. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { generateKeyPair } from '@libp2p/crypto/keys';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { Registry } from 'prom-client';
import { type Admin, createAdmin } from '../../gateway/admin/server.ts';
import { loadToken, tokenFileOf } from '../../gateway/admin/token.ts';
import { type AuditEvent, parseLine } from '../../gateway/audit/index.ts';
import { tcpAddress } from '../support/node.ts';
import { until } from '../support/processes.ts';
import { type RawAnswer, rawRequest } from '../support/raw-http.ts';
import { type SignedIn, signIn, walletOf } from '../support/sign-in.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { BUILD, type Site, startSite } from '../support/start-gateway.ts';

interface NewKey {
  readonly id: string;
  readonly api_key: string;
  readonly namespace: string;
  readonly scopes: readonly string[];
}

type Headers = Readonly<Record<string, string>>;

let site: Site;
let other: Site;
let admin: Admin;
let wallet: SignedIn;
const audited: AuditEvent[] = [];
before(async () => {
  const settings = { 'gateway.trustedProxies': ['127.0.0.1'] };
  site = await startSite({ settings, isAudited: true });
  other = await startSite({ settings });
  wallet = await signIn(site.url, await walletOf(31));
  const audit = { fault: null, audit: async (event: AuditEvent) => void audited.push(event) };
  admin = createAdmin(
    {
      node: site.node,
      logger: silentLogger(),
      registry: new Registry(),
      probes: () => [],
      audit,
      gateway: site.gateway,
    },
    { config: { ...site.config, 'admin.port': 0 }, build: BUILD },
  );
  await admin.start();
});
after(async () => {
  await admin.stop();
  await other[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

const ANONYMOUS = { 'x-forwarded-for': '192.0.2.1' };

function send(path: string, body: unknown, headers: Headers = {}, method = 'POST', url = site.url) {
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  return rawRequest(url, path, { method, ...init, headers: { host: 'localhost', ...type, ...headers } });
}

async function newKey(
  body: object,
  as: Headers = {},
  url = site.url,
): Promise<NewKey & { headers: Headers }> {
  const answer = await send('/v1/auth/api-keys', body, as, 'POST', url);
  assert.equal(answer.status, 201, answer.text);
  const key = answer.body as NewKey;
  return { ...key, headers: { 'x-api-key': key.api_key } };
}

const outcome = ({ status, body }: RawAnswer): [number, string] => [status, body.code ?? body.status];

test('a key of the operator acts in the operator’s own namespace, and in that one only', async () => {
  const { headers, ...key } = await newKey({ name: 'ci', namespace: 'team' });
  assert.deepEqual([key.namespace, key.scopes], ['team', ['read', 'write']]);
  const who = await send('/v1/auth/whoami', undefined, headers, 'GET');
  assert.deepEqual(who.body, {
    authenticated: true,
    method: 'api_key',
    namespace: 'team',
    custody: 'operator',
  });
  const type = { 'content-type': 'text/plain' };
  const put = await rawRequest(site.url, '/v1/kv/team/k', {
    method: 'PUT',
    body: 'v',
    headers: { host: 'localhost', ...type, ...headers },
  });
  assert.deepEqual([put.status, put.body.namespace], [200, 'team']);
  assert.equal((await send('/v1/kv/team/k', undefined, {}, 'GET')).text, 'v', 'the operator’s own');
  for (const name of ['default', 'other']) {
    assert.deepEqual(outcome(await send(`/v1/kv/${name}/k`, undefined, headers, 'GET')), [
      403,
      'namespace_mismatch',
    ]);
  }
});

test('admin is granted by nobody but the operator, and only where it is asked for', async () => {
  const asWallet = { authorization: `Bearer ${wallet.access_token}` };
  const body = { name: 'root', scopes: ['admin'] };
  assert.deepEqual(outcome(await send('/v1/auth/api-keys', body, asWallet)), [403, 'forbidden']);
  const own = await send('/v1/auth/api-keys', { name: 'own' }, asWallet);
  assert.deepEqual([own.status, own.body.scopes], [201, ['read', 'write']]);
  const elsewhere = { name: 'x', namespace: 'team' };
  assert.deepEqual(outcome(await send('/v1/auth/api-keys', elsewhere, asWallet)), [
    403,
    'namespace_mismatch',
  ]);
  assert.equal((await send('/v1/auth/api-keys', body, ANONYMOUS)).status, 401);
  const key = await newKey({ name: 'root', scopes: ['read', 'admin'] });
  assert.deepEqual(outcome(await send('/v1/auth/api-keys', { name: 'more' }, key.headers)), [
    403,
    'forbidden',
  ]);
  // what the node keeps for whom is the operator's business
  const storage = await send('/v1/network/storage', undefined, key.headers, 'GET');
  assert.ok(storage.body.namespaces.length > 0);
  assert.deepEqual((await send('/v1/network/storage', undefined, asWallet, 'GET')).body.namespaces, []);
});

test('connect and disconnect are for the operator and for who has admin', async () => {
  const key = await newKey({ name: 'net', scopes: ['admin'] });
  const plain = await newKey({ name: 'plain' });
  const { access_token: token } = (await send('/v1/auth/token', {}, key.headers)).body as {
    access_token: string;
  };
  const address = tcpAddress(other.node);
  const { peerId } = other.node.status();
  const isConnected = async (): Promise<boolean> =>
    (await site.node.peers()).some((peer) => peer.id === peerId && peer.connected);
  for (const [headers, body] of [
    [{}, { multiaddr: address }],
    [key.headers, { peer_addr: address }],
    [{ authorization: `Bearer ${token}` }, { peer_addr: address }],
  ] as const) {
    assert.deepEqual(outcome(await send('/v1/network/connect', body, headers)), [200, 'ok']);
    assert.ok(await isConnected());
    assert.deepEqual(outcome(await send('/v1/network/disconnect', { peer_id: peerId }, headers)), [
      200,
      'ok',
    ]);
    await until('it is gone', async () => !(await isConnected()));
  }
  for (const [headers, expected] of [
    [ANONYMOUS, [401, 'unauthenticated']],
    [plain.headers, [403, 'forbidden']],
    [{ authorization: `Bearer ${wallet.access_token}` }, [403, 'forbidden']],
    [{ 'x-api-key': wallet.api_key }, [403, 'forbidden']],
  ] as const) {
    assert.deepEqual(outcome(await send('/v1/network/connect', { multiaddr: address }, headers)), expected);
    assert.deepEqual(outcome(await send('/v1/network/disconnect', { peer_id: peerId }, headers)), expected);
  }
  const nobody = `/ip4/127.0.0.1/tcp/1/p2p/${peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()}`;
  for (const [path, body, expected] of [
    ['connect', {}, [400, 'bad_request']],
    ['connect', { multiaddr: '/ip4/192.0.2.1/tcp/1' }, [400, 'bad_address']],
    ['connect', { multiaddr: '/ip4/127.0.0.1/tcp/1/p2p/12D3KooWAbc' }, [400, 'bad_address']],
    ['connect', { multiaddr: nobody }, [500, 'dial_failed']],
    ['disconnect', {}, [400, 'bad_request']],
    ['disconnect', { peer_id: 'x' }, [400, 'bad_address']],
  ] as const) {
    assert.deepEqual(outcome(await send(`/v1/network/${path}`, body, key.headers)), expected, path);
  }
});

test('a key that is revoked is good no more, nor is what was made from it', async () => {
  const key = await newKey({ name: 'gone', scopes: ['read', 'admin'] });
  const { access_token: token } = (await send('/v1/auth/token', {}, key.headers)).body as {
    access_token: string;
  };
  const asToken = { authorization: `Bearer ${token}` };
  for (const headers of [key.headers, asToken]) {
    assert.equal((await send('/v1/network/peers', undefined, headers, 'GET')).status, 200);
  }
  const list = (await send('/v1/auth/api-keys', undefined, {}, 'GET')).body as { keys: NewKey[] };
  assert.ok(list.keys.some(({ id }) => id === key.id));
  assert.ok(!list.keys.some((one) => 'api_key' in one));
  const path = `/v1/auth/api-keys/${key.id}`;
  const asWallet = { authorization: `Bearer ${wallet.access_token}` };
  assert.equal((await send(path, undefined, asWallet, 'DELETE')).status, 404, 'a wallet has its own only');
  assert.equal((await send(path, undefined, {}, 'DELETE')).status, 200);
  for (const headers of [key.headers, asToken]) {
    assert.equal((await send('/v1/network/peers', undefined, headers, 'GET')).status, 401);
  }
  assert.equal((await send(path, undefined, {}, 'DELETE')).status, 404);
});

test('the operator makes them at the admin listener, too, with the token or an admin key, and no page does', async () => {
  const token = { authorization: `Bearer ${loadToken(tokenFileOf(site.config))}` };
  const at = (path: string, body: unknown, headers: Headers = token, method = 'POST') =>
    send(path, body, headers, method, admin.url);
  const key = await newKey({ name: 'made-there', scopes: ['read', 'admin'] }, token, admin.url);
  assert.equal((await send('/v1/network/peers', undefined, key.headers, 'GET')).status, 200);
  const list = (await at('/v1/auth/api-keys', undefined, token, 'GET')).body as { keys: NewKey[] };
  assert.ok(list.keys.some(({ id }) => id === key.id));
  for (const headers of [{ origin: 'http://localhost:3000' }, { 'sec-fetch-site': 'cross-site' }]) {
    const refused = await at('/v1/auth/api-keys', { name: 'page' }, { ...token, ...headers });
    assert.deepEqual(outcome(refused), [403, 'foreign_origin']);
  }
  const asText = { ...token, 'content-type': 'text/plain' };
  assert.equal((await at('/v1/auth/api-keys', { name: 'x' }, asText)).status, 415);
  const connect = await at('/v1/network/connect', { multiaddr: tcpAddress(other.node) });
  assert.deepEqual(outcome(connect), [200, 'ok']);

  const plain = await newKey({ name: 'plain' });
  for (const [headers, expected] of [
    [{}, [401, 'unauthenticated']],
    [{ authorization: `Bearer ${'x'.repeat(43)}` }, [401, 'unauthenticated']],
    [{ authorization: `Bearer ${wallet.access_token}` }, [403, 'forbidden']],
    [plain.headers, [403, 'forbidden']],
  ] as const) {
    assert.deepEqual(outcome(await at('/v1/auth/api-keys', { name: 'x' }, headers)), expected);
  }
  for (const headers of [key.headers, { authorization: `Bearer ${key.api_key}` }]) {
    assert.equal((await at('/v1/auth/api-keys', { name: 'by a key' }, headers)).status, 201);
  }
  assert.equal((await at(`/v1/auth/api-keys/${key.id}`, undefined, token, 'DELETE')).status, 200);
  assert.equal((await send('/v1/network/peers', undefined, key.headers, 'GET')).status, 401);
  assert.equal((await at('/v1/auth/api-keys', undefined, key.headers, 'GET')).status, 401);
  const { owner } = site.node;
  const said = audited.map(({ event, outcome: how, actor }) => `${event} ${how} ${actor}`);
  assert.deepEqual(said, [
    'admin.api-keys ok operator',
    'admin.api-keys refused undefined',
    'admin.api-keys refused undefined',
    'admin.api-keys refused undefined',
    'admin.connect ok operator',
    'admin.credential refused undefined',
    'admin.credential refused undefined',
    'admin.api-keys refused undefined',
    'admin.api-keys refused undefined',
    `admin.api-keys ok ${owner}`,
    `admin.api-keys ok ${owner}`,
    'admin.api-keys ok operator',
    'admin.credential refused undefined',
  ]);
  const revoked = audited.findLast(({ event }) => event === 'admin.api-keys');
  assert.deepEqual(
    [audited[0]?.detail?.['key'], audited[0]?.detail?.['scopes'], revoked?.detail?.['key']],
    [key.id, 'read admin', key.id],
  );
});

test('who did what is in the audit log, and no key', async () => {
  const path = join(site.config.data, 'audit/audit.log');
  const lines = await until('all of it is written', () => {
    const found = readFileSync(path, 'utf8').split('\n').slice(0, -1).map(parseLine);
    const all = found.filter((line) => line !== null);
    return all.some(({ event, detail }) => event === 'auth.api-keys' && detail?.['status'] === 404) && all;
  });
  const has = (event: string, how: 'ok' | 'refused', actor?: string, detail: object = {}): boolean =>
    lines.some((line) => {
      const isSame = line.event === event && line.outcome === how && line.actor === actor;
      return isSame && Object.entries(detail).every(([name, value]) => line.detail?.[name] === value);
    });
  const { owner } = site.node;
  const { peerId } = other.node.status();
  assert.ok(has('auth.api-keys', 'ok', 'operator', { namespace: 'team', scopes: 'read write' }));
  assert.ok(has('auth.api-keys', 'ok', 'operator', { scopes: 'read admin' }));
  assert.ok(has('auth.api-keys', 'refused', undefined, { status: 403, scopes: 'admin' }));
  assert.ok(has('admin.connect', 'ok', 'operator', { peer: tcpAddress(other.node) }));
  assert.ok(has('admin.disconnect', 'ok', owner, { peer: peerId }), 'by a key: in whose name');
  assert.ok(has('admin.connect', 'refused', undefined, { status: 401 }));
  assert.ok(has('admin.connect', 'refused', owner, { status: 500 }), 'what the node could not do');
  const text = JSON.stringify(lines) + site.log.join('');
  assert.doesNotMatch(text, /ak_[\w-]{8}|eyJ[\w-]+\./);
});
