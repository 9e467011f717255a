import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as dagCbor from '@ipld/dag-cbor';
import { MESSAGE_MAX_BYTES } from '../../protocols/relay/constants.ts';
import { until } from '../support/processes.ts';
import { SseClient } from '../support/sse-client.ts';
import { type Site, startSite } from '../support/start-gateway.ts';
import { WsClient } from '../support/ws-client.ts';

let site: Site;
before(async () => {
  site = await startSite();
});
after(async () => site[Symbol.asyncDispose]());

/** A topic no other test uses. */
let topics = 0;
function freshTopic(): string {
  topics += 1;
  return `topic-${topics}`;
}

async function publish(topic: string, text: string, namespace?: string): Promise<string> {
  const response = await fetch(`${site.url}/v1/pubsub/publish`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ topic, namespace, data_base64: Buffer.from(text).toString('base64') }),
  });
  assert.equal(response.status, 200);
  return ((await response.json()) as { messageIds: [string] }).messageIds[0];
}

const ws = (topic: string, query = ''): string => `${site.wsUrl}/v1/pubsub/ws?topic=${topic}${query}`;

function memberQuery(member: string): string {
  return `&presence=true&member_id=${member}&member_meta={"n":"${member}"}`;
}

/** A DeBros client is not told when it is subscribed; the node knows. */
async function subscribed(count: number): Promise<void> {
  await until(`${count} topics subscribed`, () => site.node.status().relay.subscriptions === count);
}

describe('SSE', () => {
  test('messages come as events with a cursor, after a marker that it is live', async () => {
    const topic = freshTopic();
    await using client = await SseClient.open(`${site.url}/v1/pubsub/sse?topic=${topic}`);
    assert.match(client.response.headers.get('content-type') ?? '', /^text\/event-stream/);
    assert.deepEqual(await client.next(), {
      id: undefined,
      event: 'caughtUp',
      data: { namespace: 'default', topic },
    });
    const id = await publish(topic, 'two\nlines');
    const event = await client.next();
    assert.equal(event?.id, id);
    assert.equal(event?.event, 'message');
    const { author, epoch, time, ...rest } = event?.data ?? {};
    assert.match(String(author), /^did:key:z6Mk/);
    assert.ok(Number.isSafeInteger(epoch));
    assert.ok(Math.abs(Number(time) - Date.now()) < 20_000);
    assert.deepEqual(rest, {
      id,
      namespace: 'default',
      topic,
      seq: 1,
      data_base64: Buffer.from('two\nlines').toString('base64'),
    });
  });

  for (const [what, query, headers] of [
    ['Last-Event-ID', '', { 'last-event-id': 'bafy:0' }],
    ['?cursor=', '&cursor=bafy:0', {}],
  ] as const) {
    test(`a resume by ${what} is told honestly that there is a gap`, async () => {
      await using client = await SseClient.open(
        `${site.url}/v1/pubsub/sse?topic=${freshTopic()}${query}`,
        headers,
      );
      const gap = await client.next();
      assert.deepEqual([gap?.event, gap?.data['code']], ['gap', 'no_history']);
      assert.equal((await client.next())?.event, 'caughtUp');
    });
  }

  test('namespaces do not mix', async () => {
    const topic = freshTopic();
    await using client = await SseClient.open(`${site.url}/v1/pubsub/sse?topic=${topic}&namespace=mine`);
    await client.next();
    await publish(topic, 'theirs', 'other');
    const id = await publish(topic, 'mine', 'mine');
    assert.equal((await client.next())?.id, id);
  });

  test('a bad topic is refused before it streams', async () => {
    const response = await fetch(`${site.url}/v1/pubsub/sse?topic=`);
    assert.equal(response.status, 400);
    assert.equal(((await response.json()) as { code: string }).code, 'bad_topic');
  });

  test('a client that left is forgotten', async () => {
    const client = await SseClient.open(`${site.url}/v1/pubsub/sse?topic=${freshTopic()}`);
    await client.next();
    await client[Symbol.asyncDispose]();
    await subscribed(0);
  });
});

