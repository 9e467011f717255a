/** Tickets for streams, and credentials in URLs: where they count, where they are refused, and that no log has them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { rawRequest } from '../support/raw-http.ts';
import { post, type SignedIn, signIn, walletOf } from '../support/sign-in.ts';
import { SseClient } from '../support/sse-client.ts';
import { type Site, startSite } from '../support/start-gateway.ts';
import { WsClient } from '../support/ws-client.ts';

const WS = '/v1/pubsub/ws';
const SSE = '/v1/pubsub/sse';
const NATIVE = ['maillon.json.1'];
const PAGE = 'http://localhost:5173';

/** All that must be nowhere but where it belongs. */
const secrets: string[] = [];

async function enter(site: Site, number: number, namespace: string): Promise<SignedIn> {
  const session = await signIn(site.url, await walletOf(number), namespace);
  secrets.push(session.access_token, session.refresh_token, session.api_key, session.api_key.slice(3, 27));
  return session;
}

async function ticketFor(site: Site, headers: Record<string, string>, body?: object): Promise<string> {
  const answer = await post(site.url, '/v1/auth/ws-ticket', body, headers);
  assert.equal(answer.status, 200);
  const { ticket } = (await answer.json()) as { ticket: string };
  secrets.push(ticket);
  return ticket;
}

/** The status with which a WebSocket is refused, and what is said of it. */
async function refusal(url: string, headers?: Record<string, string>): Promise<string> {
  const { status, body } = await WsClient.refused(url, headers);
  const { code, error } = body as { code: string; error: string };
  for (const secret of secrets) assert.ok(!error.includes(secret));
  return `${status} ${code}: ${error}`;
}

function noSecretIn(site: Site): void {
  const log = site.log.join('');
  assert.ok(log.includes(WS), 'there is a log');
  for (const secret of secrets) {
    for (const form of [secret, encodeURIComponent(secret)]) {
      assert.ok(!log.includes(form), `the log has ${form.slice(0, 6)}…`);
    }
  }
}

