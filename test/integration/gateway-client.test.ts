import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  type Client,
  ClientError,
  createClient,
  type Message,
  type Stream,
} from '../../gateway/client/index.ts';
import { OWNER } from '../support/owner.ts';
import { until } from '../support/processes.ts';
import { BUILD, type Site, startSite } from '../support/start-gateway.ts';

let site: Site;
let client: Client;
before(async () => {
  site = await startSite();
  client = createClient({ url: site.url });
});
after(async () => site[Symbol.asyncDispose]());

async function take(stream: Stream, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const message of stream) {
    messages.push(message);
    if (messages.length === count) break;
  }
  return messages;
}

describe('the SDK', () => {
  test('what is published arrives, in order, text and bytes', async () => {
    const stream = client.subscribe({ topic: 'sdk', namespace: 'n' });
    await stream.ready;
    const first = await client.publish({ topic: 'sdk', namespace: 'n', data: 'héllo' });
    await client.publish({ topic: 'sdk', namespace: 'n', data: Uint8Array.of(0, 255) });
    const [one, two] = await take(stream, 2);
    assert.equal(new TextDecoder().decode(one?.data), 'héllo');
    assert.deepEqual(two?.data, Uint8Array.of(0, 255));
    assert.deepEqual(
      [one?.id, one?.namespace, one?.topic, one?.seq, two?.seq],
      [first.messageIds[0], 'n', 'sdk', 1, 2],
    );
    await until('leaving the loop unsubscribes', () => site.node.status().relay.subscriptions === 0);
  });

  test('an idempotency key makes a retry the same publish', async () => {
    const options = { topic: 'once', data: 'x', idempotencyKey: 'sdk-1' };
    assert.deepEqual(await client.publish(options), await client.publish(options));
  });

  test("a refusal carries the gateway's code, status and words", async () => {
    await assert.rejects(client.publish({ topic: '', data: 'x' }), (error) => {
      assert.ok(error instanceof ClientError);
      assert.deepEqual([error.code, error.status], ['bad_topic', 400]);
      assert.match(error.message, /topic/);
      return true;
    });
    await assert.rejects(client.topics('BAD'), { code: 'bad_namespace', status: 400 });
  });

  test('a subscription that is refused says why, to whoever waits or iterates', async () => {
    const stream = client.subscribe({ topic: 'x', namespace: 'BAD' });
    await assert.rejects(stream.ready, { code: 'bad_namespace', status: 0 });
    await assert.rejects(take(stream, 1), { code: 'bad_namespace' });
  });

  test('aborting ends the loop', async () => {
    const abort = new AbortController();
    const stream = client.subscribe({ topic: 'abort', signal: abort.signal });
    await stream.ready;
    const taken = take(stream, 1);
    abort.abort();
    assert.deepEqual(await taken, []);
    const late = client.subscribe({ topic: 'abort', signal: abort.signal });
    await assert.rejects(late.ready, { code: 'closed' });
    assert.deepEqual(await take(late, 1), []);
    await until('nobody is subscribed', () => site.node.status().relay.subscriptions === 0);
  });

  test('about the gateway', async () => {
    const { peerId } = site.node.status();
    assert.equal((await client.info()).peerId, peerId);
    assert.equal((await client.status()).node.peerId, peerId);
    assert.equal((await client.version()).version, BUILD.version);
    assert.deepEqual(await client.peers(), []);
    assert.ok((await client.topics()).includes('once'));
  });
});

