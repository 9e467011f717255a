import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ApiKey, ApiKeys } from '../../../../gateway/auth/api-keys.ts';
import { isAllowedCallback } from '../../../../gateway/auth/callbacks.ts';
import { custodyNamespace } from '../../../../gateway/auth/custody.ts';
import {
  Authenticator,
  type AuthenticatorComponents,
  credentialsOf,
} from '../../../../gateway/auth/identity.ts';
import {
  ACCESS_TOKEN_TTL_MS,
  CLOCK_SKEW_MS,
  NONCE_TTL_MS,
  SIGNING_KEY_OVERLAP_MS,
  SIGNING_KEY_ROTATION_MS,
} from '../../../../gateway/auth/limits.ts';
import { Nonces } from '../../../../gateway/auth/nonces.ts';
import { loadSecrets, Secrets } from '../../../../gateway/auth/secrets.ts';
import { SigningKeys } from '../../../../gateway/auth/signing-keys.ts';
import { Tokens } from '../../../../gateway/auth/tokens.ts';
import { parseWallet } from '../../../../gateway/auth/wallets.ts';
import { openState } from '../../../../gateway/state/index.ts';
import { custodyGroup } from '../../../../protocols/common/custody.ts';
import { checkNamespace } from '../../../../protocols/common/names.ts';
import { testConfig } from '../../../support/config.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { scratch } from '../../../support/processes.ts';
import { silentLogger } from '../../../support/silent-logger.ts';

const logger = silentLogger();
const SECRET = 'x'.repeat(43);
const subject = { sub: 'w', did: 'd', namespace: 'n', origin: 'o', scope: 'read' };

function keysOf(
  t: TestContext,
  { clock, data, secret = SECRET }: { clock: ManualClock; data: string; secret?: string },
) {
  const state = openState({ logger }, testConfig(data));
  t.after(() => state.close());
  const keys = new SigningKeys({ state, secrets: new Secrets(secret), clock });
  return { keys, tokens: new Tokens({ keys, clock, issuer: () => 'did:key:z1' }) };
}

test('a token ends, and is good at no other operator’s gateway', async (t) => {
  const clock = new ManualClock(1_800_000_000_000);
  const { keys, tokens } = keysOf(t, { clock, data: scratch(t) });
  const { token } = await tokens.issue(subject);
  assert.equal((await tokens.verify(token))?.sub, 'w');
  assert.equal(await new Tokens({ keys, clock, issuer: () => 'did:key:z2' }).verify(token), null);
  clock.advance(ACCESS_TOKEN_TTL_MS + CLOCK_SKEW_MS - 2_000);
  assert.notEqual(await tokens.verify(token), null, 'a clock may be that late');
  clock.advance(3_000);
  assert.equal(await tokens.verify(token), null);
});

test('keys rotate: the old one is published until what it signed has ended', async (t) => {
  const clock = new ManualClock(1_800_000_000_000);
  const data = scratch(t);
  const { keys, tokens } = keysOf(t, { clock, data });
  const first = await keys.current();
  clock.advance(SIGNING_KEY_ROTATION_MS - 1);
  assert.equal((await keys.current()).kid, first.kid);
  const { token } = await tokens.issue(subject);
  clock.advance(2);
  const second = await keys.current();
  assert.notEqual(second.kid, first.kid);
  assert.deepEqual(
    (await keys.published()).map(({ kid }) => kid),
    [second.kid, first.kid],
  );
  assert.notEqual(await tokens.verify(token), null);
  // another gateway of the operator has the same
  assert.notEqual(await keysOf(t, { clock, data }).tokens.verify(token), null);
  clock.advance(SIGNING_KEY_OVERLAP_MS);
  assert.deepEqual(
    (await keys.published()).map(({ kid }) => kid),
    [second.kid],
  );
});

test('gateways that begin together sign with one key, and know each other’s at once', async (t) => {
  const clock = new ManualClock(1_800_000_000_000);
  const data = scratch(t);
  const both = [keysOf(t, { clock, data }), keysOf(t, { clock, data })] as const;
  const [a, b] = await Promise.all(both.map(({ keys }) => keys.current()));
  assert.equal(a?.kid, b?.kid);
  clock.advance(SIGNING_KEY_ROTATION_MS + 1);
  await both[1].keys.find('unknown-for-now!');
  const { token } = await both[0].tokens.issue(subject);
  assert.notEqual(await both[1].tokens.verify(token), null);
});

test('keys that another secret sealed are refused by name', async (t) => {
  const clock = new ManualClock(1_800_000_000_000);
  const data = scratch(t);
  await keysOf(t, { clock, data }).keys.current();
  const other = keysOf(t, { clock, data, secret: 'y'.repeat(43) });
  await assert.rejects(other.keys.current(), { code: 'bad_secret_file', message: /another secret/ });
});

test('a shared state needs a secret file that was said', (t) => {
  const config = testConfig(scratch(t));
  assert.throws(() => loadSecrets({ ...config, 'gateway.state': 'rqlite://127.0.0.1:1' }), {
    code: 'bad_secret_file',
    message: /set gateway\.secretFile/,
  });
  loadSecrets({
    ...config,
    'gateway.state': 'rqlite://127.0.0.1:1',
    'gateway.secretFile': join(config.data, 's'),
  });
  loadSecrets(config);
});

