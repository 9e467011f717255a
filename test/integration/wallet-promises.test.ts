/** An operator's promises to wallets: a gateway and a second node of one operator, and a stranger that accepts everything. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { startNode, tcpAddress } from '../support/node.ts';
import { type Cleanup, scratch, until } from '../support/processes.ts';
import { type ClientWallet, type SignedIn, signIn, signInSiwx, walletOf } from '../support/sign-in.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

const KIB = 1024;
const EACH = 64 * KIB;
const DAY_MS = 86_400_000;

let a: Site;
let b: MaillonNode;
let stranger: MaillonNode;
const ends: (() => void | Promise<void>)[] = [];
const t: Cleanup = { after: (end) => void ends.unshift(end) };

before(async () => {
  a = await startSite({
    settings: { 'wallets.bytesEach': EACH, 'wallets.bytesTotal': 4 * EACH },
  });
  t.after(async () => a[Symbol.asyncDispose]());
  b = await startNode(t, { settings: { 'wallets.bytesEach': EACH }, through: [a.node] });
  stranger = await startNode(t, {
    settings: {
      'identity.ownerKey': join(scratch(t), 'owner.key'),
      'storage.sponsored': ['*'],
    },
    through: [a.node],
  });
  await until('all are members', () =>
    [a.node, b, stranger].every((node) => node.storage.status().members === 3),
  );
});
after(async () => {
  for (const end of ends) await end();
});

interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- every route has another shape; the test looks at it
  readonly body: any;
}

type Token = Pick<SignedIn, 'access_token'>;

async function ask(url: string, session: Token, init: RequestInit = {}): Promise<Answer> {
  const headers = { authorization: `Bearer ${session.access_token}` };
  const response = await fetch(url, { ...init, headers });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, body: isJson ? JSON.parse(text) : text };
}

/** Where it listens now: another port after a restart. */
const put = (
  { gateway: { url } }: Site,
  session: Token,
  key: string,
  bytes: number,
  namespace = 'default',
): Promise<Answer> =>
  ask(`${url}/v1/kv/${namespace}/${key}`, session, { method: 'PUT', body: 'x'.repeat(bytes) });

function didOf({ address }: ClientWallet): string {
  return `did:pkh:eip155:1:${address}`;
}

describe('a wallet that signs in by message', () => {
  test('has what it stored when its sign-in has ended and all nodes began again', async () => {
    const wallet = await walletOf(1);
    const did = didOf(wallet);
    const session = await signInSiwx(a.gateway.url, wallet, { expires_in: 5 });
    await until('all know that it named the operator', () =>
      [a.node, b, stranger].every(({ namespaces }) =>
        namespaces.sponsorsOf(did, 'default').includes(a.node.owner),
      ),
    );
    assert.ok(
      !b.namespaces.sponsorsOf(did, 'default').includes(stranger.owner),
      'a claim alone names nobody',
    );
    const written = await put(a, session, 'kept', 10);
    assert.equal(written.status, 200, JSON.stringify(written.body));
    assert.deepEqual([written.body.durable, written.body.expiresAt], [true, null]);
    const { version } = a.node.namespaces;
    await signInSiwx(a.gateway.url, wallet);
    assert.equal(a.node.namespaces.version, version, 'one notice for all sign-ins');
    await until('the sign-in has ended', async () => {
      return (await ask(`${a.gateway.url}/v1/auth/whoami`, session)).status === 401;
    });
    await a.gateway.stop();
    await a.node.stop();
    await b.stop();
    await Promise.all([a.node.start(), b.start()]);
    await a.gateway.start();
    const list = await a.node.storage.list({ owner: did, namespace: 'default' });
    assert.deepEqual(
      list.entries.map(({ key, expiresAt }) => [key, expiresAt]),
      [['kept', null]],
    );
    for (const node of [a.node, b]) {
      const found = await node.storage.get({ owner: did, namespace: 'default', key: 'kept' });
      assert.deepEqual([found?.expiresAt, found?.size], [null, 10]);
      assert.ok(node.isSponsored({ owner: did, namespace: 'default' }));
    }
  });

  test('has so much in all its namespaces together', async () => {
    const wallet = await walletOf(2);
    const session = await signInSiwx(a.gateway.url, wallet);
    const other = await signInSiwx(a.gateway.url, wallet, { namespace: 'photos' });
    // both nodes have just begun again, and see each other in a moment
    await until('it is written', async () => (await put(a, session, 'one', EACH / 2)).status === 200);
    const refused = await put(a, session, 'two', EACH / 2);
    assert.deepEqual([refused.status, refused.body.code], [507, 'over_quota']);
    const beside = await put(a, other, 'one', EACH / 2, 'photos');
    assert.deepEqual([beside.status, beside.body.code], [507, 'over_quota'], 'what it has elsewhere counts');
    assert.equal((await put(a, other, 'small', EACH / 8, 'photos')).status, 200);
    assert.equal(
      (await ask(`${a.gateway.url}/v1/kv/default/one`, session, { method: 'DELETE' })).status,
      200,
    );
    await until(
      'what it deleted is free',
      async () => (await put(a, other, 'one', EACH / 2, 'photos')).status === 200,
    );
  });
});

test('a wallet that signs a nonce has as much, in what the operator holds for it', async () => {
  const wallet = await walletOf(3);
  const session = await signIn(a.gateway.url, wallet);
  const written = await put(a, session, 'one', EACH / 2);
  assert.deepEqual([written.status, written.body.durable, written.body.expiresAt], [200, true, null]);
  const other = await signIn(a.gateway.url, wallet, 'photos');
  const refused = await put(a, other, 'one', EACH / 2, 'photos');
  assert.deepEqual([refused.status, refused.body.code], [507, 'over_quota'], 'both of its namespaces count');
});