describe('WebSocket E1', () => {
  test('payloads go raw both ways, the publisher gets its own, text or binary', async () => {
    const topic = freshTopic();
    await using client = await WsClient.open(ws(topic));
    assert.equal(client.socket.protocol, '');
    for (const payload of ['text', Buffer.from([0, 255, 1])]) {
      client.send(payload);
      assert.deepEqual(await client.next(), { data: Buffer.from(payload), isBinary: true });
    }
    await publish(topic, 'over HTTP');
    assert.equal((await client.next()).data.toString(), 'over HTTP');
  });

  test('clients of every kind on one topic get the same message', async () => {
    const topic = freshTopic();
    await using raw = await WsClient.open(ws(topic));
    await using envelope = await WsClient.open(ws(topic), ['maillon.e2']);
    await using native = await WsClient.open(ws(topic), ['maillon.json.1']);
    await native.next();
    await publish(topic, 'all');
    assert.equal((await raw.next()).data.toString(), 'all');
    assert.equal((await envelope.nextJson())['data'], 'YWxs');
    assert.equal((await native.nextJson())['data_base64'], 'YWxs');
  });

  test('a message above the limit closes with 1009, as does one above the frame limit', async () => {
    for (const bytes of [MESSAGE_MAX_BYTES + 1, 250_000]) {
      await using client = await WsClient.open(ws(freshTopic()));
      client.send(Buffer.alloc(bytes));
      assert.equal((await client.closed).code, 1009);
    }
  });

  test('a client ping is answered', async () => {
    await using client = await WsClient.open(ws(freshTopic()));
    const pong = new Promise<string>((resolve) => {
      client.socket.on('pong', (data) => resolve(data.toString()));
    });
    client.socket.ping('are you there');
    assert.equal(await pong, 'are you there');
  });
});

describe('WebSocket E2', () => {
  for (const [what, query, protocols] of [
    ['subprotocol', '', ['maillon.e2']],
    ['?frames=json', '&frames=json', []],
  ] as const) {
    test(`${what} chooses JSON frames`, async () => {
      const topic = freshTopic();
      await using client = await WsClient.open(ws(topic, query), [...protocols]);
      client.send({ type: 'ping' });
      client.send('hello');
      const { timestamp, ...rest } = await client.nextJson();
      assert.equal(typeof timestamp, 'number');
      assert.deepEqual(
        rest,
        { data: Buffer.from('hello').toString('base64'), topic },
        'the ping was swallowed',
      );
    });
  }

  test('presence: who is there is told to all who asked, and listed', async () => {
    const topic = freshTopic();
    await using ann = await WsClient.open(ws(topic, memberQuery('ann')));
    const joined = await ann.nextJson();
    assert.equal(typeof joined['timestamp'], 'number');
    assert.deepEqual(joined, {
      type: 'presence.join',
      member_id: 'ann',
      memberId: 'ann',
      meta: { n: 'ann' },
      timestamp: joined['timestamp'],
      topic,
    });
    const bob = await WsClient.open(ws(topic, memberQuery('bob')));
    assert.equal((await ann.nextJson())['member_id'], 'bob');
    const list = await (await fetch(`${site.url}/v1/pubsub/presence?topic=${topic}`)).json();
    assert.deepEqual(
      (list as { count: number; members: { member_id: string }[] }).members.map((m) => m.member_id),
      ['ann', 'bob'],
    );
    await bob[Symbol.asyncDispose]();
    const left = await ann.nextJson();
    assert.deepEqual([left['type'], left['member_id']], ['presence.leave', 'bob']);
  });

  test('presence without a usable member is refused', async () => {
    for (const query of [
      '',
      '&member_id=',
      `&member_id=${'x'.repeat(129)}`,
      '&member_id=a&member_meta=[1]',
    ]) {
      const { status, body } = await WsClient.refused(ws(freshTopic(), `&presence=true${query}`));
      assert.deepEqual([status, (body as { code: string }).code], [400, 'bad_member'], query);
    }
  });
});

