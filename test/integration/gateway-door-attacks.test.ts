/** Attacks of outsiders on the gateway's entry points: refused, bounded, and logged without secrets. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { parseLine, verifyLog } from '../../gateway/audit/index.ts';
import {
  FRAME_MAX_BYTES,
  FRAME_MAX_FRAGMENTS,
  HEADERS_MAX_BYTES,
  RATE_BURST_SECONDS,
} from '../../gateway/core/limits.ts';
import { until } from '../support/processes.ts';
import { type RawAnswer, type RawRequest, rawRequest } from '../support/raw-http.ts';
import { BINARY, COMPRESSED, closedFor, FINAL, fragments, frame, openRaw } from '../support/raw-ws.ts';
import { post, proofFor, type SignedIn, signIn, walletOf } from '../support/sign-in.ts';
import { type Site, startSite } from '../support/start-gateway.ts';
import { WsClient } from '../support/ws-client.ts';

/** Requests of one address: what the tests need of it, and soon used up by a flood. */
const PER_SECOND = 15;

/** Secrets that grant full access: none of them may be in a log. */
const secrets = new Map<string, string>();

function secret(what: string, text: string): string {
  assert.ok(text.length >= 16, what);
  secrets.set(what, text);
  return text;
}

let site: Site;
let session: SignedIn;
before(async () => {
  // as most run it: on loopback, whose programs are the operator; a proxy, but not on this machine
  const settings = { 'gateway.trustedProxies': ['192.0.2.9'], 'gateway.rate.requests': PER_SECOND };
  site = await startSite({ settings, isAudited: true });
  session = await signIn(site.url, await walletOf(51));
  secret('access token', session.access_token);
  secret('refresh token', session.refresh_token);
  secret('API key', session.api_key);
  const made = await site.gateway
    .operatorKeys()
    .create({ name: 'x', namespace: 'default', scopes: ['admin'] });
  secret('operator key', made.text);
  secret('gateway secret', readFileSync(join(site.config.data, 'gateway/secret'), 'utf8').trim());
});
after(async () => site[Symbol.asyncDispose]());

const local = { host: 'localhost' };
const json = { 'content-type': 'application/json' };
const ask = (path: string, init: RawRequest = {}): Promise<RawAnswer> =>
  rawRequest(site.url, path, { ...init, headers: { ...local, ...init.headers } });

