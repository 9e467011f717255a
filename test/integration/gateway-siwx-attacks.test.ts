/** Sign-in messages that are not what a wallet was asked to sign, against both kinds of state. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ClientKey } from '../support/client-author.ts';
import { GATEWAY_STATES } from '../support/gateway-states.ts';
import { type Cleanup, scratch } from '../support/processes.ts';
import {
  askSiwx,
  type ClientWallet,
  post,
  proofFor,
  type SiwxFields,
  signInSiwx,
  walletOf,
} from '../support/sign-in.ts';
import { type Site, startSite } from '../support/start-gateway.ts';
import { mirrored } from '../support/wallets.ts';

for (const [kind, settingsOf] of Object.entries(GATEWAY_STATES)) {
  describe(kind, () => {
    const ends: (() => void | Promise<void>)[] = [];
    let site: Site;
    /** Belongs to another operator and has separate state. */
    let foreign: Site;
    let wallet: ClientWallet;

    before(async () => {
      const t: Cleanup = { after: (end) => void ends.unshift(end) };
      site = await startSite({ settings: await settingsOf(t) });
      t.after(async () => site[Symbol.asyncDispose]());
      foreign = await startSite({ settings: { 'identity.ownerKey': join(scratch(t), 'owner.key') } });
      t.after(async () => foreign[Symbol.asyncDispose]());
      wallet = await walletOf(1);
    });
    after(async () => {
      for (const end of ends) await end();
    });

    const verify = async (body: object, url = site.url): Promise<readonly [number, string | undefined]> => {
      const answer = await post(url, '/v1/auth/verify', body);
      return [answer.status, ((await answer.json()) as { code?: string }).code];
    };
    const signed = async (message: string, by = wallet, url = site.url) =>
      verify({ message, signature: await by.sign(message) }, url);
    /** Outcome for a message changed before the wallet signed it. */
    const changed = async (change: (message: string) => string, fields: SiwxFields = {}) => {
      const { message } = await askSiwx(site.url, wallet, fields);
      const other = change(message);
      assert.notEqual(other, message);
      const outcome = await signed(other);
      assert.equal((await signed(message))[0], 200, 'what was asked for is good still');
      return outcome;
    };

    const MESSAGE = [400, 'bad_message'] as const;
    const NONCE = [400, 'bad_nonce'] as const;
    const stranger = `did:pkh:eip155:1:0x${'ab'.repeat(20)}`;
    const inAYear = new Date(Date.now() + 365 * 86_400_000).toISOString();
    const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
    const changes: readonly [what: string, expected: readonly unknown[], (message: string) => string][] = [
      ['another domain', MESSAGE, (text) => text.replace(/^\S+/, 'evil.example')],
      ['another port', MESSAGE, (text) => text.replace(/^(\S+):\d+/, '$1:1')],
      ['another chain id', MESSAGE, (text) => text.replace('Chain ID: 1', 'Chain ID: 137')],
      [
        'another chain id everywhere',
        NONCE,
        (text) => text.replace('Chain ID: 1', 'Chain ID: 137').replace('eip155:1:', 'eip155:137:'),
      ],
      [
        'one that has ended',
        MESSAGE,
        (text) => text.replace(/Expiration Time: .*/, 'Expiration Time: 2020-01-01T00:00:00.000Z'),
      ],
      ['one that never ends', MESSAGE, (text) => text.replace(/\nExpiration Time: .*/, '')],
      ['one that ends later', NONCE, (text) => text.replace(/(Expiration Time: ).*/, `$1${inAYear}`)],
      [
        'one for later',
        MESSAGE,
        (text) => text.replace('\nResources', `\nNot Before: ${inAnHour}\nResources`),
      ],
      ['another time of issue', NONCE, (text) => text.replace(/Issued At: \d{4}/, 'Issued At: 2020')],
      ['another namespace', NONCE, (text) => text.replace('/default/', '/other/')],
      ['all namespaces', NONCE, (text) => text.replace('/default/', '/*/')],
      ['more actions', NONCE, (text) => text.replace('/publish,', '/admin,publish,')],
      ['fewer actions', NONCE, (text) => text.replace('/publish,', '/')],
      ['a prefix', NONCE, (text) => `${text}a`],
      ['another swarm', NONCE, (text) => text.replace('maillon://maillon/', 'maillon://other/')],
      [
        'another owner',
        MESSAGE,
        (text) => text.replace(/(maillon:\/\/maillon\/)did:pkh:[^/]+/, `$1${stranger}`),
      ],
      [
        'another resource too',
        MESSAGE,
        (text) => `${text}\n- ${text.split('\n- ')[1]?.replace('default', 'b')}`,
      ],
      ['no resource', MESSAGE, (text) => text.replace(/\nResources:[^]*/, '')],
      ['a resource that is none', MESSAGE, (text) => text.replace('maillon://', 'https://')],
      ['another audience', NONCE, (text) => text.replace(/URI: .*/, `URI: ${new ClientKey().did}`)],
      ['an audience that is no key', MESSAGE, (text) => text.replace(/URI: .*/, 'URI: https://app.example')],
      ['another statement', NONCE, (text) => text.replace('Let the key', 'Let no key')],
      ['no statement', NONCE, (text) => text.replace(/\nLet the key.*\n/, '\n')],
      ['a request id', NONCE, (text) => text.replace('\nResources', '\nRequest ID: 1\nResources')],
      ['another version', MESSAGE, (text) => text.replace('Version: 1', 'Version: 2')],
      ['a line feed at the end', MESSAGE, (text) => `${text}\n`],
      ['another line feed', MESSAGE, (text) => text.replaceAll('\n', '\r\n')],
      ['a space at an end of a line', MESSAGE, (text) => text.replace('\nNonce', ' \nNonce')],
      [
        'an address without capitals',
        MESSAGE,
        (text) => text.replace(/0x\w+/, (address) => address.toLowerCase()),
      ],
      ['fields in another order', MESSAGE, (text) => text.replace(/(Version: 1)\n(Chain ID: 1)/, '$2\n$1')],
      [
        'another nonce',
        NONCE,
        (text) => text.replace(/Nonce: ./, (found) => (found.endsWith('0') ? 'Nonce: 1' : 'Nonce: 0')),
      ],
      [
        'a nonce in capitals',
        NONCE,
        (text) => text.replace(/Nonce: \w+/, (nonce) => `Nonce: ${nonce.slice(7).toUpperCase()}`),
      ],
      ['a nonce of nobody', NONCE, (text) => text.replace(/Nonce: \w+/, `Nonce: ${'0'.repeat(64)}`)],
      ['a short nonce', NONCE, (text) => text.replace(/Nonce: \w+/, 'Nonce: 12345678')],
      ['another text', MESSAGE, () => 'hello'],
    ];
    for (const [what, expected, change] of changes) {
      test(`${what} is refused`, async () => assert.deepEqual(await changed(change), expected));
    }

    test('a nonce is for its wallet, its namespace and its message', async () => {
      const other = await walletOf(2);
      const nonceOf = async (fields: SiwxFields, by = wallet) => (await askSiwx(site.url, by, fields)).nonce;
      const bare = await proofFor(site.url, wallet);
      const nonces: Record<string, string> = {
        'of another wallet': await nonceOf({}, other),
        'of another namespace': await nonceOf({ namespace: 'other' }),
        'of fewer actions': await nonceOf({ actions: ['read'] }),
        'of another audience': await nonceOf({ audience: new ClientKey().did }),
        'of another time': await nonceOf({ expires_in: 60 }),
        'of a bare one': Buffer.from(bare.nonce, 'base64url').toString('hex'),
        'of another operator': (await askSiwx(foreign.url, wallet)).nonce,
      };
      for (const [what, nonce] of Object.entries(nonces)) {
        assert.deepEqual(await changed((text) => text.replace(/Nonce: \w+/, `Nonce: ${nonce}`)), NONCE, what);
      }
      // nor is the nonce of a message good alone
      const { nonce } = await askSiwx(site.url, wallet);
      for (const spelled of [nonce, Buffer.from(nonce, 'hex').toString('base64url')]) {
        const proof = { wallet: wallet.address, nonce: spelled, signature: await wallet.sign(spelled) };
        assert.deepEqual(await verify(proof), NONCE);
        assert.equal((await post(site.url, '/v1/auth/api-key', proof)).status, 400);
      }
    });

    test('a message that another operator asked for is worth nothing here, nor under another host name', async () => {
      const { message } = await askSiwx(foreign.url, wallet);
      assert.deepEqual(await signed(message), MESSAGE);
      const here = message.replace(/^\S+/, new URL(site.url).host);
      assert.deepEqual(await signed(here), NONCE);
      assert.equal((await signed(message, wallet, foreign.url))[0], 200);
      const asked = await askSiwx(site.url, wallet);
      const alias = site.url.replace('127.0.0.1', 'localhost');
      assert.deepEqual(await signed(asked.message, wallet, alias), MESSAGE);
      // who names another operator gets nothing signed here
      const session = await signInSiwx(site.url, wallet, { audience: foreign.node.owner });
      const headers = { authorization: `Bearer ${session.access_token}` };
      const body = { topic: 'hello', data_base64: '' };
      assert.equal((await post(site.url, '/v1/pubsub/publish', body, headers)).status, 403);
      assert.equal((await post(foreign.url, '/v1/pubsub/publish', body, headers)).status, 401);
    });

    test('a signature of somebody else, of something else, or in another form', async () => {
      const { message } = await askSiwx(site.url, wallet);
      const good = await wallet.sign(message);
      const REFUSED = [401, 'unauthenticated'];
      assert.deepEqual(await signed(message, await walletOf(2)), REFUSED);
      assert.deepEqual(await verify({ message, signature: await wallet.sign(`${message} `) }), REFUSED);
      const high = Buffer.from(mirrored(Buffer.from(good.slice(2), 'hex'))).toString('hex');
      assert.deepEqual(await verify({ message, signature: `0x${high}` }), REFUSED);
      assert.deepEqual(await verify({ message, signature: `${good}00` }), [400, 'bad_signature']);
      assert.deepEqual(await verify({ message, signature: good, chain_type: 'SOL' }), [400, 'bad_wallet']);
      const elsewhere = { message, signature: good, namespace: 'other' };
      assert.deepEqual(await verify(elsewhere), [403, 'namespace_mismatch']);
      assert.equal((await verify({ message, signature: good, chain_type: 'EVM' }))[0], 200);
      assert.deepEqual(await verify({ message, signature: good }), NONCE, 'and once');
    });

    test('of a hundred that use one message at once one gets a session', async () => {
      const { message } = await askSiwx(site.url, wallet);
      const body = { message, signature: await wallet.sign(message) };
      const outcomes = await Promise.all(Array.from({ length: 100 }, () => verify(body)));
      const statuses = outcomes.map(([status]) => status).toSorted((x, y) => x - y);
      assert.deepEqual(statuses, [200, ...Array.from({ length: 99 }, () => 400)]);
    });

    test('what nobody can be asked to sign', async () => {
      const bad: readonly [SiwxFields | { type: string }, code: string][] = [
        [{ type: 'other' }, 'bad_request'],
        [{ chain_id: '01' }, 'bad_wallet'],
        [{ chain_id: '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp' }, 'bad_wallet'],
        [{ audience: 'did:web:app.example' }, 'bad_message'],
        [{ audience: stranger }, 'bad_message'],
        [{ actions: [] }, 'bad_request'],
        [{ actions: ['admin'] }, 'bad_request'],
        [{ statement: 'two\nlines' }, 'bad_message'],
        [{ expires_in: 0 }, 'bad_request'],
        [{ expires_in: 31 * 86_400 }, 'bad_request'],
        [{ namespace: 'x@y' }, 'bad_namespace'],
      ];
      for (const [fields, code] of bad) {
        const asked = { wallet: wallet.address, type: 'siwx', ...fields };
        const answer = await post(site.url, '/v1/auth/challenge', asked);
        const body = (await answer.json()) as { code: string };
        assert.deepEqual([answer.status, body.code], [400, code], JSON.stringify(fields));
      }
      // another chain of the same account is another identity
      const session = await signInSiwx(site.url, wallet, { chain_id: 137 });
      const link = Buffer.from(session.delegation, 'base64').toString('latin1');
      assert.match(link, /did:pkh:eip155:137:0x/);
    });
  });
}
