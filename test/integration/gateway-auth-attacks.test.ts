/** Attempts without a right to a session, against both kinds of state. */
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Config } from '../../node/index.ts';
import { GATEWAY_STATES } from '../support/gateway-states.ts';
import { until } from '../support/processes.ts';
import { post, proofFor, type SignedIn, signIn, walletOf } from '../support/sign-in.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

interface Jwk {
  readonly x: string;
  readonly kid: string;
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

const as = ({ api_key: text }: SignedIn) => ({ 'x-api-key': text });

function decode(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
}

function partsOf(
  token: string,
): [header: Record<string, unknown>, claims: Record<string, unknown>, signature: string] {
  const [header = '', claims = '', signature = ''] = token.split('.');
  return [decode(header), decode(claims), signature];
}

for (const [kind, settingsOf] of Object.entries(GATEWAY_STATES)) {
  describe(kind, () => {
    const ends: (() => void | Promise<void>)[] = [];
    let settings: Partial<Config>;
    let site: Site;
    let session: SignedIn;
    let key: Jwk;

    before(async () => {
      settings = await settingsOf({ after: (end) => void ends.push(end) });
      site = await startSite({ settings });
      session = await signIn(site.url, await walletOf(1));
      const set = (await (await fetch(`${site.url}/v1/auth/jwks`)).json()) as { keys: [Jwk] };
      [key] = set.keys;
    });
    after(async () => {
      await site[Symbol.asyncDispose]();
      for (const end of ends) await end();
    });

    const whoami = async (token: string): Promise<number> => {
      const answer = await fetch(`${site.url}/v1/auth/whoami`, {
        headers: { authorization: `Bearer ${token}` },
      });
      await answer.text();
      return answer.status;
    };

    test('tokens that this gateway did not sign are not taken', async () => {
      const [header, claims, signature] = partsOf(session.access_token);
      assert.equal(await whoami(session.access_token), 200);
      const stranger = generateKeyPairSync('ed25519').privateKey;
      const hmac = (head: string, secret: string | Buffer): string => {
        const text = `${head}.${encode(claims)}`;
        return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
      };
      const signed = (head: object, body: object): string => {
        const text = `${encode(head)}.${encode(body)}`;
        return `${text}.${sign(null, Buffer.from(text), stranger).toString('base64url')}`;
      };
      const attempts: Readonly<Record<string, string>> = {
        'alg none': `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`,
        'alg None, with a signature': `${encode({ ...header, alg: 'None' })}.${encode(claims)}.${signature}`,
        'no alg': `${encode({ typ: 'JWT', kid: key.kid })}.${encode(claims)}.${signature}`,
        'HS256 with the public key': hmac(
          encode({ ...header, alg: 'HS256' }),
          Buffer.from(key.x, 'base64url'),
        ),
        'HS256 with the public key as text': hmac(encode({ ...header, alg: 'HS256' }), key.x),
        'HS256 with the key set': hmac(encode({ ...header, alg: 'HS256' }), JSON.stringify(key)),
        'kid of a file': signed({ ...header, kid: '../../../../dev/null' }, claims),
        'kid of SQL': signed({ ...header, kid: "x' UNION SELECT 1 --" }, claims),
        'kid of a prototype': signed({ ...header, kid: '__proto__' }, claims),
        'kid of none': signed({ ...header, kid: 'AAAAAAAAAAAAAAAA' }, claims),
        'no kid': signed({ alg: 'EdDSA', typ: 'JWT' }, claims),
        'a stranger’s key': signed(header, claims),
        'a key in the header': signed(
          { ...header, jwk: generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }) },
          claims,
        ),
        'a key set elsewhere': signed({ ...header, jku: 'http://127.0.0.1:1/jwks.json' }, claims),
        'an unknown critical header': signed({ ...header, crit: ['x'], x: 1 }, claims),
        'other claims': `${encode(header)}.${encode({ ...claims, namespace: 'other' })}.${signature}`,
        'a later end': `${encode(header)}.${encode({ ...claims, exp: 9_999_999_999 })}.${signature}`,
        'no signature': `${encode(header)}.${encode(claims)}.`,
        'nothing but dots': '..',
        'something long': `${'A'.repeat(8000)}.e30.AA`,
      };
      for (const [what, token] of Object.entries(attempts)) assert.equal(await whoami(token), 401, what);
      assert.equal(await whoami(session.access_token), 200);
    });

    test('of a hundred that use one nonce at once one gets a session', async () => {
      const proof = await proofFor(site.url, await walletOf(2));
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => post(site.url, '/v1/auth/verify', proof)),
      );
      const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
      assert.deepEqual(statuses, [200, ...Array.from({ length: 99 }, () => 400)]);
      // nor for another purpose
      assert.equal((await post(site.url, '/v1/auth/api-key', proof)).status, 400);
      assert.equal((await post(site.url, '/v1/auth/register', { ...proof, name: 'app' })).status, 400);
    });

    test('a nonce is for its wallet and namespace, and cannot be made', async () => {
      const [mine, other] = await Promise.all([walletOf(3), walletOf(4)]);
      const proof = await proofFor(site.url, mine);
      const swapped = { ...proof, wallet: other.address, signature: await other.sign(proof.nonce) };
      assert.equal((await post(site.url, '/v1/auth/verify', swapped)).status, 400);
      assert.equal((await post(site.url, '/v1/auth/verify', { ...proof, namespace: 'admin' })).status, 400);
      const bytes = Buffer.from(proof.nonce, 'base64url');
      for (let at = 0; at < bytes.byteLength; at += 1) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ 1;
        const nonce = changed.toString('base64url');
        const answer = await post(site.url, '/v1/auth/verify', {
          ...proof,
          nonce,
          signature: await mine.sign(nonce),
        });
        assert.equal(answer.status, 400, `byte ${at}`);
      }
      const spelled = `${proof.nonce}=`;
      const signed = { ...proof, nonce: spelled, signature: await mine.sign(spelled) };
      assert.equal((await post(site.url, '/v1/auth/verify', signed)).status, 400);
      assert.equal((await post(site.url, '/v1/auth/verify', proof)).status, 200);
    });

    test('a refresh token that was used ends the session for thief and victim', async () => {
      const wallet = await walletOf(5);
      const first = await signIn(site.url, wallet);
      const refresh = (token: string) => post(site.url, '/v1/auth/refresh', { refresh_token: token });
      const second = (await (await refresh(first.refresh_token)).json()) as SignedIn;
      assert.notEqual(second.refresh_token, first.refresh_token);
      assert.equal((await refresh(first.refresh_token)).status, 401);
      assert.equal(
        (await refresh(second.refresh_token)).status,
        401,
        'its successor is worth nothing either',
      );
      await until(
        'its access token is not taken any more',
        async () => (await whoami(second.access_token)) === 401,
      );
      const again = await signIn(site.url, wallet);
      assert.equal(await whoami(again.access_token), 200, 'another sign-in is another session');
    });

    test('of a hundred that use one refresh token at once at most one gets another', async () => {
      const { refresh_token: token } = await signIn(site.url, await walletOf(6));
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => post(site.url, '/v1/auth/refresh', { refresh_token: token })),
      );
      assert.equal(answers.filter(({ ok }) => ok).length, 1);
    });

    test('a refresh token of one namespace continues no session of another', async () => {
      const { refresh_token: token } = await signIn(site.url, await walletOf(7), 'one');
      const body = { refresh_token: token, namespace: 'two' };
      assert.equal((await post(site.url, '/v1/auth/refresh', body)).status, 401);
      assert.equal((await post(site.url, '/v1/auth/refresh', { refresh_token: token })).status, 200);
    });

    test('two wallets do not see each other, whatever they call their namespaces', async () => {
      const [mine, theirs] = await Promise.all([
        signIn(site.url, await walletOf(8)),
        signIn(site.url, await walletOf(9)),
      ]);
      const put = await fetch(`${site.url}/v1/kv/default/secret`, {
        method: 'PUT',
        body: 'mine',
        headers: as(mine),
      });
      const written = (await put.json()) as { namespace: string };
      assert.deepEqual([put.status, written.namespace], [200, 'default']);
      const read = async (path: string, headers: Record<string, string>) => {
        const answer = await fetch(site.url + path, { headers });
        return [answer.status, await answer.text()] as const;
      };
      assert.deepEqual(await read('/v1/kv/default/secret', as(mine)), [200, 'mine']);
      assert.equal((await read('/v1/kv/default/secret', as(theirs)))[0], 404);
      assert.equal(
        (await read('/v1/kv/default/secret', {}))[0],
        404,
        'nor is it the operator’s default namespace',
      );
      const { owner } = site.node;
      for (const name of ['other', `default@${owner}`, 'w-00', '']) {
        const [status] = await read(
          `/v1/storage/get?key=secret&namespace=${encodeURIComponent(name)}`,
          as(theirs),
        );
        assert.ok([400, 403].includes(status), `${name}: ${status}`);
      }
      const list = await read('/v1/storage/list', as(theirs));
      assert.deepEqual(list, [200, '{"keys":[]}']);
    });

    test('no secret is in the log or, as it is, on disk', async () => {
      const wallet = await walletOf(10);
      const { access_token: access, refresh_token: refresh, api_key: text } = await signIn(site.url, wallet);
      await post(site.url, '/v1/auth/refresh', { refresh_token: `${refresh}x` });
      await fetch(`${site.url}/v1/auth/whoami?api_key=${encodeURIComponent(text)}&token=${access}`, {
        headers: { 'x-api-key': `${text}x` },
      });
      const secrets = [access, refresh, text, text.slice(3, 27)];
      const directory = join(site.config.data, 'gateway');
      const files =
        kind === 'SQLite' ? readdirSync(directory).filter((name) => name.startsWith('state')) : [];
      const places = [
        site.log.join(''),
        ...files.map((name) => readFileSync(join(directory, name), 'latin1')),
      ];
      assert.ok(places.every((place) => place.length > 0));
      for (const secret of secrets) {
        assert.ok(!places.some((place) => place.includes(secret)), `found ${secret.slice(0, 8)}…`);
      }
    });

    test('a restart keeps sessions, API keys and signing keys', async () => {
      const wallet = await walletOf(11);
      const before = await signIn(site.url, wallet);
      await site.gateway.stop();
      await site.gateway.start();
      const { url } = site.gateway;
      const who = await fetch(`${url}/v1/auth/whoami`, {
        headers: { authorization: `Bearer ${before.access_token}` },
      });
      assert.equal(who.status, 200);
      const byKey = await fetch(`${url}/v1/auth/whoami`, { headers: { 'x-api-key': before.api_key } });
      assert.equal(byKey.status, 200);
      assert.equal(
        (await post(url, '/v1/auth/refresh', { refresh_token: before.refresh_token })).status,
        200,
      );
      assert.equal((await signIn(url, wallet)).api_key, before.api_key, 'its key is still the same');
    });
  });
}
