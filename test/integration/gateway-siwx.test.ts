/** Sign-ins by which a wallet delegates, through two gateways of one operator; a third node, of somebody else, judges for itself. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Config, MaillonNode } from '../../node/index.ts';
import { createSignIn, makeCacao, parseResource, signInMessage } from '../../protocols/identity/index.ts';
import { ClientKey } from '../support/client-author.ts';
import { SWARM, sha256 } from '../support/envelopes.ts';
import { startNode, tcpAddress } from '../support/node.ts';
import { type Cleanup, scratch, until } from '../support/processes.ts';
import { startRqlite, stateUrl } from '../support/rqlite.ts';
import {
  type ClientWallet,
  type DelegatedSession,
  post,
  type SignedIn,
  signIn,
  signInSiwx,
  walletOf,
} from '../support/sign-in.ts';
import { type Site, startSite } from '../support/start-gateway.ts';
import { readOf, TenantInbox } from '../support/tenants.ts';
import { WsClient } from '../support/ws-client.ts';

const bearer = ({ access_token: token }: Pick<SignedIn, 'access_token'>) => ({
  authorization: `Bearer ${token}`,
});
const base64 = (text: string): string => Buffer.from(text).toString('base64');

let a: Site;
let b: Site;
/** Knows nothing of the gateways' operator. */
let judge: MaillonNode;
const ends: (() => void | Promise<void>)[] = [];

before(async () => {
  const t: Cleanup = { after: (end) => void ends.unshift(end) };
  const settings: Partial<Config> = {
    'gateway.state': stateUrl(await startRqlite(t)),
    'gateway.secretFile': join(scratch(t), 'secret'),
  };
  a = await startSite({ settings });
  t.after(async () => a[Symbol.asyncDispose]());
  judge = await startNode(t, {
    settings: { 'identity.ownerKey': join(scratch(t), 'owner.key') },
    through: [a.node],
  });
  b = await startSite({ settings: { ...settings, bootstrap: [tcpAddress(a.node)] }, role: 'light' });
  t.after(async () => b[Symbol.asyncDispose]());
  assert.notEqual(judge.owner, a.node.owner);
  assert.equal(b.node.owner, a.node.owner);
  await until('all see one another', () => {
    const full = [a.node, judge];
    return full.every((node) => node.storage.status().members === 2) && b.node.nodes().length === 3;
  });
});
after(async () => {
  for (const end of ends) await end();
});

interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- every route has another shape; the test looks at it
  readonly body: any;
}

async function answerOf(asked: Promise<Response>): Promise<Answer> {
  const response = await asked;
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, body: isJson ? JSON.parse(text) : text };
}

function publish({ url }: Site, session: Pick<SignedIn, 'access_token'>, text: string): Promise<Answer> {
  const body = { topic: 'hello', data_base64: base64(text) };
  return answerOf(post(url, '/v1/pubsub/publish', body, bearer(session)));
}

function put(
  { url }: Site,
  session: Pick<SignedIn, 'access_token'>,
  key: string,
  body: string,
): Promise<Answer> {
  return answerOf(fetch(`${url}/v1/kv/default/${key}`, { method: 'PUT', body, headers: bearer(session) }));
}

function get({ url }: Site, session: Pick<SignedIn, 'access_token'>, key: string): Promise<Answer> {
  return answerOf(fetch(`${url}/v1/kv/default/${key}`, { headers: bearer(session) }));
}

function whoami({ url }: Site, session: Pick<SignedIn, 'access_token'>): Promise<Answer> {
  return answerOf(fetch(`${url}/v1/auth/whoami`, { headers: bearer(session) }));
}

function handIn(
  { url }: Site,
  path: string,
  bytes: Uint8Array,
  session: Pick<SignedIn, 'access_token'>,
): Promise<Answer> {
  const headers = { 'content-type': 'application/cbor', ...bearer(session) };
  return answerOf(fetch(url + path, { method: 'POST', body: Uint8Array.from(bytes), headers }));
}

/** Owner of the delegation's namespace, as the wallet signed it. */
async function ownerOf(site: Site, session: DelegatedSession): Promise<string> {
  const { body } = await whoami(site, session);
  return parseResource(body.delegation.resources[0]).owner;
}