describe('subscriptions of one client', () => {
  test('share one WebSocket, and each gets its own', async () => {
    await using site = await startSite();
    const client = createClient({ url: site.url });
    const { metrics } = site.gateway;
    const topics = Array.from({ length: 20 }, (_, n) => `topic-${n}`);
    const streams = topics.map((topic) => client.subscribe({ topic }));
    await Promise.all(streams.map((stream) => stream.ready));
    assert.deepEqual([metrics.websocketClients, metrics.subscriptions], [1, 20]);
    const taken = Promise.all(streams.map((stream) => take(stream, 1)));
    for (const topic of topics) await client.publish({ topic, data: `to ${topic}` });
    assert.deepEqual(
      (await taken).map(([message]) => new TextDecoder().decode(message?.data)),
      topics.map((topic) => `to ${topic}`),
    );
    await until('the last one left closes it', () => metrics.websocketClients === 0);
    const again = client.subscribe({ topic: 'again' });
    await again.ready;
    assert.deepEqual([metrics.websocketClients, metrics.subscriptions], [1, 1]);
    assert.deepEqual(await again[Symbol.asyncIterator]().return?.(), { value: undefined, done: true });
    await until('and it closes again', () => metrics.websocketClients === 0);
  });

  test('two to one topic are one at the gateway, and the one that stays goes on', async () => {
    await using site = await startSite();
    const client = createClient({ url: site.url });
    const [first, second] = [
      client.subscribe({ topic: 't' }),
      client.subscribe({ topic: 't', namespace: 'default' }),
    ];
    await Promise.all([first.ready, second.ready]);
    assert.equal(site.gateway.metrics.subscriptions, 1);
    const taken = take(first, 1);
    const stays = take(second, 2);
    await client.publish({ topic: 't', data: 'a' });
    assert.equal((await taken).length, 1);
    await client.publish({ topic: 't', data: 'b' });
    assert.deepEqual(
      (await stays).map(({ data }) => new TextDecoder().decode(data)),
      ['a', 'b'],
    );
  });

  test('one that is read too slowly ends alone', async () => {
    await using site = await startSite();
    const client = createClient({ url: site.url });
    const slow = client.subscribe({ topic: 'slow' });
    const quick = client.subscribe({ topic: 'quick' });
    await Promise.all([slow.ready, quick.ready]);
    const messages = quick[Symbol.asyncIterator]();
    const big = new Uint8Array(100_000);
    // what a stream lets wait is 16 MiB
    for (let n = 0; n < 180; n++) {
      await site.node.relay.publish({ owner: OWNER.did, namespace: 'default', topic: 'slow', data: big });
      await client.publish({ topic: 'quick', data: `${n}` });
      const { value } = await messages.next();
      assert.equal(new TextDecoder().decode(value?.data), `${n}`);
    }
    let got = 0;
    const iterate = async (): Promise<void> => {
      for await (const message of slow) got += message.data.byteLength > 0 ? 1 : 0;
    };
    await assert.rejects(iterate(), { code: 'too_slow', status: 4008 });
    assert.ok(got > 100 && got < 180, 'it gets what had arrived');
    await until('nobody subscribes to it any more', () => site.gateway.metrics.subscriptions === 1);
  });

  test('a lost connection ends all, one topic too many ends that one only', async () => {
    await using site = await startSite({ settings: { 'gateway.topicsPerClient': 2 } });
    const client = createClient({ url: site.url });
    const streams = ['a', 'b'].map((topic) => client.subscribe({ topic }));
    await Promise.all(streams.map((stream) => stream.ready));
    const third = client.subscribe({ topic: 'c' });
    await assert.rejects(third.ready, { code: 'too_many_topics' });
    await client.publish({ topic: 'a', data: 'still here' });
    await site.gateway.stop();
    for (const stream of streams) {
      await assert.rejects(take(stream, 2), { code: 'going_away', status: 4009 });
    }
  });
});

test('a cut is told with its close code, after what had arrived', async () => {
  await using other = await startSite();
  const stream = createClient({ url: other.url }).subscribe({ topic: 't' });
  await stream.ready;
  await other.node.relay.publish({
    owner: OWNER.did,
    namespace: 'default',
    topic: 't',
    data: Buffer.from('last'),
  });
  await other.gateway.stop();
  const got: string[] = [];
  const iterate = async (): Promise<void> => {
    for await (const message of stream) got.push(new TextDecoder().decode(message.data));
  };
  await assert.rejects(iterate(), { code: 'going_away', status: 4009 });
  assert.deepEqual(got, ['last']);
  const nobody = createClient({ url: other.url });
  await assert.rejects(nobody.version(), { code: 'unreachable', status: 0 });
  await assert.rejects(nobody.subscribe({ topic: 't' }).ready, { code: 'unreachable' });
});

test('two gateways: published at one, received at the other', async () => {
  await using first = await startSite();
  const bootstrap = first.node.status().addresses.slice(0, 1);
  await using second = await startSite({ role: 'light', settings: { bootstrap } });
  const stream = createClient({ url: second.url }).subscribe({ topic: 'across' });
  await stream.ready;
  const receipt = await createClient({ url: first.url }).publish({ topic: 'across', data: 'over there' });
  assert.equal(receipt.peersReached, 1);
  const [message] = await take(stream, 1);
  assert.equal(message?.id, receipt.messageIds[0]);
  const [peer] = await createClient({ url: second.url }).peers();
  assert.equal(peer?.id, first.node.status().peerId);
  assert.equal(peer?.connected, true);
});
