import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Client, ClientError, createClient } from '../../gateway/client/index.ts';
import type { Delivery } from '../../node/index.ts';
import { CLOSED_RULES, NOTICE_MAX_BYTES } from '../../protocols/namespaces/index.ts';
import { ClientKey } from '../support/client-author.ts';
import { until } from '../support/processes.ts';
import { type RawAnswer, rawRequest } from '../support/raw-http.ts';
import { type SitePair, startPair } from '../support/site-pair.ts';
import { WsClient } from '../support/ws-client.ts';

let pair: SitePair;
let here: Client;
let there: Client;
before(async () => {
  pair = await startPair();
  [here, there] = [createClient({ url: pair.a.url }), createClient({ url: pair.b.url })];
});
after(async () => pair[Symbol.asyncDispose]());

const TYPE = { 'content-type': 'application/cbor' };
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

async function post(path: string, body: Uint8Array, headers: Record<string, string> = TYPE) {
  return rawRequest(pair.a.url, path, { method: 'POST', body, headers });
}

function outcome({ status, body }: RawAnswer): [number, string] {
  return [status, body.code];
}

async function refused(code: string, work: Promise<unknown>): Promise<ClientError> {
  const error = await work.then(
    () => assert.fail(`${code} was expected`),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ClientError, String(error));
  assert.equal(error.code, code, error.message);
  return error;
}

/** Lets everybody read a namespace, and waits until both gateways know it. */
async function openToAll(key: ClientKey, namespace: string): Promise<void> {
  await here.submitNotice(await key.publicPolicy(namespace));
  const name = `${namespace}@${key.did}`;
  await until('the other gateway knows the policy', async () => (await there.namespace(name)).sequence === 1);
}

/** Publishes until `has` is true: a mesh that is still forming may lose the first. */
async function untilHeard(publish: (text: string) => Promise<unknown>, has: () => boolean): Promise<void> {
  let attempt = 0;
  await until('it is heard', async () => {
    if (has()) return true;
    await publish(`attempt ${attempt++}`);
    return false;
  });
}

describe('what a gateway says of a namespace', () => {
  test('without a policy it is its owner’s alone, by either of its names', async () => {
    const { owner } = pair.a.node;
    const short = await here.namespace('plain');
    assert.deepEqual(await here.namespace(`plain@${owner}`), short);
    const { id, ...rest } = short;
    assert.match(id, /^[0-9a-f]{64}$/);
    assert.deepEqual(rest, {
      namespace: 'plain',
      name: 'plain',
      owner,
      holder: owner,
      sequence: 0,
      policy: null,
      history: 0,
      rules: CLOSED_RULES,
      sponsors: [owner],
      sponsored: true,
    });
    const alice = new ClientKey();
    const foreign = await here.namespace(`plain@${alice.did}`);
    assert.deepEqual(
      [foreign.namespace, foreign.holder, foreign.sponsored],
      [`plain@${alice.did}`, alice.did, false],
    );
    assert.notEqual(foreign.id, id);
  });

  test('names that are none are refused', async () => {
    for (const [path, code] of [
      ['/v1/namespaces/BAD', 'bad_namespace'],
      ['/v1/namespaces/a@b', 'bad_namespace'],
      ['/v1/namespaces/..%2f', 'bad_namespace'],
    ] as const) {
      assert.deepEqual(outcome(await rawRequest(pair.a.url, path)), [400, code], path);
    }
  });
});