/** Publishes, stores, reads and deletes at both gateways. */
async function useBoth(session: Pick<SignedIn, 'access_token'>): Promise<void> {
  for (const [here, there] of [
    [a, b],
    [b, a],
  ] as const) {
    const key = here === a ? 'at-a' : 'at-b';
    const stored = await put(here, session, key, key);
    assert.equal(stored.status, 200, JSON.stringify(stored.body));
    assert.deepEqual([stored.body.namespace, stored.body.key], ['default', key]);
    assert.deepEqual(await get(there, session, key), { status: 200, body: key });
    const published = await publish(here, session, key);
    assert.equal(published.status, 200, JSON.stringify(published.body));
  }
  const headers = bearer(session);
  assert.equal((await put(a, session, 'gone', 'x')).status, 200);
  assert.equal((await fetch(`${b.url}/v1/kv/default/gone`, { method: 'DELETE', headers })).status, 200);
  assert.equal((await get(a, session, 'gone')).status, 404);
}

const WALLETS: Readonly<Record<string, () => Promise<ClientWallet>>> = {
  EVM: () => walletOf(1),
  'Bitcoin P2WPKH': () => walletOf(1, 'BTC'),
  'Bitcoin P2TR': () => walletOf(1, 'BTC', 'p2tr'),
  Solana: () => walletOf(1, 'SOL'),
};

for (const [name, make] of Object.entries(WALLETS)) {
  describe(`a wallet of ${name} signs in at one gateway and uses both`, () => {
    test('with a bare nonce: the operator holds the namespace', async () => {
      const session = await signIn(a.url, await make());
      await useBoth(session);
      const { body } = await whoami(b, session);
      assert.deepEqual([body.custody, body.delegation], ['gateway', undefined]);
    });

    test('with a message: in its own namespace, and every node sees that it may', async () => {
      const session = await signInSiwx(a.url, await make());
      assert.deepEqual([session.custody, 'api_key' in session], ['delegated', false]);
      const owner = await ownerOf(b, session);
      assert.match(owner, /^did:pkh:/);
      const inbox = new TenantInbox(judge, owner);
      await useBoth(session);
      await until('the judge delivers both', () => inbox.has('at-a') && inbox.has('at-b'));
      for (const key of ['at-a', 'at-b']) assert.equal(await readOf(judge, owner, key), key);
      const authors = new Set(inbox.deliveries.map(({ author }) => author));
      assert.deepEqual(authors, new Set([a.node.status().author, b.node.status().author]));
      const { body } = await whoami(b, session);
      assert.deepEqual([body.custody, body.delegation.audience], ['delegated', a.node.owner]);
      assert.deepEqual(body.delegation.resources, [
        `maillon://${SWARM}/${owner}/default/publish,read,write/`,
      ]);
      assert.ok(body.delegation.expires_at > Date.now() / 1000);
    });
  });
}

test('a bare nonce and a message lead to two namespaces', async () => {
  const wallet = await walletOf(2);
  const [held, own] = [await signIn(a.url, wallet), await signInSiwx(a.url, wallet)];
  assert.equal((await put(a, held, 'where', 'held')).status, 200);
  assert.equal((await get(a, own, 'where')).status, 404);
});

test('within what was delegated: a session that may only read, only publish, only write', async () => {
  const wallet = await walletOf(3);
  const may = async (...actions: string[]) => {
    const session = await signInSiwx(a.url, wallet, { actions });
    const statuses = [
      await publish(b, session, 'x'),
      await put(b, session, 'k', 'x'),
      await get(b, session, 'k'),
    ];
    return statuses.map(({ status }) => status);
  };
  assert.deepEqual(await may('write'), [403, 200, 403]);
  assert.deepEqual(await may('read'), [403, 403, 200]);
  assert.deepEqual(await may('publish'), [200, 403, 403]);
});

test('a session of one wallet reaches nothing of another', async () => {
  const [mine, theirs] = [
    await signInSiwx(a.url, await walletOf(4)),
    await signInSiwx(a.url, await walletOf(5)),
  ];
  const owner = await ownerOf(a, theirs);
  assert.equal((await put(a, theirs, 'k', 'theirs')).status, 200);
  assert.equal((await get(b, mine, 'k')).status, 404);
  const name = `default@${owner}`;
  const headers = bearer(mine);
  const path = encodeURIComponent(name);
  const body = { topic: 'hello', data_base64: '', namespace: name };
  const writes = [
    post(b.url, '/v1/pubsub/publish', body, headers),
    fetch(`${b.url}/v1/kv/${path}/k`, { method: 'PUT', body: 'x', headers }),
  ];
  const reads = [
    fetch(`${b.url}/v1/kv/${path}/k`, { headers }),
    fetch(`${b.url}/v1/storage/get?key=k&namespace=${path}`, { headers }),
    fetch(`${b.url}/v1/pubsub/sse?topic=hello&namespace=${path}`, { headers }),
  ];
  for (const [attempts, code] of [
    [writes, 'namespace_mismatch'],
    // its policy might let others read, but there is none
    [reads, 'forbidden'],
  ] as const) {
    for (const attempt of attempts) {
      const { status, body: said } = await answerOf(attempt);
      assert.deepEqual([status, said.code], [403, code]);
    }
  }
});

