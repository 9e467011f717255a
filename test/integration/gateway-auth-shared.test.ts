/** Reach of a credential over streams and at another gateway of the same operator. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import type { Config } from '../../node/index.ts';
import { scratch, until } from '../support/processes.ts';
import { leaderOf, type RqliteNode, startRqlite, stateUrl } from '../support/rqlite.ts';
import { post, proofFor, type SignedIn, signIn, walletOf } from '../support/sign-in.ts';
import { startSite } from '../support/start-gateway.ts';
import { known } from '../support/storage.ts';
import { WsClient } from '../support/ws-client.ts';

test('two gateways on three rqlite nodes whose leader is killed during sign-ins', async (t) => {
  const nodes = await startRqlite(t, { nodes: 3 });
  const settings: Partial<Config> = {
    'gateway.state': stateUrl(nodes),
    'gateway.secretFile': join(scratch(t), 'secret'),
  };
  const a = await startSite({ settings });
  t.after(() => a[Symbol.asyncDispose]());
  const b = await startSite({ settings });
  t.after(() => b[Symbol.asyncDispose]());
  const leader = await leaderOf(nodes);
  const sessions: SignedIn[] = [];
  const attempt = async (number: number): Promise<void> => {
    const proof = await proofFor(a.url, await walletOf(number), `n${number}`);
    // the same nonce at both, at once
    const answers = await Promise.all([a, b].map(({ url }) => post(url, '/v1/auth/verify', proof)));
    const good = answers.filter(({ ok }) => ok);
    assert.ok(good.length <= 1, `nonce ${number} was used twice`);
    for (const answer of good) sessions.push((await answer.json()) as SignedIn);
    // nor later, whatever became of it
    if (good.length === 1) assert.equal((await post(b.url, '/v1/auth/verify', proof)).status, 400);
  };
  for (let wave = 0; wave < 20; wave += 4) {
    const underWay = [0, 1, 2, 3].map((index) => attempt(wave + index));
    if (wave === 8) leader.process.kill('SIGKILL');
    await Promise.all(underWay);
  }
  await until('the leader is gone', () => leader.process.signalCode === 'SIGKILL');
  assert.ok(sessions.length >= 12, `${sessions.length} of 20 signed in`);
  for (const [index, session] of sessions.entries()) {
    const { url } = index % 2 === 0 ? a : b;
    const who = await fetch(`${url}/v1/auth/whoami`, {
      headers: { authorization: `Bearer ${session.access_token}` },
    });
    assert.equal(who.status, 200);
    const refreshed = await post(url, '/v1/auth/refresh', { refresh_token: session.refresh_token });
    assert.equal(refreshed.status, 200, 'an acknowledged session was lost');
  }
});

test('a wallet of each chain signs in at one gateway and uses the other', async (t) => {
  const settings: Partial<Config> = {
    'gateway.state': stateUrl(await startRqlite(t)),
    'gateway.secretFile': join(scratch(t), 'secret'),
  };
  const a = await startSite({ settings });
  t.after(() => a[Symbol.asyncDispose]());
  const through = a.node.status().addresses.find((address) => !address.includes('/ws')) ?? '';
  const b = await startSite({ settings: { ...settings, bootstrap: [through] }, role: 'light' });
  t.after(() => b[Symbol.asyncDispose]());
  // who has just joined knows nobody to read from
  await known([a.node, b.node], 1);
  for (const chain of ['EVM', 'SOL', 'BTC'] as const) {
    const { access_token: token, api_key: key } = await signIn(a.url, await walletOf(1, chain));
    const put = await fetch(`${a.url}/v1/kv/default/at-a`, {
      method: 'PUT',
      body: chain,
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(put.status, 200, chain);
    const got = await fetch(`${b.url}/v1/kv/default/at-a`, { headers: { 'x-api-key': key } });
    assert.deepEqual([got.status, await got.text()], [200, chain]);
    const published = await post(
      b.url,
      '/v1/pubsub/publish',
      { topic: 't', data_base64: 'aGk=' },
      { authorization: `Bearer ${token}` },
    );
    assert.equal(published.status, 200, chain);
  }
});

test('a stream is held to the namespace of its credential, by the name that its client uses', async (t) => {
  const site = await startSite();
  t.after(() => site[Symbol.asyncDispose]());
  const { api_key: key, access_token: token } = await signIn(site.url, await walletOf(1), 'myapp');
  const socket = new WebSocket(`${site.wsUrl}/v1/pubsub/ws?topic=news`, 'maillon.json.1', {
    headers: { authorization: `Bearer ${token}` },
  });
  t.after(() => socket.terminate());
  const frames: Record<string, unknown>[] = [];
  socket.on('message', (data: Buffer) => frames.push(JSON.parse(data.toString()) as Record<string, unknown>));
  const frame = (type: string) => until(type, () => frames.find((one) => one['type'] === type));
  assert.equal((await frame('subscribed'))['namespace'], 'myapp');

  // the operator's own topic of that name is another one
  await post(site.url, '/v1/pubsub/publish', { topic: 'news', data_base64: 'bm8=', namespace: 'myapp' });
  const body = { topic: 'news', data_base64: 'aGk=' };
  assert.equal((await post(site.url, '/v1/pubsub/publish', body, { 'x-api-key': key })).status, 200);
  const message = await frame('message');
  assert.deepEqual([message['namespace'], message['data_base64']], ['myapp', 'aGk=']);

  socket.send(JSON.stringify({ type: 'subscribe', topic: 'news', namespace: 'other' }));
  assert.equal((await frame('error'))['code'], 'namespace_mismatch');
  socket.send(JSON.stringify({ type: 'publish', topic: 'news', namespace: 'myapp', data_base64: 'b2s=' }));
  assert.equal((await frame('published'))['namespace'], 'myapp');

  const headers = { 'x-api-key': key };
  const mismatch = await fetch(`${site.url}/v1/pubsub/sse?topic=news&namespace=other`, { headers });
  assert.equal(mismatch.status, 403);
  const made = await post(
    site.url,
    '/v1/auth/api-keys',
    { name: 'viewer', scopes: ['read'] },
    { authorization: `Bearer ${token}` },
  );
  const { api_key: viewer } = (await made.json()) as SignedIn;
  const reader = new WebSocket(`${site.wsUrl}/v1/pubsub/ws?topic=news`, { headers: { 'x-api-key': viewer } });
  t.after(() => reader.terminate());
  const texts: string[] = [];
  reader.on('message', (data: Buffer, isBinary) => {
    if (!isBinary) texts.push(data.toString());
  });
  await until('open', () => reader.readyState === WebSocket.OPEN);
  reader.send('not allowed');
  await until('its publish is refused', () => texts.includes('publish_error'));
  const refused = await WsClient.refused(
    `${site.wsUrl}/v1/pubsub/ws?topic=news&presence=true&member_id=viewer`,
    { 'x-api-key': viewer },
  );
  const { code } = refused.body as { code: string };
  assert.deepEqual([refused.status, code], [403, 'forbidden'], 'nor does it tell all of itself');
});

test('4NK routes keep what comes with a credential apart', async (t) => {
  const site = await startSite();
  t.after(() => site[Symbol.asyncDispose]());
  const { api_key: key } = await signIn(site.url, await walletOf(1));
  const headers = { 'x-api-key': key };
  const name = 'ab'.repeat(32);
  assert.equal((await post(site.url, '/store', { key: name, value: '00ff' }, headers)).status, 200);
  assert.equal((await fetch(`${site.url}/retrieve/${name}`, { headers })).status, 200);
  assert.equal((await fetch(`${site.url}/retrieve/${name}`)).status, 404);
});

test('a cluster that is away keeps nobody from what needs no sign-in, and is told of', async (t) => {
  const [node] = await startRqlite(t);
  node?.process.kill('SIGKILL');
  await until('it is gone', () => node?.process.signalCode === 'SIGKILL');
  const settings = {
    'gateway.state': stateUrl([node as RqliteNode]),
    'gateway.secretFile': join(scratch(t), 'secret'),
  };
  const site = await startSite({ settings });
  t.after(() => site[Symbol.asyncDispose]());
  const published = await post(site.url, '/v1/pubsub/publish', { topic: 't', data_base64: 'aGk=' });
  assert.equal(published.status, 200);
  await until('a probe says so', () =>
    site.gateway
      .probe()
      .some(({ name, ok, detail }) => name === 'gateway.state' && !ok && /sign in/.test(detail)),
  );
});

test('the login page runs only its own script, and names where the session goes', async (t) => {
  const callback = 'https://app.example/in?a=%3Cb%3E';
  const site = await startSite({ settings: { 'gateway.loginCallbacks': [callback] } });
  t.after(() => site[Symbol.asyncDispose]());
  const page = await fetch(`${site.url}/v1/auth/login?callback=${encodeURIComponent(callback)}`);
  const text = await page.text();
  assert.equal(page.status, 200);
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/);
  const policy = page.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'; script-src 'sha256-[\w+/]{43}='/);
  const script = /<script>([^]*)<\/script>/.exec(text)?.[1] ?? '';
  assert.ok(
    policy.includes(createHash('sha256').update(script).digest('base64')),
    'the policy is for this script',
  );
  assert.ok(text.includes('https://app.example</code>'));
  for (const bad of ['https://evil.example/', 'javascript:alert(1)', `${callback}"><script>`]) {
    const refused = await fetch(`${site.url}/v1/auth/login?callback=${encodeURIComponent(bad)}`);
    assert.deepEqual(
      [refused.status, ((await refused.json()) as { code: string }).code],
      [400, 'bad_callback'],
    );
  }
});
