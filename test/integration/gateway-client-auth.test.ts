/** The SDK with a credential, against a real gateway. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  type Client,
  type Credential,
  createClient,
  type Stream,
  type Tokens,
} from '../../gateway/client/index.ts';
import { until } from '../support/processes.ts';
import { post, type SignedIn, signIn, walletOf } from '../support/sign-in.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

let site: Site;
before(async () => {
  site = await startSite();
});
after(async () => site[Symbol.asyncDispose]());

/** Records the SDK's HTTP requests, as `METHOD path`. */
function spied(credential: Credential): { client: Client; asked: string[] } {
  const asked: string[] = [];
  const spy: typeof fetch = async (url, init) => {
    asked.push(`${init?.method ?? 'GET'} ${new URL(url instanceof Request ? url.url : url).pathname}`);
    return fetch(url, init);
  };
  return { client: createClient({ url: site.url, credential, fetch: spy }), asked };
}

const ofSession = ({ access_token: accessToken, refresh_token: refreshToken }: SignedIn) => ({
  accessToken,
  refreshToken,
});

/** An expired token that a gateway issued. */
const ENDED_TOKEN = 'e30.e30.AA';

async function firstOf(stream: Stream): Promise<string> {
  for await (const { data, namespace } of stream) return `${namespace}: ${new TextDecoder().decode(data)}`;
  return 'nothing';
}

/** Everything a client can do needs its credential here: the operator's namespaces are others. */
async function useAll(client: Client, namespace: string): Promise<void> {
  const stream = client.subscribe({ topic: 'sdk' });
  await stream.ready;
  const first = firstOf(stream);
  await client.publish({ topic: 'sdk', data: 'hi' });
  assert.equal(await first, `${namespace}: hi`);
  const kv = client.kv();
  assert.equal((await kv.put('k', 'v')).namespace, namespace);
  assert.equal((await kv.get('k'))?.text(), 'v');
  await assert.rejects(client.kv('another').get('k'), { code: 'namespace_mismatch', status: 403 });
}

test('with an API key and with a session; headers where they can be sent, tickets where not', async () => {
  const session = await signIn(site.url, await walletOf(1), 'app');
  for (const credential of [{ apiKey: session.api_key }, ofSession(session)]) {
    const { client, asked } = spied(credential);
    await useAll(client, 'app');
    assert.ok(!asked.includes('POST /v1/auth/ws-ticket'), 'Node sends headers with a WebSocket');
    const tickets: string[] = [];
    // whose options are not known here, as a browser's
    const Browserlike = class extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        tickets.push(new URL(url).searchParams.get('ticket') ?? '');
      }
    };
    const browser = createClient({ url: site.url, credential, WebSocket: Browserlike });
    await useAll(browser, 'app');
    assert.equal(tickets.length, 1);
    assert.match(tickets[0] ?? '', /^[A-Za-z0-9_-]{43}$/);
    const { metrics } = site.gateway;
    await until('nobody is connected', () => metrics.websocketClients === 0);
  }
});

test('an access token that has ended is refreshed once, for all who wait, and kept before it is used', async () => {
  const session = await signIn(site.url, await walletOf(2));
  const kept: Tokens[] = [];
  const { client, asked } = spied({
    ...ofSession(session),
    accessToken: ENDED_TOKEN,
    onRefreshed: async (tokens) => void kept.push(tokens),
  });
  const written = await Promise.all(['a', 'b', 'c'].map((key) => client.kv().put(key, key)));
  assert.deepEqual(
    written.map(({ key }) => key),
    ['a', 'b', 'c'],
  );
  assert.equal(asked.filter((one) => one === 'POST /v1/auth/refresh').length, 1);
  assert.equal(asked.filter((one) => one === 'PUT /v1/kv/default').length, 6);
  assert.equal(kept.length, 1);
  const again = createClient({ url: site.url, credential: { ...ofSession(session), ...kept[0] } });
  assert.equal((await again.kv().get('a'))?.text(), 'a');
});