test('a delegation is for its namespace, not for all that the wallet holds', async () => {
  const wallet = await walletOf(11);
  const [one, other] = [
    await signInSiwx(a.url, wallet),
    await signInSiwx(a.url, wallet, { namespace: 'other' }),
  ];
  const owner = await ownerOf(a, one);
  assert.equal((await put(a, one, 'k', 'x')).status, 200);
  const headers = bearer(other);
  for (const name of ['default', `default@${owner}`]) {
    const url = `${b.url}/v1/kv/${encodeURIComponent(name)}/k`;
    assert.equal((await answerOf(fetch(url, { headers }))).status, 403, name);
    assert.equal((await answerOf(fetch(url, { method: 'PUT', body: 'y', headers }))).status, 403, name);
  }
  assert.deepEqual(await get(b, one, 'k'), { status: 200, body: 'x' });
});

test('a delegated session makes no API key, and is worth no more than it says', async () => {
  const session = await signInSiwx(a.url, await walletOf(6), { actions: ['read'] });
  const made = await answerOf(post(a.url, '/v1/auth/api-keys', { name: 'x' }, bearer(session)));
  assert.deepEqual([made.status, made.body.code], [403, 'forbidden']);
  assert.equal((await answerOf(post(a.url, '/v1/auth/token', {}, bearer(session)))).status, 401);
  const refreshed = await answerOf(post(b.url, '/v1/auth/refresh', { refresh_token: session.refresh_token }));
  assert.equal(refreshed.status, 200);
  assert.equal((await publish(b, refreshed.body, 'x')).status, 403);
  assert.equal((await whoami(b, refreshed.body)).body.custody, 'delegated');
});

test('a delegated session ends those within a delegation for its namespace, and no other of its wallet', async () => {
  const wallet = await walletOf(12);
  const [reader, same, other, bare] = [
    await signInSiwx(a.url, wallet, { actions: ['read'] }),
    await signInSiwx(a.url, wallet),
    await signInSiwx(a.url, wallet, { namespace: 'other' }),
    await signIn(a.url, wallet),
  ];
  const endAll = (by: DelegatedSession, body: object = {}) =>
    answerOf(post(a.url, '/v1/auth/logout', { all: true, ...body }, bearer(by)));
  const elsewhere = await endAll(reader, { namespace: 'other' });
  assert.deepEqual([elsewhere.status, elsewhere.body.code], [403, 'namespace_mismatch']);
  assert.equal((await endAll(reader)).status, 200);
  const stands = async (session: Pick<SignedIn, 'access_token'>) => (await whoami(a, session)).status;
  assert.deepEqual(
    [await stands(reader), await stands(same), await stands(other), await stands(bare)],
    [401, 401, 200, 200],
  );
});

describe('a client that signs itself', () => {
  const key = new ClientKey();
  let session: DelegatedSession;
  let owner: string;
  before(async () => {
    session = await signInSiwx(a.url, await walletOf(7), { audience: key.did });
    owner = await ownerOf(b, session);
  });

  test('the gateway signs nothing for it, and says what to do', async () => {
    assert.equal(session.custody, 'client');
    for (const site of [a, b]) {
      const [published, stored] = [await publish(site, session, 'x'), await put(site, session, 'k', 'x')];
      assert.deepEqual([published.status, published.body.code], [403, 'forbidden']);
      assert.match(published.body.error, /POST \/v1\/pubsub\/envelopes/);
      assert.deepEqual([stored.status, stored.body.code], [403, 'forbidden']);
      assert.match(stored.body.error, /POST \/v1\/records/);
      assert.deepEqual((await whoami(site, session)).body.delegation.audience, key.did);
    }
  });

  test('what it signs under its delegation is carried, delivered and read', async () => {
    const author = key.author([Buffer.from(session.delegation, 'base64')]);
    const inbox = new TenantInbox(judge, owner);
    const place = { owner, namespace: 'default' };
    const envelope = await author.signEnvelope({
      ...place,
      topic: 'hello',
      messages: [Buffer.from('signed')],
    });
    assert.equal((await handIn(b, '/v1/pubsub/envelopes', envelope, session)).status, 200);
    const record = await author.signRecord({ ...place, key: 'k', value: Buffer.from('signed') });
    assert.equal((await handIn(a, '/v1/records', record, session)).status, 200);
    assert.deepEqual(await get(b, session, 'k'), { status: 200, body: 'signed' });
    await until('the judge delivers it', () => inbox.has('signed'));
    assert.equal(await readOf(judge, owner, 'k'), 'signed');
    assert.equal(inbox.deliveries[0]?.author, key.did);
  });

  test('what it hands in is of its own place', async () => {
    const stranger = new ClientKey();
    const author = stranger.author();
    for (const place of [
      { owner: stranger.did, namespace: 'default' },
      { owner, namespace: 'other' },
    ]) {
      const envelope = await author.signEnvelope({ ...place, topic: 'hello', messages: [Buffer.from('x')] });
      const record = await author.signRecord({ ...place, key: 'k', value: Buffer.from('x') });
      for (const [path, bytes] of [
        ['/v1/pubsub/envelopes', envelope],
        ['/v1/records', record],
      ] as const) {
        const { status, body } = await handIn(a, path, bytes, session);
        assert.deepEqual([status, body.code], [403, 'namespace_mismatch'], path);
      }
    }
    const notices = [await stranger.policy('default'), await stranger.revocation({ did: a.node.owner })];
    for (const notice of notices) {
      const { status, body } = await handIn(a, '/v1/namespaces/notices', notice, session);
      assert.deepEqual([status, body.code], [403, 'namespace_mismatch']);
    }
  });
});

