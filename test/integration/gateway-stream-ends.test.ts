/** Streams end with the session or API key that they were opened with, wherever that was ended. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { STANDING_TTL_MS } from '../../gateway/auth/limits.ts';
import type { Config } from '../../node/index.ts';
import { scratch, until } from '../support/processes.ts';
import { type RqliteNode, startRqlite, stateUrl } from '../support/rqlite.ts';
import { post, type SignedIn, signIn, walletOf } from '../support/sign-in.ts';
import { SseClient } from '../support/sse-client.ts';
import { type Site, startSite } from '../support/start-gateway.ts';
import { WsClient } from '../support/ws-client.ts';

const NATIVE = ['maillon.json.1'];
/** Beside what is promised: this machine has other things to do. */
const PATIENCE_MS = STANDING_TTL_MS + 5_000;

const bearer = ({ access_token: token }: SignedIn) => ({ authorization: `Bearer ${token}` });

async function openWs(site: Site, headers: Record<string, string>): Promise<WsClient> {
  const client = await WsClient.open(`${site.wsUrl}/v1/pubsub/ws?topic=t`, NATIVE, headers);
  await client.next();
  return client;
}

async function endOf(client: WsClient): Promise<string> {
  const closed = await Promise.race([client.closed, wait(PATIENCE_MS, null, { ref: false })]);
  return closed === null ? 'open' : `${closed.code} ${closed.reason}`;
}

const ENDED = '4001 the session or API key has ended: sign in again';

describe('at the gateway where it ends', () => {
  let site: Site;
  before(async () => {
    site = await startSite();
  });
  after(async () => site[Symbol.asyncDispose]());

  test('logout ends the streams of that session, WebSocket and SSE, and no other', async () => {
    const wallet = await walletOf(1);
    const [gone, stays] = [await signIn(site.url, wallet), await signIn(site.url, wallet)];
    await using ended = await openWs(site, bearer(gone));
    await using other = await openWs(site, bearer(stays));
    await using byKey = await openWs(site, { 'x-api-key': gone.api_key });
    await using operator = await openWs(site, {});
    const streams = `${site.url}/v1/pubsub/sse?topic=t`;
    await using endedSse = await SseClient.open(streams, bearer(gone));
    await using otherSse = await SseClient.open(streams, bearer(stays));
    for (const stream of [endedSse, otherSse]) assert.equal((await stream.next())?.event, 'caughtUp');
    await post(site.url, '/v1/auth/logout', { refresh_token: gone.refresh_token });
    assert.equal(await endOf(ended), ENDED);
    assert.deepEqual(await endedSse.next(), {
      id: undefined,
      event: 'error',
      data: { code: 'unauthenticated', error: ENDED.slice(5) },
    });
    assert.equal(await endedSse.next(), undefined, 'the stream is over');
    await post(site.url, '/v1/pubsub/publish', { topic: 't', data_base64: 'aGk=' }, bearer(stays));
    assert.equal((await other.nextJson())['data_base64'], 'aGk=');
    assert.equal((await byKey.nextJson())['data_base64'], 'aGk=');
    assert.equal((await otherSse.next())?.event, 'message');
    assert.equal(operator.socket.readyState, operator.socket.OPEN);
    const { metrics } = site.gateway;
    const events = site.log.filter((line) => line.includes('"event":"credential_ended"'));
    assert.ok(events.length > 0 && !site.log.join('').includes(gone.access_token));
    await until('their places are free', () => metrics.websocketClients === 3 && metrics.sseClients === 1);
  });

  test('logout of all ends all of the wallet’s sessions', async () => {
    const wallet = await walletOf(2);
    const sessions = [await signIn(site.url, wallet), await signIn(site.url, wallet, 'other')];
    const clients = await Promise.all(sessions.map((session) => openWs(site, bearer(session))));
    const [first] = sessions;
    assert.ok(first !== undefined);
    assert.equal((await post(site.url, '/v1/auth/logout', { all: true }, bearer(first))).status, 200);
    assert.deepEqual(await Promise.all(clients.map(endOf)), [ENDED, ENDED]);
  });

  test('a key that is revoked ends its streams, those of its tokens and of its tickets', async () => {
    const session = await signIn(site.url, await walletOf(3));
    const made = await post(site.url, '/v1/auth/api-keys', { name: 'one' }, bearer(session));
    const { id, api_key: key } = (await made.json()) as SignedIn & { id: string };
    const byKey = { 'x-api-key': key };
    const byThatKey = async (path: string) => (await post(site.url, path, {}, byKey)).json();
    const { ticket } = (await byThatKey('/v1/auth/ws-ticket')) as { ticket: string };
    const clients = [
      await openWs(site, byKey),
      await openWs(site, bearer((await byThatKey('/v1/auth/token')) as SignedIn)),
      await WsClient.open(`${site.wsUrl}/v1/pubsub/ws?ticket=${ticket}`, NATIVE),
    ];
    await using stays = await openWs(site, bearer(session));
    const revoked = await fetch(`${site.url}/v1/auth/api-keys/${id}`, {
      method: 'DELETE',
      headers: bearer(session),
    });
    assert.equal(revoked.status, 200);
    assert.deepEqual(await Promise.all(clients.map(endOf)), [ENDED, ENDED, ENDED]);
    assert.equal(stays.socket.readyState, stays.socket.OPEN);
  });

  test('a refresh token that is used twice ends them, too; one that is used once does not', async () => {
    const session = await signIn(site.url, await walletOf(4));
    await using client = await openWs(site, bearer(session));
    const other = await signIn(site.url, await walletOf(5));
    await using ended = await openWs(site, bearer(other));
    const refresh = () => post(site.url, '/v1/auth/refresh', { refresh_token: session.refresh_token });
    assert.equal((await refresh()).status, 200);
    // whoever ends the other one's looks at all
    await post(site.url, '/v1/auth/logout', { refresh_token: other.refresh_token });
    assert.equal(await endOf(ended), ENDED);
    assert.equal(client.socket.readyState, client.socket.OPEN);
    assert.equal((await refresh()).status, 401);
    assert.equal(await endOf(client), ENDED);
  });
});

