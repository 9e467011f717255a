/** Reading at a gateway: for another's namespace the policy decides, on every route and stream. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CLOSED_RULES, type PolicyRules } from '../../protocols/namespaces/index.ts';
import { ClientKey } from '../support/client-author.ts';
import { until } from '../support/processes.ts';
import { type RawAnswer, rawRequest } from '../support/raw-http.ts';
import { type SignedIn, signIn, walletOf } from '../support/sign-in.ts';
import { SseClient } from '../support/sse-client.ts';
import { type Site, startSite } from '../support/start-gateway.ts';
import { WsClient } from '../support/ws-client.ts';

type Headers = Readonly<Record<string, string>>;
type Who = 'anonymous' | 'key of a wallet' | 'wallet' | 'operator';

let site: Site;
/** Owner of these namespaces. */
const alice = new ClientKey();
let did: string;
let who: Record<Who, Headers>;
before(async () => {
  const settings = { 'gateway.trustedProxies': ['127.0.0.1'] };
  site = await startSite({ settings, isAudited: true });
  const session = await signIn(site.url, await walletOf(21));
  who = {
    anonymous: { 'x-forwarded-for': '192.0.2.1' },
    'key of a wallet': { 'x-api-key': session.api_key },
    wallet: { authorization: `Bearer ${session.access_token}` },
    operator: {},
  };
  did = await didOf(session);
  assert.equal(ClientKey.owner.did, site.node.owner);
  await make('closed', {});
  await make('listed', { read: { anyone: false, dids: [did, site.node.owner].toSorted() } });
  await make('named', { read: { anyone: false, dids: [did] } });
  await make('topics', { publicTopics: ['news/'] });
  await make('all', { read: { anyone: true, dids: [] } });
});
after(async () => site[Symbol.asyncDispose]());

const foreign = (name: string): string => `${name}@${alice.did}`;
const ask = (path: string, headers: Headers, init: { method?: string; body?: string } = {}) =>
  rawRequest(site.url, path, { ...init, headers: { host: 'localhost', ...headers } });

/** A wallet's DID, as its namespace's policy would name it. */
async function didOf({ subject }: SignedIn): Promise<string> {
  return `did:pkh:eip155:1:${subject.toLowerCase()}`;
}

async function make(name: string, rules: Partial<PolicyRules>, key = alice): Promise<void> {
  const place = { owner: key.did, namespace: name };
  await site.node.namespaces.submit(await key.policy(name, { rules: { ...CLOSED_RULES, ...rules } }));
  const value = new TextEncoder().encode('secret');
  for (const at of ['k', 'cache/m/k']) {
    const record = { ...place, key: at, value: at === 'k' ? value : new TextEncoder().encode('"secret"') };
    await site.node.storage.submitSigned(await key.author().signRecord(record), {});
  }
}

/** Every way to read something of a namespace. */
const READS: Readonly<Record<string, (name: string, headers: Headers) => Promise<RawAnswer>>> = {
  value: (name, headers) => ask(`/v1/kv/${name}/k`, headers),
  'value by query': (name, headers) => ask(`/v1/kv/${name}?key=k`, headers),
  'head of a value': (name, headers) => ask(`/v1/kv/${name}/k`, headers, { method: 'HEAD' }),
  list: (name, headers) => ask(`/v1/kv/${name}`, headers),
  'E1 value': (name, headers) => ask(`/v1/storage/get?namespace=${name}&key=k`, headers),
  'E1 value by POST': (name, headers) =>
    ask(`/v1/storage/get?namespace=${name}&key=k`, headers, { method: 'POST' }),
  'E1 value, legacy': (name, headers) => ask(`/v1/storage?namespace=${name}&key=k`, headers),
  'E1 exists': (name, headers) => ask(`/v1/storage/exists?namespace=${name}&key=k`, headers),
  'E1 list': (name, headers) => ask(`/v1/storage/list?namespace=${name}`, headers),
  where: (name, headers) => ask(`/v1/network/storage/where?namespace=${name}&key=k`, headers),
  topics: (name, headers) => ask(`/v1/pubsub/topics?namespace=${name}`, headers),
  presence: (name, headers) => ask(`/v1/pubsub/presence?namespace=${name}&topic=t`, headers),
  'cached value': (name, headers) =>
    json(`/v1/cache/get?namespace=${name}`, headers, { dmap: 'm', key: 'k' }),
  'cached values': (name, headers) =>
    json(`/v1/cache/mget?namespace=${name}`, headers, { dmap: 'm', keys: ['k'] }),
  'cached keys': (name, headers) => json(`/v1/cache/scan?namespace=${name}`, headers, { dmap: 'm' }),
  policy: (name, headers) => ask(`/v1/namespaces/${name}`, headers),
};