/** Nothing of what was tried had an effect. */
async function assertUntouched(): Promise<void> {
  assert.equal((await ask('/v1/kv/default/attacked')).status, 404);
  assert.deepEqual((await ask('/v1/pubsub/topics')).body.topics, []);
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function mac(text: string, by: string | Buffer): string {
  return `${text}.${createHmac('sha256', by).update(text).digest('base64url')}`;
}

test('forged tokens', async () => {
  const [head = '', claims = '', signature = ''] = session.access_token.split('.');
  const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as object;
  const [key] = (await ask('/.well-known/jwks.json')).body.keys as [{ x: string }];
  const symmetric = `${encode({ ...header, alg: 'HS256' })}.${claims}`;
  const forged = {
    none: `${encode({ ...header, alg: 'none' })}.${claims}.`,
    'HS256 with the public key': mac(symmetric, Buffer.from(key.x, 'base64url')),
    'HS256 with the public key as text': mac(symmetric, key.x),
    'no alg': `${encode({ ...header, alg: undefined })}.${claims}.${signature}`,
    'kid of a file': `${encode({ ...header, kid: '../../../../dev/null' })}.${claims}.${signature}`,
    'admin by itself': `${head}.${encode({ ...JSON.parse(Buffer.from(claims, 'base64url').toString()), scope: 'admin' })}.${signature}`,
  };
  for (const [what, token] of Object.entries(forged)) {
    secret(what, token);
    const headers = { ...local, authorization: `Bearer ${token}`, ...json };
    assert.equal((await ask('/v1/auth/whoami', { headers })).status, 401, what);
    const body = JSON.stringify({ multiaddr: '/ip4/127.0.0.1/tcp/1' });
    assert.equal((await ask('/v1/network/connect', { method: 'POST', headers, body })).status, 401, what);
    const ws = `${site.wsUrl}/v1/pubsub/ws?topic=t`;
    assert.equal((await WsClient.refused(ws, { authorization: headers.authorization })).status, 401, what);
  }
});

test('a proxy’s headers from whom nobody trusts', async () => {
  for (const headers of [
    { 'x-forwarded-for': '127.0.0.1' },
    { 'x-forwarded-for': '::1, 127.0.0.1' },
    { 'x-real-ip': '127.0.0.1' },
    { forwarded: 'for=127.0.0.1' },
    { via: '1.1 localhost' },
  ] as const) {
    const init = { headers: { ...headers } };
    assert.equal((await ask('/v1/kv/default', init)).status, 401, 'it is no operator by saying so');
    const put = { method: 'PUT', body: 'x', ...init };
    assert.equal((await ask('/v1/kv/default/attacked', put)).status, 401);
    const connect = { method: 'POST', body: '{}', headers: { ...headers, ...json } };
    assert.equal((await ask('/v1/network/connect', connect)).status, 401);
  }
  await assertUntouched();
});

test('pages of other sites, and names that they let point here', async () => {
  const evil = 'https://evil.example';
  const credential = { 'x-api-key': session.api_key };
  const attempts: readonly (readonly [Readonly<Record<string, string>>, number])[] = [
    [{ origin: evil }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: 'http://localhost.evil.example' }, 403],
    [{ origin: evil, ...credential }, 403],
    [{ host: 'evil.example' }, 421],
    [{ host: 'evil.example', origin: 'http://evil.example' }, 421],
    [{ host: 'localhost.evil.example:8080' }, 421],
    [{ host: '127.0.0.1.evil.example', ...credential }, 421],
  ];
  for (const [headers, status] of attempts) {
    const body = JSON.stringify({ topic: 'attacked', data_base64: 'eA==' });
    const what = JSON.stringify(headers);
    assert.equal((await ask('/v1/kv/default', { headers })).status, status, what);
    const publish = { method: 'POST', body, headers: { ...json, ...headers } };
    assert.equal((await ask('/v1/pubsub/publish', publish)).status, status, what);
    const put = { method: 'PUT', body: 'x', headers };
    assert.equal((await ask('/v1/kv/default/attacked', put)).status, status, what);
    const made = { method: 'POST', body: '{"name":"x"}', headers: { ...json, ...headers } };
    assert.equal((await ask('/v1/auth/api-keys', made)).status, status, what);
    assert.equal((await ask('/v1/pubsub/sse?topic=t', { headers })).status, status, what);
    assert.equal(
      (await WsClient.refused(`${site.wsUrl}/v1/pubsub/ws?topic=t`, headers)).status,
      status,
      what,
    );
    assert.equal(
      (await ask('/v1/kv/default', { headers })).headers['access-control-allow-origin'],
      undefined,
    );
  }
  // a form sends no Origin, but browsers say where it stands
  const headers = { 'sec-fetch-site': 'cross-site', ...json };
  const form = { method: 'POST', body: '{"topic":"attacked","data_base64":"eA=="}', headers };
  assert.equal((await ask('/v1/pubsub/publish', form)).status, 403);
  await assertUntouched();
});

test('credentials in the URL, and other places where they do not belong', async () => {
  const { access_token: token, api_key: key } = session;
  // somebody else’s proxy, so that nobody is the operator
  const via = { via: '1.1 elsewhere' };
  for (const name of ['token', 'access_token', 'api_key', 'apikey', 'key', 'authorization']) {
    for (const text of [token, key]) {
      const query = `${name}=${encodeURIComponent(text)}`;
      const inPlain = await ask(`/v1/kv/default?${query}`, { headers: via });
      assert.ok([400, 401].includes(inPlain.status), `${name}: ${inPlain.status}`);
      const sse = await ask(`/v1/pubsub/sse?topic=t&${query}`, { headers: via });
      assert.ok([400, 401].includes(sse.status), `${name}: ${sse.status}`);
      assert.equal((await WsClient.refused(`${site.wsUrl}/v1/pubsub/ws?topic=t&${query}`, via)).status, 401);
      await ask(`/v1/nowhere/${encodeURIComponent(text)}?${query}`);
      await ask(`/v1/auth/api-keys/${encodeURIComponent(text)}`, { method: 'DELETE' });
    }
  }
  await ask('/v1/kv/default', { headers: { authorization: `Basic ${secret('password', 'x'.repeat(40))}` } });
  await ask('/v1/kv/default', { headers: { cookie: `session=${token}`, ...via } });
  const unreadable = { method: 'POST', headers: json, body: `{"refresh_token":"${session.refresh_token}"` };
  assert.equal((await ask('/v1/auth/refresh', unreadable)).status, 400);
  const wrong = { refresh_token: secret('wrong refresh token', 'B'.repeat(43)) };
  assert.equal((await post(site.url, '/v1/auth/refresh', wrong)).status, 401);
  const proof = await proofFor(site.url, await walletOf(52));
  secret('nonce', proof.nonce);
  secret('signature', proof.signature);
  assert.equal((await post(site.url, '/v1/auth/verify', { ...proof, wallet: session.subject })).status, 400);
  assert.equal((await post(site.url, '/v1/auth/verify', { ...proof, chain_type: 'DOGE' })).status, 400);
});