describe('two gateways of one state', () => {
  const ends: (() => void | Promise<void>)[] = [];
  let rqlite: RqliteNode[];
  const sites: Site[] = [];
  before(async () => {
    const t = { after: (end: () => void | Promise<void>) => void ends.push(end) };
    rqlite = await startRqlite(t);
    const settings: Partial<Config> = {
      'gateway.state': stateUrl(rqlite),
      'gateway.secretFile': join(scratch(t), 'secret'),
    };
    for (let n = 0; n < 2; n += 1) sites.push(await startSite({ settings }));
  });
  after(async () => {
    for (const site of sites) await site[Symbol.asyncDispose]();
    for (const end of ends) await end();
  });

  test('what ends at one ends the streams at the other; while nobody can be asked they stay', async () => {
    const [a, b] = sites;
    assert.ok(a !== undefined && b !== undefined);
    const [gone, stays] = [await signIn(a.url, await walletOf(1)), await signIn(a.url, await walletOf(2))];
    await using ended = await openWs(b, bearer(gone));
    await using other = await openWs(b, bearer(stays));
    await post(a.url, '/v1/auth/logout', { refresh_token: gone.refresh_token });
    assert.equal(await endOf(ended), ENDED);

    rqlite[0]?.process.kill('SIGKILL');
    await until('the gateway cannot ask', () =>
      b.log.some((line) => line.includes('rqlite does not answer')),
    );
    const before = b.log.filter((line) => line.includes('rqlite does not answer')).length;
    await until('it asked more than once', () => {
      return b.log.filter((line) => line.includes('rqlite does not answer')).length > before + 1;
    });
    assert.equal(other.socket.readyState, other.socket.OPEN);
    // it is cut off in the middle of such a question
    const stopped = performance.now();
    await b.gateway.stop();
    assert.ok(performance.now() - stopped < 2_000, 'and it stops at once');
    assert.equal((await other.closed).code, 4009);
  });
});