test('when all room is promised new wallets get none, and earlier ones have theirs', async () => {
  const last = await signInSiwx(a.gateway.url, await walletOf(4));
  assert.equal((await put(a, last, 'one', 100)).status, 200);
  const report = await a.gateway.walletPromises().usage();
  assert.deepEqual([report.walletsMax, report.promised], [4, 4]);
  assert.deepEqual(
    new Set(report.wallets.map(({ wallet }) => wallet)),
    new Set(await Promise.all([1, 2, 3, 4].map(async (n) => didOf(await walletOf(n))))),
  );
  for (const [n, session] of [
    [5, await signInSiwx(a.gateway.url, await walletOf(5))],
    [6, await signIn(a.gateway.url, await walletOf(6))],
  ] as const) {
    for (const bytes of [10, 200 * KIB]) {
      const refused = await put(a, session, 'one', bytes);
      assert.deepEqual([refused.status, refused.body.code], [507, 'no_room'], `wallet ${n}`);
      assert.match(refused.body.error, /wallets\.bytesTotal/);
    }
    const upload = await ask(`${a.gateway.url}/v1/uploads`, session, { method: 'POST' });
    assert.deepEqual([upload.status, upload.body.code], [507, 'no_room']);
  }
  for (const n of [1, 3]) {
    const wallet = await walletOf(n);
    const session = n === 3 ? await signIn(a.gateway.url, wallet) : await signInSiwx(a.gateway.url, wallet);
    assert.equal((await put(a, session, 'more', EACH / 8)).status, 200, `wallet ${n}`);
  }
  const gone = didOf(await walletOf(4));
  await a.gateway.walletPromises().end(gone);
  assert.deepEqual(a.node.namespaces.sponsorsOf(gone, 'default'), [gone]);
  const ended = await put(a, last, 'two', 10);
  assert.deepEqual([ended.status, ended.body.code], [507, 'no_room']);
  const next = await signInSiwx(a.gateway.url, await walletOf(5));
  assert.equal((await put(a, next, 'one', 10)).status, 200);
});

test('another gateway of the operator, with a state of its own, counts whom the first one promised room by message', async () => {
  const named = a.node.namespaces.sponsorshipsBy(a.node.owner).map(({ holder }) => holder);
  const settings = {
    bootstrap: [tcpAddress(a.node)],
    'wallets.bytesEach': EACH,
    'wallets.bytesTotal': new Set(named).size * EACH,
  };
  await using there = await startSite({ settings });
  await until('it knows them', () => {
    return there.node.namespaces.sponsorshipsBy(a.node.owner).length === named.length;
  });
  const refused = await put(there, await signInSiwx(there.url, await walletOf(8)), 'one', 10);
  assert.deepEqual([refused.status, refused.body.code], [507, 'no_room']);
  const known = await signInSiwx(there.url, await walletOf(1));
  await until(
    'it has its room there, too',
    async () => (await put(there, known, 'there', 10)).status === 200,
  );
});

test('of wallets that come together no more are promised room than there is', async () => {
  const settings = { 'wallets.bytesEach': EACH, 'wallets.bytesTotal': 3 * EACH };
  await using site = await startSite({ settings });
  const statuses = await Promise.all(
    Array.from({ length: 8 }, async (_, n) => {
      const wallet = await walletOf(50 + n);
      const session = n % 2 === 0 ? await signInSiwx(site.url, wallet) : await signIn(site.url, wallet);
      return (await put(site, session, 'one', 10)).status;
    }),
  );
  assert.deepEqual(
    statuses.toSorted((x, y) => x - y),
    [200, 200, 200, 507, 507, 507, 507, 507],
  );
  assert.equal((await site.gateway.walletPromises().usage()).promised, 3);
});

test('a wallet that the operator lists has the bounds of any namespace, and takes nobody’s place', async () => {
  const wallet = await walletOf(60);
  const settings = {
    'wallets.bytesEach': EACH,
    'wallets.bytesTotal': EACH,
    'storage.sponsored': [didOf(wallet)],
  };
  await using site = await startSite({ settings });
  const session = await signInSiwx(site.url, wallet);
  const written = await put(site, session, 'one', 2 * EACH);
  assert.deepEqual([written.status, written.body.durable], [200, true], JSON.stringify(written.body));
  const other = await signInSiwx(site.url, await walletOf(61));
  assert.equal((await put(site, other, 'one', 10)).status, 200);
});

test('where nothing is promised the receipt, the value and the list say when it ends', async () => {
  await using site = await startSite({ settings: { 'wallets.promise': 'day' } });
  const wallet = await walletOf(7);
  const session = await signInSiwx(site.url, wallet);
  const before = Date.now();
  const { status, body } = await put(site, session, 'one', 10);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.durable, false);
  assert.ok(body.expiresAt >= before + DAY_MS && body.expiresAt <= Date.now() + DAY_MS, `${body.expiresAt}`);
  const place = { owner: didOf(wallet), namespace: 'default' };
  const value = await site.node.storage.get({ ...place, key: 'one' });
  const { entries } = await site.node.storage.list(place);
  assert.deepEqual([value?.expiresAt, entries[0]?.expiresAt], [body.expiresAt, body.expiresAt]);
  assert.deepEqual(site.node.namespaces.sponsorsOf(place.owner, 'default'), [place.owner]);
});
