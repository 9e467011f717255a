/** The SDK in a real browser, which sends no headers with a stream. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { findBrowser, runPage } from '../support/browser.ts';
import { type SignedIn, signIn, walletOf } from '../support/sign-in.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

const browser = findBrowser();
const skip = browser === null ? 'no browser: install chromium' : false;

/** An expired token that a gateway issued. */
const ENDED_TOKEN = `e30.${btoa('{"namespace":"mine"}')}.AA`;

const SUBSCRIBE = `
const { createClient } = await import(data.sdk);
const opened = [];
const asked = [];
class Spy extends WebSocket {
  constructor(url, protocols) { super(url, protocols); opened.push(new URL(url)); }
}
const client = createClient({
  url: data.url,
  credential: data.credential,
  fetch: (url, init) => { asked.push(new URL(url).pathname); return fetch(url, init); },
  ...(data.isSpied ? { WebSocket: Spy } : {}),
});
const stream = client.subscribe({ topic: 'page' });
await stream.ready;
await client.publish({ topic: 'page', data: 'from a page' });
await client.kv().put('k', 'v');
const large = new Blob([new Uint8Array(1_500_000).fill(7)]);
const { cid } = await client.blobs().put(large.stream());
const reader = (await client.blobs().get(cid)).stream().getReader();
let read = 0;
for (let next = await reader.read(); !next.done; next = await reader.read()) read += next.value.byteLength;
for await (const { namespace, data } of stream) {
  return { namespace, text: new TextDecoder().decode(data), opened: opened.map((url) => [...url.searchParams.keys()]), asked, read };
}`;

const EVENT_SOURCE = `
const ask = (base) => fetch(base + '/v1/auth/ws-ticket', {
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: 'Bearer ' + data.token },
  body: JSON.stringify({ route: '/v1/pubsub/sse' }),
}).then((answer) => answer.json());
const open = async (base, ticket) => new Promise((resolve) => {
  const source = new EventSource(base + '/v1/pubsub/sse?topic=page&ticket=' + ticket);
  source.addEventListener('caughtUp', (event) => { source.close(); resolve(JSON.parse(event.data).namespace); });
  source.addEventListener('error', () => { source.close(); resolve('refused'); });
});
const own = await ask(location.origin);
const other = await ask(data.url);
const swapped = await ask(data.url);
return [
  await open(location.origin, own.ticket),
  await open(location.origin, own.ticket),
  await open(data.url, other.ticket),
  await open(data.url, (swapped.ticket[0] === 'x' ? 'y' : 'x') + swapped.ticket.slice(1)),
];`;

describe('a page', { skip }, () => {
  let site: Site;
  let session: SignedIn;
  before(async () => {
    site = await startSite();
    session = await signIn(site.url, await walletOf(1), 'mine');
  });
  after(async () => site[Symbol.asyncDispose]());

  for (const [what, credential] of [
    ['an API key', () => ({ apiKey: session.api_key })],
    [
      'a session whose access token has ended',
      () => ({ accessToken: ENDED_TOKEN, refreshToken: session.refresh_token }),
    ],
  ] as const) {
    test(`subscribes, publishes and writes with ${what}`, async (t) => {
      const data = {
        sdk: '/src/gateway/client/index.ts',
        url: site.url,
        credential: credential(),
        isSpied: what === 'an API key',
      };
      const got = (await runPage(t, browser ?? '', { script: SUBSCRIBE, data, gateway: site.url })) as {
        namespace: string;
        text: string;
        opened: string[][];
        asked: string[];
        read: number;
      };
      assert.equal(got.read, 1_500_000);
      assert.deepEqual([got.namespace, got.text], ['mine', 'from a page']);
      if (data.isSpied) assert.deepEqual(got.opened, [['ticket']]);
      assert.ok(got.asked.includes('/v1/auth/ws-ticket'));
    });
  }

  test('opens an EventSource by ticket, of its own site and of another one', async (t) => {
    const data = { url: site.url, token: session.access_token };
    const got = await runPage(t, browser ?? '', { script: EVENT_SOURCE, data, gateway: site.url });
    assert.deepEqual(got, ['mine', 'refused', 'mine', 'refused']);
  });
});