describe('tickets', () => {
  let site: Site;
  let session: SignedIn;
  let bearer: Record<string, string>;
  let ws: (ticket: string) => string;
  before(async () => {
    site = await startSite();
    session = await enter(site, 1, 'mine');
    bearer = { authorization: `Bearer ${session.access_token}` };
    ws = (ticket) => `${site.wsUrl}${WS}?topic=t&ticket=${ticket}`;
  });
  after(async () => site[Symbol.asyncDispose]());

  test('one opens a WebSocket in the namespace of who asked for it', async () => {
    const answer = await post(site.url, '/v1/auth/ws-ticket', undefined, bearer);
    const {
      ticket,
      expires_in: seconds,
      expires_at: at,
      ...rest
    } = (await answer.json()) as {
      ticket: string;
      expires_in: number;
      expires_at: string;
    };
    secrets.push(ticket);
    assert.deepEqual([seconds, rest], [30, {}]);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    const left = Date.parse(at) - Date.now();
    assert.ok(left > 0 && left <= 30_000);
    await using client = await WsClient.open(ws(ticket), NATIVE);
    assert.equal((await client.nextJson())['namespace'], 'mine');
    client.send({ type: 'publish', ref: 1, namespace: 'default', data_base64: '' });
    assert.equal((await client.nextJson())['code'], 'namespace_mismatch');
    assert.match(await refusal(ws(ticket)), /^401 unauthenticated: the ticket was used, has ended/);
  });

  test('of twenty that use one at once one gets in', async () => {
    const ticket = await ticketFor(site, { 'x-api-key': session.api_key });
    const clients = Array.from({ length: 20 }, () => new WsClient(ws(ticket), NATIVE));
    const outcomes = await Promise.all(
      clients.map(
        (client) =>
          new Promise<number>((resolve) => {
            client.socket.on('open', () => resolve(101));
            client.socket.on('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
          }),
      ),
    );
    for (const client of clients) client.socket.terminate();
    assert.deepEqual(
      outcomes.toSorted((a, b) => a - b),
      [101, ...Array.from({ length: 19 }, () => 401)],
    );
  });

  test('one opens an SSE stream, also of the gateway’s own page, and is for that route only', async () => {
    const body = { route: SSE };
    await using stream = await SseClient.open(
      `${site.url}${SSE}?topic=t&ticket=${await ticketFor(site, bearer, body)}`,
    );
    assert.equal((await stream.next())?.data['namespace'], 'mine');
    assert.match(await refusal(ws(await ticketFor(site, bearer, body))), /^401 /);
    const used = await rawRequest(site.url, `${SSE}?topic=t&ticket=${await ticketFor(site, bearer)}`);
    assert.deepEqual([used.status, used.body.code], [401, 'unauthenticated']);
    const own = await ticketFor(site, { ...bearer, origin: site.url }, body);
    await using page = await SseClient.open(`${site.url}${SSE}?topic=t&ticket=${own}`, {
      'sec-fetch-site': 'same-origin',
    });
    assert.equal(page.response.status, 200);
  });

  test('one that a page asked for is for that page', async () => {
    const mine = { ...bearer, origin: PAGE };
    await using client = await WsClient.open(ws(await ticketFor(site, mine)), NATIVE, { origin: PAGE });
    assert.equal((await client.nextJson())['namespace'], 'mine');
    const elsewhere = await refusal(ws(await ticketFor(site, mine)), { origin: 'http://localhost:9999' });
    assert.match(elsewhere, /^401 unauthenticated/);
    assert.match(await refusal(ws(await ticketFor(site, mine))), /^401 /, 'a program');
    assert.match(await refusal(ws(await ticketFor(site, bearer)), { origin: PAGE }), /^401 /);
  });

  test('a ticket counts alone: a good credential beside a bad one does not help', async () => {
    assert.match(await refusal(ws('A'.repeat(43)), bearer), /^401 unauthenticated: the ticket/);
    assert.match(await refusal(ws('')), /^401 /, 'nor is somebody with an empty one the operator');
    const good = await ticketFor(site, bearer);
    assert.match(await refusal(`${ws(good)}&ticket=${good}`), /^401 unauthenticated: token in URL/);
  });

  test('a key that only reads gets one that only reads; nobody gets one without a credential', async () => {
    const made = await post(site.url, '/v1/auth/api-keys', { name: 'viewer', scopes: ['read'] }, bearer);
    const { api_key: viewer } = (await made.json()) as SignedIn;
    secrets.push(viewer);
    await using client = await WsClient.open(ws(await ticketFor(site, { 'x-api-key': viewer })), NATIVE);
    await client.next();
    client.send({ type: 'publish', ref: 1, data_base64: '' });
    assert.equal((await client.nextJson())['code'], 'forbidden');
    const none = await post(site.url, '/v1/auth/ws-ticket', {});
    assert.equal(none.status, 401);
    assert.match(((await none.json()) as { error: string }).error, /send one with this request/);
    const other = await post(site.url, '/v1/auth/ws-ticket', { route: '/v1/kv' }, bearer);
    assert.equal(other.status, 400);
  });

  test('one whose session was ended meanwhile is good for nothing', async () => {
    const gone = await enter(site, 2, 'mine');
    const ticket = await ticketFor(site, { authorization: `Bearer ${gone.access_token}` });
    await post(site.url, '/v1/auth/logout', { refresh_token: gone.refresh_token });
    assert.match(await refusal(ws(ticket)), /^401 /);
  });

  test('a credential in the URL is refused and says what to do; it makes nobody the operator', async () => {
    const { api_key: key, access_token: token } = session;
    for (const query of [`api_key=${key}`, `token=${token}`, `token=${key}`, 'api_key=']) {
      const said = await refusal(`${site.wsUrl}${WS}?topic=t&${query}`);
      assert.match(said, /^401 unauthenticated: .*compat\.debros.*\/v1\/auth\/ws-ticket/);
    }
    assert.match(await refusal(`${site.wsUrl}${WS}?topic=t&api_key=${key}`, bearer), /^401 /);
    for (const path of [
      `${SSE}?topic=t&api_key=${key}`,
      `/v1/kv/mine?token=${token}`,
      `/v1/auth/whoami?access_token=${token}`,
      `/v1/auth/login?refresh_token=${session.refresh_token}`,
      `/v1/status?ticket=${await ticketFor(site, bearer)}`,
      `/livez?api_key=${encodeURIComponent(key)}`,
    ]) {
      const { status, body } = await rawRequest(site.url, path);
      assert.deepEqual([status, body.code], [401, 'unauthenticated'], path);
      assert.match(body.error, /^token in URL: /);
    }
    // nor where nothing looks at the query
    for (const [path, status] of [
      [`/nowhere?token=${token}`, 404],
      [`/v1/%zz?token=${token}`, 400],
      [`${WS}?topic=t&token=${token}&more=${'x'.repeat(20_000)}`, 431],
    ] as const) {
      const answer = await rawRequest(site.url, path);
      assert.equal(answer.status, status);
      assert.ok(!answer.text.includes(token));
    }
  });

  test('none of them is in the log', () => noSecretIn(site));
});

describe('with compat.debros', () => {
  let site: Site;
  let session: SignedIn;
  before(async () => {
    site = await startSite({ settings: { 'compat.debros': true, 'gateway.trustedProxies': ['127.0.0.1'] } });
    session = await enter(site, 1, 'mine');
  });
  after(async () => site[Symbol.asyncDispose]());

  test('credentials in the URL of the WebSocket count, and choose E2 frames', async () => {
    const { api_key: key, access_token: token } = session;
    const name = { topic: 'e2', data_base64: 'aGk=' };
    for (const query of [
      `api_key=${key}`,
      `token=${token}`,
      `token=${key}`,
      `api_key=${encodeURIComponent(key)}`,
    ]) {
      await using client = await WsClient.open(`${site.wsUrl}${WS}?topic=e2&${query}`);
      await post(site.url, '/v1/pubsub/publish', name);
      await post(site.url, '/v1/pubsub/publish', name, { 'x-api-key': key });
      const { timestamp, ...frame } = await client.nextJson();
      assert.deepEqual([typeof timestamp, frame], ['number', { data: 'aGk=', topic: 'e2' }]);
      client.send('bye');
      assert.equal((await client.nextJson())['data'], 'Ynll', 'not what the operator sent to its own topic');
    }
  });

  test('one that is not good is 401, on loopback, too, and beside a header the header counts first', async () => {
    const { api_key: key } = session;
    for (const query of ['api_key=', 'api_key=ak_x:mine', 'token=a.b.c', 'token=', `api_key=${key}x`]) {
      assert.match(
        await refusal(`${site.wsUrl}${WS}?topic=t&${query}`),
        /^401 unauthenticated: invalid/,
        query,
      );
    }
    const other = await enter(site, 2, 'other');
    await using client = await WsClient.open(`${site.wsUrl}${WS}?api_key=${key}`, NATIVE, {
      'x-api-key': other.api_key,
    });
    assert.equal((await client.nextJson())['namespace'], 'other');
    const both = await ticketFor(site, { 'x-api-key': key });
    assert.match(await refusal(`${site.wsUrl}${WS}?topic=t&api_key=${key}&ticket=${both}`), /token in URL/);
  });

  test('nowhere else', async () => {
    for (const path of [`${SSE}?topic=t&api_key=`, '/v1/kv/mine?token=', '/v1/network/status?api_key=']) {
      assert.equal((await rawRequest(site.url, path + session.api_key)).status, 401, path);
    }
  });

  test('network status and peers are open, also from elsewhere, and other routes are not', async () => {
    const headers = { host: 'localhost', 'x-forwarded-for': '192.0.2.1' };
    const status = async (path: string) => (await rawRequest(site.url, path, { headers })).status;
    assert.deepEqual(
      [
        await status('/v1/network/status'),
        await status('/v1/network/peers'),
        await status('/v1/network/nodes'),
      ],
      [200, 200, 401],
    );
  });

  test('none of them is in the log', () => noSecretIn(site));
});