describe('the end of a delegation', () => {
  test('logout: neither gateway signs any more', async () => {
    const session = await signInSiwx(a.url, await walletOf(8));
    assert.equal((await publish(b, session, 'x')).status, 200);
    const ended = await post(a.url, '/v1/auth/logout', { refresh_token: session.refresh_token });
    assert.equal(ended.status, 200);
    assert.equal((await publish(a, session, 'x')).status, 401);
    await until('the other gateway knows', async () => (await publish(b, session, 'x')).status === 401);
  });

  test('its time: what is signed after it is signed by nobody, and the session is over', async () => {
    const session = await signInSiwx(a.url, await walletOf(9), { expires_in: 3 });
    const inbox = new TenantInbox(judge, await ownerOf(a, session));
    assert.equal((await publish(a, session, 'in time')).status, 200);
    await until('it is over', async () => [401, 403].includes((await publish(a, session, 'late')).status));
    assert.equal((await publish(b, session, 'too late')).status, 401);
    assert.equal((await get(b, session, 'k')).status, 401);
    const refresh = await post(b.url, '/v1/auth/refresh', { refresh_token: session.refresh_token });
    assert.equal(refresh.status, 401);
    assert.ok(!inbox.has('too late'));
  });

  test('a revocation by the wallet, from anywhere in the swarm', async () => {
    const wallet = await walletOf(10);
    const [session, other] = [await signInSiwx(a.url, wallet), await signInSiwx(a.url, wallet)];
    const { body } = await whoami(a, session);
    const owner = await ownerOf(a, session);
    assert.equal((await publish(b, session, 'before')).status, 200);
    await using listener = await WsClient.open(`${b.wsUrl}/v1/pubsub/ws?topic=hello`, [], bearer(session));

    const key = new ClientKey();
    const admin = createSignIn({
      domain: 'wallet.example',
      issuer: owner,
      audience: key.did,
      resources: [{ swarm: SWARM, owner, namespace: '*', actions: ['admin'], prefix: '' }],
      nonce: 'abcdefgh',
      time: Date.now(),
    });
    const { bytes: link } = makeCacao({ crypto: { sha256 } }, admin, await wallet.sign(signInMessage(admin)));
    const target = { link: Buffer.from(body.delegation.digest, 'hex') };
    const notice = await key.maker.revocation({ target, time: Date.now(), as: owner, chain: [link] });
    await judge.namespaces.submit(notice.bytes);

    assert.equal((await listener.closed).code, 4001, 'nor does it hear more');
    for (const site of [a, b]) {
      await until('the gateway knows', async () => (await publish(site, session, 'after')).status === 403);
      const refused = [
        await publish(site, session, 'x'),
        await put(site, session, 'k', 'x'),
        await get(site, session, 'k'),
      ];
      for (const { status, body: said } of refused) {
        assert.deepEqual([status, said.code], [403, 'forbidden']);
        assert.match(said.error, /revoked/);
      }
      assert.equal((await whoami(site, session)).status, 200, 'who he is everybody may know');
      // another sign-in of the same wallet is not meant
      assert.equal((await publish(site, other, 'x')).status, 200);
    }
  });
});