describe('policies and revocations', () => {
  test('what one gateway takes another one knows; a rival and an impostor are refused', async () => {
    const [alice, mallory] = [new ClientKey(), new ClientKey()];
    const rules = { ...CLOSED_RULES, publish: { anyone: true, dids: [] }, quotaKeys: 7 };
    const bytes = await alice.policy('known', { rules });
    const taken = await here.submitNotice(bytes);
    const name = `known@${alice.did}`;
    assert.deepEqual(
      [taken.kind, taken.as, 'namespace' in taken && taken.namespace],
      ['policy', alice.did, name],
    );
    assert.deepEqual(await here.submitNotice(bytes), taken, 'the same once more is no error');
    const view = await until('the other one knows it', async () => {
      const seen = await there.namespace(name);
      return seen.sequence === 1 && seen;
    });
    assert.deepEqual([view.rules, view.policy?.digest, view.history], [rules, taken.digest, 1]);
    await refused('policy_conflict', here.submitNotice(await alice.policy('known')));
    await refused(
      'policy_conflict',
      here.submitNotice(await alice.policy('early', { sequence: 2, previous: new Uint8Array(32) })),
    );
    const { bytes: link } = await alice.grant(mallory.did, 'stolen', { actions: ['publish', 'write'] });
    const stolen = await mallory.policy('stolen', { owner: alice.did, as: alice.did, chain: [link] });
    const error = await refused('forbidden', here.submitNotice(stolen));
    assert.equal(error.status, 403);
    await refused('bad_clock', here.submitNotice(await alice.policy('later', { time: Date.now() + 60_000 })));
    const withdrawn = await here.submitNotice(await alice.revocation({ did: mallory.did }));
    assert.deepEqual(
      [withdrawn.kind, 'target' in withdrawn && withdrawn.target],
      ['revocation', mallory.did],
    );
  });

  test('only who holds it sets the next policy; a transfer changes that', async () => {
    const [alice, bob] = [new ClientKey(), new ClientKey()];
    const name = `moved@${alice.did}`;
    await here.submitNotice(await alice.policy('moved', { holder: bob.did }));
    const { policy, holder } = await here.namespace(name);
    assert.equal(holder, bob.did);
    const next = {
      owner: alice.did,
      sequence: 2,
      previous: new Uint8Array(Buffer.from(policy?.digest ?? '', 'hex')),
      holder: bob.did,
    };
    await refused('forbidden', here.submitNotice(await alice.policy('moved', next)));
    await here.submitNotice(await bob.policy('moved', next));
    await until('every replica knows it', async () => (await there.namespace(name)).sequence === 2);
    const record = { owner: alice.did, namespace: 'moved', key: 'k', value: utf8('v') };
    await refused('forbidden', here.submitRecord(await alice.author().signRecord(record)));
    await here.submitRecord(await bob.author().signRecord(record));
  });
});