test('what is too large, too many or packed', async () => {
  const headers = [`Authorization: Bearer ${session.access_token}`];
  const tiny = await openRaw(site.url, { headers });
  assert.equal(await closedFor(tiny.socket, fragments(FRAME_MAX_FRAGMENTS + 1)), 1008);
  const oversize = await openRaw(site.url, { headers });
  assert.equal(
    await closedFor(oversize.socket, frame(FINAL | BINARY, Buffer.alloc(0), FRAME_MAX_BYTES + 1)),
    1009,
  );
  const bomb = deflateRawSync(Buffer.alloc(50 * 2 ** 20));
  const extension = 'Sec-WebSocket-Extensions: permessage-deflate';
  const packed = await openRaw(site.url, { headers: [...headers, extension] });
  assert.doesNotMatch(packed.answer, /permessage-deflate/i);
  assert.equal(await closedFor(packed.socket, frame(FINAL | COMPRESSED | BINARY, bomb)), 1002);
  const credential = { 'x-api-key': session.api_key };
  const deflated = { ...credential, ...json, 'content-encoding': 'deflate' };
  const body = { method: 'POST', headers: deflated, body: bomb };
  assert.equal((await ask('/v1/pubsub/publish', body)).body.code, 'bad_json', 'taken as it is');
  const long = { ...credential, 'x-long': 'x'.repeat(HEADERS_MAX_BYTES) };
  assert.equal((await ask('/livez', { headers: long })).status, 431);
  const large = { method: 'POST', headers: { ...credential, ...json }, body: 'x'.repeat(2 ** 20) };
  assert.equal((await ask('/v1/pubsub/publish', large)).status, 413);
  const auth = {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ refresh_token: 'x'.repeat(2 ** 15) }),
  };
  assert.equal((await ask('/v1/auth/refresh', auth)).status, 413);
});

test('another address with every request', async () => {
  const statuses: number[] = [];
  for (let n = 0; n < 2 * PER_SECOND * RATE_BURST_SECONDS; n++) {
    statuses.push((await ask('/livez', { headers: { 'x-forwarded-for': `198.51.100.${n}` } })).status);
  }
  assert.ok(statuses.includes(429));
});

test('all of it is written down, in an unbroken log, and nothing of a secret', async () => {
  const path = join(site.config.data, 'audit/audit.log');
  const lines = await until('the last of it is written', () => {
    const found = readFileSync(path, 'utf8').trimEnd().split('\n').map(parseLine);
    return found.some((line) => line?.event === 'auth.refresh' && line.detail?.['status'] === 413) && found;
  });
  const refused = new Set(lines.map((line) => line?.outcome === 'refused' && line.event));
  for (const event of ['auth.credential', 'auth.refresh', 'auth.verify', 'auth.api-keys', 'admin.connect']) {
    assert.ok(refused.has(event), event);
  }
  assert.ok(lines.every((line) => line?.outcome !== 'refused' || line.address === '127.0.0.1'));
  const { problems } = await verifyLog(join(site.config.data, 'audit'));
  assert.deepEqual(problems, []);

  const logs = { gateway: site.log.join(''), audit: readFileSync(path, 'utf8') };
  assert.ok(logs.gateway.length > 10_000 && logs.audit.length > 1_000);
  for (const [what, text] of secrets) {
    // a key is as good without its namespace, a token's parts hold claims and signature
    const parts = [text, ...text.split(/[.:]/).filter((part) => part.length >= 16)];
    for (const [where, log] of Object.entries(logs)) {
      for (const part of parts) {
        assert.ok(!log.includes(part), `${what} is in the ${where} log: ${part.slice(0, 12)}…`);
        assert.ok(!log.includes(encodeURIComponent(part)), `${what} is in the ${where} log, escaped`);
      }
    }
  }
});
