/** Data that a gateway under a false identity gets from the command line. */
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { enter } from '../../gateway/cli/sessions/remote.ts';
import { renewSession } from '../../gateway/cli/sessions/renew.ts';
import type { StoredSession } from '../../gateway/cli/sessions/session.ts';
import { signInWithKey } from '../../gateway/cli/sessions/sign-in.ts';
import { SessionStore } from '../../gateway/cli/sessions/store.ts';
import { Keyring } from '../../node/keys.ts';
import { systemClock } from '../../protocols/common/clock.ts';
import { delegationSigningBytes } from '../../protocols/identity/delegation.ts';
import { SWARM } from '../support/envelopes.ts';
import { scratch } from '../support/processes.ts';

interface Hostile {
  readonly port: number;
  readonly url: string;
  /** Requests it received. */
  readonly asked: readonly string[];
  readonly headers: readonly IncomingMessage['headers'][];
}

async function startHostile(
  t: TestContext,
  answer: (path: string, response: ServerResponse) => void,
): Promise<Hostile> {
  const asked: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const server = createServer((request, response) => {
    request.resume();
    asked.push(request.url ?? '');
    headers.push(request.headers);
    answer(request.url ?? '', response);
  }).listen(0);
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}`, asked, headers };
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const GOOD_NONCE = 'n'.repeat(43);

test('what is no nonce is not signed: the bytes of a delegation, a sign-in message, a nonce with more to it', async (t) => {
  const data = scratch(t);
  await new Keyring({ clock: systemClock }, { data }).create('alice');
  const delegation = delegationSigningBytes(SWARM, new Uint8Array(32).fill(7));
  const message = 'gateway.example wants you to sign in with your Solana account:\n1111';
  let nonce: unknown;
  const hostile = await startHostile(t, (path, response) => {
    if (path === '/v1/auth/challenge') json(response, 200, { nonce });
    else json(response, 401, { error: 'no', code: 'unauthenticated' });
  });
  const signIn = () =>
    signInWithKey({ gateway: hostile.url, namespace: 'default', key: { key: 'alice', data } });
  const bad = [
    [...delegation],
    Buffer.from(delegation).toString('latin1'),
    Buffer.from(delegation).toString('base64url'),
    message,
    `${GOOD_NONCE}\n`,
    [GOOD_NONCE],
    GOOD_NONCE.slice(1),
    '',
    null,
    undefined,
  ];
  for (nonce of bad) await assert.rejects(signIn(), { code: 'bad_challenge', message: /do not trust it/ });
  assert.deepEqual(new Set(hostile.asked), new Set(['/v1/auth/challenge']), 'no signature was sent');
  nonce = GOOD_NONCE;
  await assert.rejects(signIn(), { code: 'unauthenticated' });
  assert.equal(hostile.asked.at(-1), '/v1/auth/verify');
});

test("the development owner's key does not sign for a gateway elsewhere, nor goes on where it once did", async (t) => {
  const key = {};
  for (const gateway of ['https://gateway.example', 'http://127.0.0.1.gateway.example', 'http://192.0.2.1']) {
    await assert.rejects(signInWithKey({ gateway, namespace: 'default', key }), {
      code: 'key_not_named',
      message: /name a key with --key/,
    });
  }
  if (process.platform === 'win32') return;
  const hostile = await startHostile(t, (_path, response) =>
    json(response, 401, { error: 'no', code: 'unauthenticated' }),
  );
  // an address of this machine that is not one of its loopback interface
  const session: StoredSession = {
    gateway: `http://0.0.0.0:${hostile.port}`,
    wallet: '1'.repeat(32),
    namespace: 'default',
    custody: 'gateway',
    key: { name: 'development', data: null },
    accessToken: 'a.b.c',
    refreshToken: 'r'.repeat(43),
    expiresAt: 0,
    signedInAt: 0,
  };
  const store = new SessionStore({ directory: scratch(t) });
  await store.holding(session.gateway, ({ save }) => save(session));
  await assert.rejects(renewSession(store, session, null), /has ended .*--key/);
  assert.deepEqual(hostile.asked, ['/v1/auth/refresh'], 'no challenge was asked for');
});

test('an API key goes to the gateway that was named, and nowhere that it points to', async (t) => {
  const thief = await startHostile(t, (_path, response) => json(response, 200, {}));
  const named = await startHostile(t, (path, response) =>
    response.writeHead(307, { location: `${thief.url}${path}` }).end(),
  );
  const file = join(scratch(t), 'api-key');
  writeFileSync(file, 'ak_secret:team\n');
  chmodSync(file, 0o600);
  process.env['MAILLON_API_KEY_FILE'] = file;
  t.after(() => delete process.env['MAILLON_API_KEY_FILE']);
  const { client } = await enter({ url: named.url });
  await assert.rejects(client.kv().get('k'), { code: 'unreachable' });
  assert.equal(named.headers[0]?.authorization, 'ApiKey ak_secret:team');
  assert.equal(named.headers[0]?.['x-api-key'], undefined);
  assert.deepEqual(thief.asked, []);
});