test('a nonce has 32 bytes and ends', () => {
  const clock = new ManualClock(1_800_000_000_000);
  const nonces = new Nonces({ clock, secrets: new Secrets(SECRET) });
  const whom = { did: 'd', namespace: 'n' };
  const { nonce } = nonces.issue(whom);
  assert.equal(Buffer.from(nonce, 'base64url').byteLength, 32);
  nonces.check(nonce, whom);
  assert.throws(() => new Nonces({ clock, secrets: new Secrets('other') }).check(nonce, whom), {
    code: 'bad_nonce',
  });
  clock.advance(NONCE_TTL_MS);
  assert.throws(() => nonces.check(nonce, whom), { code: 'bad_nonce' });
});

test('each wallet and name has its own namespace, which stays the same', () => {
  const did = 'did:pkh:eip155:1:0x0000000000000000000000000000000000000001';
  const name = custodyNamespace(did, 'default');
  checkNamespace(name);
  assert.equal(name, 'w-0bd962304c9260c6298fc121605fa91a5f6de95d459c77f63cedae5a7ebe4e');
  const others = [custodyNamespace(did, 'other'), custodyNamespace(`${did}0`, 'default')];
  const groups = [name, ...others].map((one) => custodyGroup(one));
  assert.equal(groups[0], groups[1], 'those of one wallet begin alike');
  assert.notEqual(groups[0], groups[2]);
  assert.equal(custodyGroup('w-default'), null);
  assert.equal(new Set([name, ...others]).size, 3);
});

function read(headers: Record<string, string>): string[] {
  return credentialsOf(headers).map(({ kind, text }) => `${kind} ${text}`);
}

test('credentials are found in their order', () => {
  assert.deepEqual(read({}), []);
  assert.deepEqual(read({ authorization: 'Bearer a.b.c', 'x-api-key': 'k' }), ['jwt a.b.c', 'api_key k']);
  assert.deepEqual(read({ authorization: 'bearer  ak_x:n' }), ['api_key ak_x:n']);
  assert.deepEqual(read({ authorization: 'ApiKey ak_x:n' }), ['api_key ak_x:n']);
  assert.deepEqual(read({ authorization: 'ak_x:n' }), ['api_key ak_x:n']);
  assert.deepEqual(read({ authorization: 'Basic dTpw' }), ['api_key Basic dTpw']);
});

test('a wallet is what its address says', () => {
  assert.equal(parseWallet('AB'.repeat(20)).did, `did:pkh:eip155:1:0x${'ab'.repeat(20)}`);
  for (const bad of [
    '',
    '0x',
    `0x${'a'.repeat(39)}`,
    'bc1qqqq',
    'did:key:z6',
    '1BoatSLRHtKNngkdXEeobR76b53LETtpyT',
    '0'.repeat(44),
  ]) {
    assert.throws(() => parseWallet(bad), { code: 'bad_wallet' }, bad);
  }
  assert.throws(() => parseWallet('ab'.repeat(20), 'SOL'), { code: 'bad_wallet' });
});

test('the login page goes where it is allowed to, to the letter', () => {
  const allowed = ['https://app.example/in', 'http://127.0.0.1/callback'];
  for (const good of [
    'https://app.example/in',
    'http://127.0.0.1:5000/callback',
    'http://127.0.0.1/callback',
    // the command line's
    'http://127.0.0.1:5000/maillon/callback',
  ]) {
    assert.ok(isAllowedCallback(allowed, good), good);
  }
  for (const bad of [
    'https://app.example/in/',
    'https://app.example/in?x=1',
    'https://app.example/in#x',
    'https://app.example:444/in',
    'http://app.example/in',
    'https://app.example.evil/in',
    'https://app.example@evil/in',
    'https://evil/../app.example/in',
    'http://localhost:5000/callback',
    'http://127.0.0.1:5000/other',
    'http://127.0.0.1:5000/maillon/callback?x=1',
    'http://127.0.0.1.evil/maillon/callback',
    'https://evil/maillon/callback',
    'javascript:alert(1)',
    '//app.example/in',
    '',
  ]) {
    assert.ok(!isAllowedCallback(allowed, bad), bad);
  }
});

test('a key that is revoked while it is looked up is looked up again the next time', async () => {
  const answers = [Promise.withResolvers<ApiKey | null>(), Promise.withResolvers<ApiKey | null>()];
  let asked = 0;
  const apiKeys = {
    find: () => {
      asked += 1;
      return answers[asked - 1]?.promise;
    },
  };
  const authenticator = new Authenticator({
    apiKeys: apiKeys as unknown as ApiKeys,
    clock: new ManualClock(0),
    tenants: { format: () => 'w-1' },
    node: { owner: 'did:key:z1' },
  } as unknown as AuthenticatorComponents);
  const credential = [{ kind: 'api_key', text: 'ak_x:n' }] as const;
  const key = { id: 'k', did: 'd', subject: 's', namespace: 'n', scopes: ['read'] } as unknown as ApiKey;
  const first = authenticator.identify(credential);
  authenticator.forget('d');
  answers[0]?.resolve(key);
  assert.equal((await first)?.kind, 'api_key');
  const second = authenticator.identify(credential);
  answers[1]?.resolve(null);
  await assert.rejects(second, { code: 'unauthenticated' });
});