describe('what clients signed', () => {
  test('is carried, and named as the gateway’s clients name it', async () => {
    const alice = new ClientKey();
    const author = alice.author();
    const place = { owner: alice.did, namespace: 'own' };
    await openToAll(alice, 'own');
    const written = await here.submitRecord(
      await author.signRecord({ ...place, key: 'a/b', value: utf8('one'), contentType: 'text/plain' }),
      { durability: 'all' },
    );
    assert.deepEqual(
      [written.namespace, written.key, written.durability, written.replicas.length, written.durable],
      [`own@${alice.did}`, 'a/b', 'all', 2, false],
    );
    const kv = there.kv(`own@${alice.did}`);
    const value = await kv.get('a/b');
    assert.deepEqual(
      [value?.text(), value?.author, value?.etag, value?.contentType],
      ['one', alice.did, written.etag, 'text/plain'],
    );
    await here.submitRecord(await author.signRecord({ ...place, key: 'a/b', value: null }));
    assert.equal(await kv.get('a/b'), null);

    const heard: Delivery[] = [];
    pair.b.node.relay.subscribe({ ...place, topic: 't' }, (one) => heard.push(one));
    const publish = async (text: string) =>
      here.submitEnvelope(
        await author.signEnvelope({ ...place, topic: 't', messages: [utf8(text), utf8('2')] }),
      );
    await untilHeard(publish, () => heard.length > 0);
    const [first, second] = heard;
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual([first.author, second.epoch, second.seq], [alice.did, first.epoch, first.seq + 1]);
  });

  test('of two owners with one name nobody sees or touches the other’s', async () => {
    const [alice, bob] = [new ClientKey(), new ClientKey()];
    const heard = new Map<ClientKey, string[]>([
      [alice, []],
      [bob, []],
    ]);
    await using own = await WsClient.open(`${pair.a.wsUrl}/v1/pubsub/ws?namespace=team&topic=news`, [
      'maillon.json.1',
    ]);
    assert.equal((await own.nextJson())['type'], 'subscribed');
    for (const [key, texts] of heard) {
      await openToAll(key, 'team');
      pair.b.node.relay.subscribe({ owner: key.did, namespace: 'team', topic: 'news' }, ({ data }) => {
        texts.push(Buffer.from(data).toString());
      });
      await here.submitRecord(
        await key.author().signRecord({ owner: key.did, namespace: 'team', key: 'k', value: utf8(key.did) }),
      );
    }
    for (const [key, texts] of heard) {
      const author = key.author();
      const place = { owner: key.did, namespace: 'team', topic: 'news' };
      const publish = async (text: string) =>
        here.submitEnvelope(await author.signEnvelope({ ...place, messages: [utf8(`${key.did} ${text}`)] }));
      await untilHeard(publish, () => texts.length > 0);
      assert.ok(
        texts.every((text) => text.startsWith(key.did)),
        texts.join(),
      );
      const kv = there.kv(`team@${key.did}`);
      assert.equal((await kv.get('k'))?.text(), key.did);
      assert.equal((await kv.list()).entries.length, 1);
    }
    assert.equal(await there.kv('team').get('k'), null, 'and the gateway’s own has neither');
    assert.deepEqual(await there.topics('team'), []);
    assert.deepEqual(await there.topics(`team@${alice.did}`), ['news']);
    const stolen = { owner: bob.did, namespace: 'team', key: 'k', value: utf8('mine') };
    await refused('forbidden', here.submitRecord(await alice.author().signRecord(stolen)));
    await refused('forbidden', here.kv(`team@${bob.did}`).put('k', 'the gateway’s'));
    await refused('forbidden', here.kv(`team@${bob.did}`).delete('k'));
    await refused('forbidden', here.publish({ namespace: `team@${bob.did}`, topic: 'news', data: 'x' }));
    assert.equal((await there.kv(`team@${bob.did}`).get('k'))?.text(), bob.did);
    await here.publish({ namespace: 'team', topic: 'news', data: 'own' });
    const first = await own.nextJson();
    assert.deepEqual(
      [first['type'], first['data_base64']],
      ['message', Buffer.from('own').toString('base64')],
    );
    own.send({ type: 'publish', namespace: `team@${bob.did}`, topic: 'news', data_base64: 'eA==' });
    const answer = await own.nextJson();
    assert.deepEqual([answer['type'], answer['code']], ['error', 'forbidden']);
  });

  test('goes as far as it was granted: prefixes, and until it is revoked', async () => {
    const [alice, bob] = [new ClientKey(), new ClientKey()];
    const { bytes, link } = await alice.grant(bob.did, 'shared', { prefix: 'news/' });
    await openToAll(alice, 'shared');
    const author = bob.author([bytes]);
    const place = { owner: alice.did, namespace: 'shared' };
    const write = async (key: string) =>
      here.submitRecord(await author.signRecord({ ...place, key, value: utf8('v') }));
    const publish = async (topic: string) =>
      here.submitEnvelope(await author.signEnvelope({ ...place, topic, messages: [utf8('m')] }));
    await write('news/1');
    await publish('news/1');
    for (const outside of ['news', 'New/1', 'other/news/1']) {
      await refused('forbidden', write(outside));
      await refused('forbidden', publish(outside));
    }
    await refused(
      'forbidden',
      here.submitRecord(
        await bob.author().signRecord({ ...place, key: 'news/1', value: utf8('without the chain') }),
      ),
    );
    await here.submitNotice(await alice.revocation({ link: link.digest }));
    assert.equal((await refused('forbidden', write('news/2'))).status, 403);
    await refused('forbidden', publish('news/2'));
    await until('the other gateway knows it as well', async () => {
      const bytes = await author.signRecord({ ...place, key: 'news/3', value: utf8('v') });
      return there.submitRecord(bytes).then(
        () => false,
        (error: unknown) => error instanceof ClientError && error.code === 'forbidden',
      );
    });
    assert.equal((await there.kv(`shared@${alice.did}`).get('news/1'))?.text(), 'v', 'what was, stays');
  });

  test('of another swarm, too late, twice or below what is there, is refused', async () => {
    const alice = new ClientKey();
    const place = { owner: alice.did, namespace: 'own' };
    const envelope = { ...place, topic: 't', messages: [utf8('m')] };
    const foreign = alice.author([], 'other-swarm');
    await refused('bad_envelope', here.submitEnvelope(await foreign.signEnvelope(envelope)));
    const record = { ...place, key: 'once', value: utf8('v') };
    await refused('bad_record', here.submitRecord(await foreign.signRecord(record)));
    const bytes = await alice.author().signEnvelope(envelope);
    await here.submitEnvelope(bytes);
    assert.equal((await refused('duplicate', here.submitEnvelope(bytes))).status, 409);
    const [older, newer] = [await alice.author().signRecord(record), await alice.author().signRecord(record)];
    const { etag } = await here.submitRecord(newer);
    const error = await refused('precondition_failed', here.submitRecord(older));
    assert.equal(error.detail?.['etag'], etag);
  });
});