function json(path: string, headers: Headers, body: object): Promise<RawAnswer> {
  const type = { 'content-type': 'application/json' };
  return ask(path, { ...headers, ...type }, { method: 'POST', body: JSON.stringify(body) });
}

/** Which namespaces each may read. */
const READERS: Readonly<Record<Who, readonly string[]>> = {
  anonymous: ['all'],
  'key of a wallet': ['listed', 'named', 'all'],
  wallet: ['listed', 'named', 'all'],
  operator: ['listed', 'all'],
};
const NAMES = ['closed', 'listed', 'named', 'topics', 'all', 'without-policy'];

describe('over HTTP', () => {
  for (const [reader, readable] of Object.entries(READERS) as [Who, readonly string[]][]) {
    for (const [what, read] of Object.entries(READS)) {
      test(`${reader}: ${what}`, async () => {
        for (const name of NAMES) {
          const { status, text } = await read(foreign(name), who[reader]);
          // a policy hides nothing from the operator: every node has it
          const isOpen = readable.includes(name) || (what === 'policy' && reader === 'operator');
          const refused = reader === 'anonymous' ? 401 : 403;
          assert.equal(status, isOpen ? 200 : refused, `${name}: ${text}`);
          if (!isOpen) assert.doesNotMatch(text, /secret/);
        }
      });
    }
  }

  test('what opens one namespace opens none beside it', async () => {
    const [open, closed] = [foreign('all'), foreign('closed')];
    for (const headers of [who.anonymous, who.wallet]) {
      const both = [
        await ask(`/v1/kv/${closed}/k?namespace=${open}`, headers),
        await ask(`/v1/kv/${open}/k?namespace=${closed}`, headers),
        await json(`/v1/cache/get?namespace=${open}`, headers, { dmap: 'm', key: 'k', namespace: closed }),
        await json(`/v1/cache/get?namespace=${closed}`, headers, { dmap: 'm', key: 'k', namespace: open }),
        await ask(`/retrieve/${'00'.repeat(32)}?namespace=${open}`, who.anonymous),
      ];
      for (const { status, text } of both) {
        assert.ok([401, 403].includes(status), text);
        assert.doesNotMatch(text, /secret/);
      }
    }
  });

  test('a topic that is open opens nothing but itself', async () => {
    const name = foreign('topics');
    for (const [reader, refused] of [
      ['anonymous', 401],
      ['wallet', 403],
    ] as const) {
      for (const path of [
        `/v1/kv/${name}/k?topic=news/1`,
        `/v1/kv/${name}?topic=news/1`,
        `/v1/storage/get?namespace=${name}&key=k&topic=news/1`,
        `/v1/network/storage/where?namespace=${name}&key=k&topic=news/1`,
        `/v1/pubsub/topics?namespace=${name}&topic=news/1`,
        `/v1/namespaces/${name}?topic=news/1`,
      ]) {
        // a route that knows no topic refuses one by name, before it looks at whose things these are
        const { status } = await ask(path, who[reader]);
        const isKnown = path.startsWith('/v1/storage/get');
        assert.equal(status, reader === 'anonymous' || isKnown ? refused : 400, path);
        const bare = path.replace(/[?&]topic=news\/1$/, '');
        assert.equal((await ask(bare, who[reader])).status, refused, bare);
      }
    }
  });

  test('a page that acts as the operator makes no keys, and changes nothing of the node', async () => {
    const page = { ...who.operator, origin: 'http://localhost:3000' };
    for (const [path, body] of [
      ['/v1/auth/api-keys', { name: 'x', scopes: ['read', 'admin'] }],
      ['/v1/network/disconnect', { peer_id: 'x' }],
    ] as const) {
      const { status, text } = await json(path, page, body);
      assert.deepEqual([status, JSON.parse(text).code], [403, 'foreign_origin'], path);
    }
    assert.equal((await json('/v1/auth/api-keys', who.operator, { name: 'x' })).status, 201);
  });

  test('nobody writes where he only reads', async () => {
    const name = foreign('all');
    for (const [reader, codes] of [
      ['anonymous', [401]],
      ['wallet', [403]],
      ['operator', [403]],
    ] as const) {
      const writes = [
        await ask(`/v1/kv/${name}/k`, who[reader], { method: 'PUT', body: 'x' }),
        await ask(`/v1/kv/${name}/k`, who[reader], { method: 'DELETE' }),
        await ask(`/v1/storage/put?namespace=${name}&key=k`, who[reader], { method: 'POST', body: 'x' }),
        await json(`/v1/cache/put?namespace=${name}`, who[reader], { dmap: 'm', key: 'k', value: 1 }),
        await json(`/v1/pubsub/publish?namespace=${name}`, who[reader], { topic: 't', data_base64: 'eA==' }),
      ];
      for (const { status, text } of writes) assert.ok((codes as readonly number[]).includes(status), text);
    }
    assert.equal((await ask(`/v1/kv/${name}/k`, who.anonymous)).text, 'secret');
  });

  test('what is malformed is told to whoever may ask, and to nobody else', async () => {
    for (const path of ['/v1/kv/BAD/k', '/v1/kv/a@b/k', '/v1/pubsub/topics?namespace=a&namespace=b']) {
      assert.equal((await ask(path, who.anonymous)).status, 401, path);
      assert.ok([400, 403].includes((await ask(path, who.wallet)).status), path);
    }
    const type = { 'content-type': 'application/json' };
    const init = { method: 'POST', body: '{' };
    assert.equal((await ask('/v1/cache/get', { ...who.anonymous, ...type }, init)).status, 401);
  });

  test('the operator’s own namespace is as open as its policy', async () => {
    await make('door-open', { read: { anyone: true, dids: [] } }, ClientKey.owner);
    assert.equal((await ask('/v1/kv/door-open/k', who.operator)).text, 'secret');
    assert.equal((await ask('/v1/kv/door-open/k', who.anonymous)).text, 'secret');
    assert.equal((await ask(`/v1/kv/door-open@${site.node.owner}/k`, who.wallet)).text, 'secret');
    const { status, body } = await ask('/v1/kv/door-open/k', who.wallet);
    assert.deepEqual([status, body.code], [403, 'namespace_mismatch'], 'a plain name is the credential’s');
    assert.equal((await ask('/v1/kv/default/k', who.anonymous)).status, 401);
  });
});