describe('WebSocket native', () => {
  test('JSON: subscribed, published, message, pong, each with its ref', async () => {
    const topic = freshTopic();
    await using client = await WsClient.open(ws(topic, '&namespace=n'), ['unknown.1', 'maillon.json.1']);
    assert.equal(client.socket.protocol, 'maillon.json.1');
    assert.deepEqual(await client.nextJson(), { type: 'subscribed', namespace: 'n', topic });
    client.send({ type: 'publish', ref: 7, data_base64: 'aGk=' });
    const frames = [await client.nextJson(), await client.nextJson()];
    const published = frames.find((frame) => frame['type'] === 'published');
    const message = frames.find((frame) => frame['type'] === 'message');
    assert.deepEqual(published, {
      type: 'published',
      ref: 7,
      namespace: 'n',
      topic,
      id: published?.['id'],
      messageIds: [message?.['id']],
      peersReached: 0,
      storedBy: [],
      durable: false,
    });
    assert.deepEqual(
      [message?.['namespace'], message?.['topic'], message?.['data_base64']],
      ['n', topic, 'aGk='],
    );
    client.send({ type: 'ping', ref: 'p' });
    assert.deepEqual(await client.nextJson(), { type: 'pong', ref: 'p' });
  });

  test('JSON: what is wrong is answered, and the connection stays', async () => {
    await using client = await WsClient.open(ws(freshTopic()), ['maillon.json.1']);
    await client.nextJson();
    const tooLarge = Buffer.alloc(MESSAGE_MAX_BYTES + 1).toString('base64');
    for (const [frame, code] of [
      ['{', 'bad_frame'],
      [{ type: 'nonsense', ref: 1 }, 'bad_frame'],
      [{ type: 'publish', ref: 1, data_base64: 'x' }, 'bad_base64'],
      [{ type: 'publish', ref: 1, data_base64: '', more: 1 }, 'unknown_field'],
      [{ type: 'publish', ref: 1, data_base64: '', expiry: 1 }, 'bad_expiry'],
      [{ type: 'publish', ref: 1, data_base64: tooLarge }, 'too_large'],
      [Buffer.from('{}'), 'bad_frame'],
    ] as const) {
      client.send(frame);
      const answer = await client.nextJson();
      assert.deepEqual([answer['type'], answer['code']], ['error', code]);
      assert.equal(answer['ref'], typeof frame === 'object' && 'ref' in frame ? 1 : undefined);
    }
    client.send({ type: 'ping' });
    assert.deepEqual(await client.nextJson(), { type: 'pong' });
  });

  test('JSON: publishing in a row keeps the order', async () => {
    await using client = await WsClient.open(ws(freshTopic()), ['maillon.json.1']);
    const count = 300;
    for (let n = 0; n < count; n++) client.send({ type: 'publish', ref: n, data_base64: btoa(String(n)) });
    const seen: number[] = [];
    const refs: unknown[] = [];
    while (seen.length < count || refs.length < count) {
      const frame = await client.nextJson();
      if (frame['type'] === 'message') seen.push(Number(atob(String(frame['data_base64']))));
      if (frame['type'] === 'published') refs.push(frame['ref']);
    }
    const expected = Array.from({ length: count }, (_, n) => n);
    assert.deepEqual(seen, expected);
    assert.deepEqual(refs, expected);
  });

  test('CBOR: the same frames, data as bytes', async () => {
    const topic = freshTopic();
    await using client = await WsClient.open(ws(topic), ['maillon.cbor.1']);
    const next = async (): Promise<Record<string, unknown>> => {
      const { data, isBinary } = await client.next();
      assert.ok(isBinary);
      return dagCbor.decode(data);
    };
    assert.deepEqual(await next(), { type: 'subscribed', namespace: 'default', topic });
    client.send(Buffer.from(dagCbor.encode({ type: 'publish', ref: 1, data: Uint8Array.of(1, 2, 3) })));
    const frames = [await next(), await next()];
    assert.deepEqual(frames.find((frame) => frame['type'] === 'message')?.['data'], Uint8Array.of(1, 2, 3));
    assert.equal(frames.find((frame) => frame['type'] === 'published')?.['ref'], 1);
  });
});

describe('WebSocket handshake', () => {
  test('what HTTP would refuse is refused before the upgrade', async () => {
    for (const [url, headers, status, code] of [
      [ws(''), {}, 400, 'bad_topic'],
      [ws('a', '&namespace=BAD'), {}, 400, 'bad_namespace'],
      [ws('a', '&frames=xml'), {}, 400, 'bad_request'],
      [ws('a'), { host: 'evil.example' }, 421, 'foreign_host'],
      [ws('a'), { origin: 'https://evil.example' }, 403, 'foreign_origin'],
      [ws('a'), { origin: 'null' }, 403, 'foreign_origin'],
      [`${site.wsUrl}/livez`, {}, 400, 'bad_handshake'],
      [`${site.wsUrl}/nowhere`, {}, 404, 'not_found'],
    ] as const) {
      const answer = await WsClient.refused(url, headers);
      assert.deepEqual([answer.status, (answer.body as { code: string }).code], [status, code], url);
    }
  });

  test('without an upgrade the route says what it wants', async () => {
    const response = await fetch(`${site.url}/v1/pubsub/ws?topic=a`);
    assert.equal(response.status, 426);
    assert.equal(response.headers.get('upgrade'), 'websocket');
  });
});

test('whoever left is forgotten, in every dialect', async () => {
  const clients = await Promise.all(
    [[], ['maillon.e2'], ['maillon.json.1'], ['maillon.cbor.1']].map(async (protocols) =>
      WsClient.open(ws(freshTopic()), protocols),
    ),
  );
  await subscribed(4);
  for (const client of clients) await client[Symbol.asyncDispose]();
  await subscribed(0);
});