describe('what is no signed object', () => {
  const PATHS = [
    ['/v1/pubsub/envelopes', 'bad_envelope'],
    ['/v1/records', 'bad_record'],
    ['/v1/namespaces/notices', 'bad_notice'],
  ] as const;

  test('is refused by name, whatever it is', async () => {
    for (const [path, code] of PATHS) {
      for (const body of [new Uint8Array(), utf8('{}'), Uint8Array.of(0x80), Uint8Array.of(0x8d, 1)]) {
        const answer = await post(path, body);
        assert.ok(body.length === 0 || answer.body.code === code, `${path}: ${answer.text}`);
        assert.equal(answer.status, 400, answer.text);
      }
      assert.deepEqual(outcome(await post(path, utf8('{}'), { 'content-type': 'application/json' })), [
        415,
        'unsupported_media_type',
      ]);
      assert.deepEqual(outcome(await rawRequest(pair.a.url, path, { method: 'POST' })), [400, 'bad_request']);
    }
    assert.deepEqual(outcome(await post('/v1/namespaces/notices', new Uint8Array(NOTICE_MAX_BYTES + 1))), [
      413,
      'too_large',
    ]);
    assert.deepEqual(outcome(await post('/v1/records?durability=most', utf8('x'))), [400, 'bad_request']);
  });

  test('neither pages of other sites nor other hosts reach the routes', async () => {
    for (const [path] of PATHS) {
      const page = await post(path, utf8('x'), { ...TYPE, origin: 'https://evil.example' });
      assert.deepEqual(outcome(page), [403, 'foreign_origin']);
      const host = await post(path, utf8('x'), { ...TYPE, host: 'evil.example' });
      assert.deepEqual(outcome(host), [421, 'foreign_host']);
    }
    const read = await rawRequest(pair.a.url, '/v1/namespaces/default', {
      headers: { host: 'evil.example' },
    });
    assert.equal(read.status, 421);
  });
});

test('info and OpenAPI name the routes, the limits and the errors', async () => {
  const info = await here.info();
  assert.ok(info.features.includes('namespaces') && info.features.includes('signed'));
  assert.ok(info.protocols.includes('/maillon/namespaces/1'));
  const codes = new Set(info.errors.map(({ code }) => code));
  for (const code of [
    'forbidden',
    'bad_envelope',
    'bad_record',
    'bad_notice',
    'duplicate',
    'policy_conflict',
  ]) {
    assert.ok(codes.has(code), code);
  }
  const { paths } = (await rawRequest(pair.a.url, '/openapi.json')).body;
  assert.ok(paths['/v1/namespaces/{namespace}'].get !== undefined);
  for (const path of ['/v1/namespaces/notices', '/v1/pubsub/envelopes', '/v1/records']) {
    const types = Object.keys(paths[path].post.requestBody.content);
    assert.deepEqual(types, [
      'application/cbor',
      'application/vnd.ipld.dag-cbor',
      'application/octet-stream',
    ]);
  }
});