test('a subscription refreshes, too: with headers and with tickets', async () => {
  for (const WebSocketOf of [undefined, WebSocket]) {
    const credential = { ...ofSession(await signIn(site.url, await walletOf(3))), accessToken: ENDED_TOKEN };
    const given = WebSocketOf === undefined ? {} : { WebSocket: WebSocketOf };
    const client = createClient({ url: site.url, credential, ...given });
    const streams = ['x', 'y'].map((topic) => client.subscribe({ topic }));
    await Promise.all(streams.map((stream) => stream.ready));
    const first = streams.map(firstOf);
    for (const topic of ['x', 'y']) await client.publish({ topic, data: topic });
    assert.deepEqual(await Promise.all(first), ['default: x', 'default: y']);
  }
});

test('a session that has ended is said by name, once and for all', async () => {
  const session = await signIn(site.url, await walletOf(4));
  await post(site.url, '/v1/auth/logout', { refresh_token: session.refresh_token });
  const { client, asked } = spied({ ...ofSession(session), accessToken: ENDED_TOKEN });
  const ended = { code: 'unauthenticated', status: 401, message: 'the session has ended: sign in again' };
  await assert.rejects(client.kv().get('a'), ended);
  await assert.rejects(client.publish({ topic: 't', data: '' }), { code: 'unauthenticated', status: 401 });
  await assert.rejects(client.subscribe({ topic: 't' }).ready, { code: 'unauthenticated', status: 401 });
  assert.equal(asked.filter((one) => one === 'POST /v1/auth/refresh').length, 1);
  const noRefresh = createClient({ url: site.url, credential: { accessToken: ENDED_TOKEN } });
  await assert.rejects(noRefresh.topics(), { code: 'unauthenticated', status: 401 });
  for (const given of [{}, { WebSocket }]) {
    const bad = createClient({ url: site.url, credential: { apiKey: 'ak_x:default' }, ...given });
    await assert.rejects(bad.subscribe({ topic: 't' }).ready, { code: 'unauthenticated', status: 401 });
  }
});

test('a stream that is cut with its session gives what had arrived, then says why', async () => {
  const session = await signIn(site.url, await walletOf(5));
  const client = createClient({ url: site.url, credential: ofSession(session) });
  const stream = client.subscribe({ topic: 'cut' });
  await stream.ready;
  for (const data of ['1', '2']) await client.publish({ topic: 'cut', data });
  const got: string[] = [];
  await post(site.url, '/v1/auth/logout', { refresh_token: session.refresh_token });
  const iterate = async (): Promise<void> => {
    for await (const { data } of stream) got.push(new TextDecoder().decode(data));
  };
  await assert.rejects(iterate(), {
    name: 'ClientError',
    code: 'unauthenticated',
    status: 4001,
    message: 'the session or API key has ended: sign in again',
  });
  assert.deepEqual(got, ['1', '2']);
});

test('a subscription that is left before its ticket came opens nothing', async () => {
  const { api_key: apiKey } = await signIn(site.url, await walletOf(6));
  let opened = 0;
  const Counted = class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      opened += 1;
    }
  };
  const asked = Promise.withResolvers<void>();
  const spy: typeof fetch = async (url, init) => {
    const answer = await fetch(url, init);
    asked.resolve();
    return answer;
  };
  const client = createClient({ url: site.url, credential: { apiKey }, fetch: spy, WebSocket: Counted });
  const abort = new AbortController();
  const stream = client.subscribe({ topic: 't', signal: abort.signal });
  abort.abort();
  await assert.rejects(stream.ready, { code: 'closed' });
  await asked.promise;
  const next = client.subscribe({ topic: 't' });
  await next.ready;
  assert.equal(opened, 1);
  await next[Symbol.asyncIterator]().return?.();
});