/** Publishes in the name of the owner until `heard`. */
async function untilHeard(name: string, topic: string, heard: () => boolean): Promise<void> {
  const place = { owner: alice.did, namespace: name, topic };
  const author = alice.author();
  await until(`${topic} is heard`, async () => {
    if (heard()) return true;
    await site.node.relay.submitSigned(
      await author.signEnvelope({ ...place, messages: [new TextEncoder().encode(topic)] }),
    );
    return false;
  });
}

describe('on streams', () => {
  test('a topic is open to whom its prefix or the policy lets', async () => {
    const open: Readonly<Record<Who, readonly string[]>> = {
      anonymous: ['topics news/1', 'all t'],
      'key of a wallet': ['topics news/1', 'listed t', 'named t', 'all t'],
      wallet: ['topics news/1', 'listed t', 'named t', 'all t'],
      operator: ['topics news/1', 'listed t', 'all t'],
    };
    for (const reader of Object.keys(open) as Who[]) {
      for (const name of NAMES) {
        for (const topic of ['t', 'news/1', 'news', 'News/1']) {
          const query = `namespace=${foreign(name)}&topic=${encodeURIComponent(topic)}`;
          const isOpen = open[reader].includes(`${name} ${topic}`) || open[reader].includes(`${name} t`);
          const what = `${reader} ${name} ${topic}`;
          await using sse = await SseClient.open(`${site.url}/v1/pubsub/sse?${query}`, { ...who[reader] });
          const refused = reader === 'anonymous' ? 401 : 403;
          assert.equal(sse.response.status, isOpen ? 200 : refused, what);
          const url = `${site.wsUrl}/v1/pubsub/ws?${query}`;
          if (isOpen) await (await WsClient.open(url, [], { ...who[reader] }))[Symbol.asyncDispose]();
          else assert.equal((await WsClient.refused(url, { ...who[reader] })).status, refused, what);
        }
      }
    }
  });

  test('each subscribe frame is looked at, and tells whose it is', async () => {
    await using ws = await WsClient.open(`${site.wsUrl}/v1/pubsub/ws`, ['maillon.json.1'], { ...who.wallet });
    assert.deepEqual(await ws.nextJson(), { type: 'open', namespace: 'default' });
    const say = async (frame: object): Promise<Record<string, unknown>> => {
      ws.send(frame);
      return ws.nextJson();
    };
    for (const [frame, code] of [
      [{ namespace: foreign('closed'), topic: 't' }, 'forbidden'],
      [{ namespace: foreign('topics'), topic: 't' }, 'forbidden'],
      [{ namespace: foreign('without-policy'), topic: 't' }, 'forbidden'],
      [{ namespace: 'other', topic: 't' }, 'namespace_mismatch'],
    ] as const) {
      assert.equal((await say({ type: 'subscribe', ...frame }))['code'], code, JSON.stringify(frame));
    }
    const news = { namespace: foreign('topics'), topic: 'news/1' };
    assert.deepEqual(await say({ type: 'subscribe', ...news }), { type: 'subscribed', ...news });
    const own = { namespace: 'default', topic: 'own' };
    assert.deepEqual(await say({ type: 'subscribe', ...own }), { type: 'subscribed', ...own });
    const got: Record<string, unknown>[] = [];
    const reading = (async () => {
      got.push(await ws.nextJson());
    })();
    await untilHeard('topics', 'news/1', () => got.length > 0);
    await reading;
    assert.deepEqual([got[0]?.['namespace'], got[0]?.['topic']], [news.namespace, news.topic]);
    for (const frame of [{ type: 'publish', ...news, data_base64: 'eA==' }]) {
      ws.send(frame);
      const refused = await until('an answer', async () => {
        const answer = await ws.nextJson();
        return answer['type'] === 'error' && answer;
      });
      assert.equal(refused['code'], 'namespace_mismatch');
    }
  });

  test('a policy that is followed by another one ends what it had opened, and nothing else', async () => {
    const all = { ...CLOSED_RULES, read: { anyone: true, dids: [] } };
    await make('passing', all);
    const query = `namespace=${foreign('passing')}&topic=t`;
    await using anonymous = await SseClient.open(`${site.url}/v1/pubsub/sse?${query}`, who.anonymous);
    await using foreigner = await WsClient.open(`${site.wsUrl}/v1/pubsub/ws?${query}`, [], { ...who.wallet });
    await using own = await WsClient.open(`${site.wsUrl}/v1/pubsub/ws?topic=t`, ['maillon.json.1'], {
      ...who.wallet,
    });
    assert.equal((await anonymous.next())?.event, 'caughtUp');
    const { digest } = site.node.namespaces.policyOf(alice.did, 'passing') ?? assert.fail('no policy');
    const closed = { sequence: 2, previous: digest, time: Date.now() };
    await site.node.namespaces.submit(await alice.policy('passing', closed));
    const { event, data } = (await anonymous.next()) ?? assert.fail('no event');
    assert.deepEqual([event, data['code']], ['error', 'unauthenticated']);
    assert.equal((await foreigner.closed).code, 4003);
    assert.equal(own.socket.readyState, own.socket.OPEN);
  });

  test('who reads a foreign topic publishes nothing by saying nothing', async () => {
    const query = `namespace=${foreign('all')}&topic=t`;
    for (const reader of ['anonymous', 'wallet'] as const) {
      await using ws = await WsClient.open(`${site.wsUrl}/v1/pubsub/ws?${query}`, ['maillon.json.1'], {
        ...who[reader],
      });
      assert.equal((await ws.nextJson())['namespace'], foreign('all'));
      ws.send({ type: 'publish', data_base64: 'eA==' });
      const { code } = await ws.nextJson();
      assert.ok(code === 'namespace_mismatch' || code === 'forbidden', String(code));
      if (reader !== 'anonymous') continue;
      ws.send({ type: 'subscribe', namespace: foreign('closed'), topic: 't' });
      assert.equal((await ws.nextJson())['code'], 'unauthenticated');
      ws.send({ type: 'subscribe', namespace: 'default', topic: 't' });
      assert.equal((await ws.nextJson())['code'], 'unauthenticated');
    }
    const presence = `${query}&presence=true&member_id=m`;
    for (const reader of ['anonymous', 'wallet'] as const) {
      const { status } = await WsClient.refused(`${site.wsUrl}/v1/pubsub/ws?${presence}`, { ...who[reader] });
      assert.equal(status, 403, reader);
    }
  });
});

test('4NK routes are open to whoever has no credential as far as the policy of their namespace says', async () => {
  const key = 'ab'.repeat(32);
  const body = { key, value: '00ff', ttl: 60 };
  const store = () => json('/store', who.anonymous, body);
  const retrieve = () => ask(`/retrieve/${key}`, who.anonymous);
  assert.deepEqual([(await store()).status, (await retrieve()).status], [401, 401]);
  const anyone = { anyone: true, dids: [] };
  const rules = { ...CLOSED_RULES, write: anyone, read: anyone };
  await site.node.namespaces.submit(
    await ClientKey.owner.policy(site.config['compat.fournk.namespace'], { rules }),
  );
  assert.deepEqual([(await store()).status, (await retrieve()).body.value], [200, '00ff']);
});
