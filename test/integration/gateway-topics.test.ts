import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import * as dagCbor from '@ipld/dag-cbor';
import { WebSocket } from 'ws';
import { OWNER } from '../support/owner.ts';
import { until } from '../support/processes.ts';
import { type Site, startSite } from '../support/start-gateway.ts';
import { WsClient } from '../support/ws-client.ts';

type Frame = Readonly<Record<string, unknown>>;

let site: Site;
before(async () => {
  site = await startSite();
});
after(async () => site[Symbol.asyncDispose]());

/** A connection in one of the two native forms, its data as text. */
class Native implements AsyncDisposable {
  readonly client: WsClient;
  readonly #isCbor: boolean;

  private constructor(client: WsClient, isCbor: boolean) {
    this.client = client;
    this.#isCbor = isCbor;
  }

  static async open(form: 'json' | 'cbor', query = ''): Promise<Native> {
    const client = await WsClient.open(`${site.wsUrl}/v1/pubsub/ws${query}`, [`maillon.${form}.1`]);
    return new Native(client, form === 'cbor');
  }

  send(frame: Frame): void {
    const { data, ...rest } = frame;
    if (this.#isCbor) {
      const bytes = typeof data === 'string' ? { data: Uint8Array.from(Buffer.from(data)) } : {};
      this.client.send(Buffer.from(dagCbor.encode({ ...rest, ...bytes })));
    } else {
      this.client.send({ ...rest, ...(typeof data === 'string' ? { data_base64: btoa(data) } : {}) });
    }
  }

  async next(): Promise<Frame> {
    const frame = await this.client.next();
    if (!this.#isCbor) {
      const { data_base64, ...rest } = JSON.parse(frame.data.toString()) as Frame;
      return data_base64 === undefined ? rest : { ...rest, data: atob(data_base64 as string) };
    }
    const { data, ...rest } = dagCbor.decode<Frame>(frame.data);
    return data === undefined ? rest : { ...rest, data: Buffer.from(data as Uint8Array).toString() };
  }

  /** Sends a frame and returns what comes next. */
  async ask(frame: Frame): Promise<Frame> {
    this.send(frame);
    return this.next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
  }
}

async function publish(topic: string, text: string, namespace = 'default'): Promise<void> {
  await site.node.relay.publish({ owner: OWNER.did, namespace, topic, data: Buffer.from(text) });
}

const brief = ({ type, topic, data }: Frame): unknown[] => [type, topic, data];

for (const form of ['json', 'cbor'] as const) {
  describe(`several topics on one connection, ${form}`, () => {
    test('none at first; each comes with its acknowledgement and goes with it', async () => {
      await using native = await Native.open(form, '?namespace=n');
      assert.deepEqual(await native.next(), { type: 'open', namespace: 'n' });
      assert.deepEqual(await native.ask({ type: 'subscribe', ref: 1, topic: 'a' }), {
        type: 'subscribed',
        ref: 1,
        namespace: 'n',
        topic: 'a',
      });
      assert.deepEqual(await native.ask({ type: 'subscribe', ref: 'b', namespace: 'other', topic: 'b' }), {
        type: 'subscribed',
        ref: 'b',
        namespace: 'other',
        topic: 'b',
      });
      await publish('b', 'not this namespace', 'n');
      await publish('b', '1', 'other');
      assert.deepEqual(brief(await native.next()), ['message', 'b', '1']);
      await publish('a', '2', 'n');
      assert.deepEqual(brief(await native.next()), ['message', 'a', '2']);
      assert.deepEqual(await native.ask({ type: 'unsubscribe', ref: 2, topic: 'a' }), {
        type: 'unsubscribed',
        ref: 2,
        namespace: 'n',
        topic: 'a',
      });
      await publish('a', 'too late', 'n');
      await publish('b', '3', 'other');
      assert.deepEqual(brief(await native.next()), ['message', 'b', '3']);
    });

    test('asked for twice it comes once and goes at once; what was never asked for can be left', async () => {
      await using native = await Native.open(form, '?topic=twice');
      assert.deepEqual(await native.next(), { type: 'subscribed', namespace: 'default', topic: 'twice' });
      for (let n = 0; n < 2; n++) {
        assert.equal((await native.ask({ type: 'subscribe', topic: 'twice' }))['type'], 'subscribed');
      }
      await publish('twice', 'once');
      assert.deepEqual(brief(await native.next()), ['message', 'twice', 'once']);
      for (const topic of ['twice', 'twice', 'never']) {
        assert.deepEqual(await native.ask({ type: 'unsubscribe', topic }), {
          type: 'unsubscribed',
          namespace: 'default',
          topic,
        });
      }
      await publish('twice', 'late');
      assert.equal((await native.ask({ type: 'ping' }))['type'], 'pong');
      await until('the node has no subscription', () => site.node.status().relay.subscriptions === 0);
    });

    test('publishing needs a topic, but no subscription', async () => {
      await using native = await Native.open(form);
      await native.next();
      const { error, ...refused } = await native.ask({ type: 'publish', ref: 1, data: 'x' });
      assert.deepEqual(refused, { type: 'error', code: 'bad_topic', ref: 1, namespace: 'default' });
      assert.match(String(error), /name a topic/);
      const published = await native.ask({ type: 'publish', ref: 2, topic: 'elsewhere', data: 'x' });
      assert.deepEqual(
        [published['type'], published['ref'], published['topic']],
        ['published', 2, 'elsewhere'],
      );
    });

    test('what is wrong is named, and nothing is subscribed to for it', async () => {
      await using native = await Native.open(form);
      await native.next();
      for (const [fields, code, words] of [
        [{}, 'bad_topic', /topic/],
        [{ topic: '' }, 'bad_topic', /topic/],
        [{ topic: 'x'.repeat(257) }, 'bad_topic', /256/],
        [{ topic: 'line\nfeed' }, 'bad_topic', /control/],
        [{ topic: 7 }, 'bad_topic', /topic/],
        [{ topic: 't', namespace: 'BAD' }, 'bad_namespace', /namespace/],
        [{ topic: 't', extra: 1 }, 'unknown_field', /frame .* "extra": it takes type, ref, namespace, topic/],
        [{ topic: 't', topics: ['u'] }, 'unknown_field', /topics/],
      ] as const) {
        for (const type of ['subscribe', 'unsubscribe']) {
          const answer = await native.ask({ type, ref: 9, ...fields });
          assert.deepEqual([answer['type'], answer['code'], answer['ref']], ['error', code, 9]);
          assert.match(String(answer['error']), words);
        }
      }
      assert.equal(site.node.status().relay.subscriptions, 0);
    });

    test('a topic too many is refused until one is given back', async () => {
      await using native = await Native.open(form, '?topic=url');
      await native.next();
      const max = site.config['gateway.topicsPerClient'];
      for (let n = 1; n < max; n++) native.send({ type: 'subscribe', ref: n, topic: `many-${n}` });
      for (let n = 1; n < max; n++) assert.equal((await native.next())['ref'], n);
      const { error, ...refused } = await native.ask({ type: 'subscribe', ref: max, topic: 'one more' });
      assert.deepEqual(refused, {
        type: 'error',
        code: 'too_many_topics',
        ref: max,
        namespace: 'default',
        topic: 'one more',
      });
      assert.match(String(error), new RegExp(`${max} topics`));
      assert.equal((await native.ask({ type: 'subscribe', topic: 'many-1' }))['type'], 'subscribed');
      await native.ask({ type: 'unsubscribe', topic: 'url' });
      assert.equal((await native.ask({ type: 'subscribe', topic: 'one more' }))['type'], 'subscribed');
      await publish('one more', 'x');
      assert.deepEqual(brief(await native.next()), ['message', 'one more', 'x']);
    });
  });
}

describe('clients that come and go without end', () => {
  test('a flood of subscribing and unsubscribing is answered in order and leaves nothing', async () => {
    await using native = await Native.open('json');
    await native.next();
    const count = 2_000;
    for (let n = 0; n < count; n++) {
      native.send({ type: 'subscribe', ref: 2 * n, topic: `flood-${n % 10}` });
      native.send({ type: 'unsubscribe', ref: 2 * n + 1, topic: `flood-${n % 10}` });
    }
    for (let n = 0; n < 2 * count; n++) {
      const { type, ref } = await native.next();
      assert.deepEqual([type, ref], [n % 2 === 0 ? 'subscribed' : 'unsubscribed', n]);
    }
    assert.equal(site.gateway.metrics.subscriptions, 0);
    assert.equal(site.node.status().relay.subscriptions, 0);
  });

  test('unsubscribing in the middle of a burst: all before the acknowledgement, none after', async () => {
    await using native = await Native.open('json', '?topic=burst');
    await native.next();
    await native.ask({ type: 'subscribe', topic: 'end' });
    const published = Array.from({ length: 300 }, (_, n) => publish('burst', `${n}`));
    const got: unknown[] = [];
    let frame = await native.next();
    for (; frame['type'] === 'message'; frame = await native.next()) {
      if (got.length === 0) native.send({ type: 'unsubscribe', ref: 'stop', topic: 'burst' });
      got.push(frame['data']);
    }
    assert.deepEqual([frame['type'], frame['ref']], ['unsubscribed', 'stop']);
    assert.deepEqual(
      got,
      got.map((_, n) => `${n}`),
    );
    await Promise.all(published);
    await publish('end', 'x');
    assert.deepEqual(brief(await native.next()), ['message', 'end', 'x']);
  });

  test('a connection that breaks off while it subscribes is forgotten', async () => {
    const { metrics } = site.gateway;
    const before = metrics.websocketClients;
    for (let round = 0; round < 5; round++) {
      const native = await Native.open('json');
      for (let n = 0; n < 100; n++) native.send({ type: 'subscribe', topic: `gone-${n}` });
      native.send({ type: 'publish', topic: 'gone-1', data: 'x' });
      native.client.socket.terminate();
    }
    await until('all are gone', () => metrics.websocketClients === before && metrics.subscriptions === 0);
    assert.equal(site.node.status().relay.subscriptions, 0);
  });
});

describe('the handshake', () => {
  test('clients of one topic must name it; native ones, and whoever asks over HTTP, need not', async () => {
    for (const query of ['', '?frames=json', '?namespace=n', '?presence=true&member_id=a']) {
      const { status, body } = await WsClient.refused(`${site.wsUrl}/v1/pubsub/ws${query}`);
      assert.deepEqual([status, (body as { code: string }).code], [400, 'bad_topic'], query);
    }
    const unknown = await WsClient.refused(`${site.wsUrl}/v1/pubsub/ws`, {
      'sec-websocket-protocol': 'unknown.1',
    });
    assert.equal(unknown.status, 400);
    assert.equal((await fetch(`${site.url}/v1/pubsub/ws`)).status, 426);
    await using native = await Native.open('cbor');
    assert.deepEqual(await native.next(), { type: 'open', namespace: 'default' });
  });

  test('compression is not agreed to: it would cost each connection 240 kB', async () => {
    const socket = new WebSocket(`${site.wsUrl}/v1/pubsub/ws`, ['maillon.json.1'], {
      perMessageDeflate: true,
    });
    const [[response]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')]);
    assert.equal(response.headers['sec-websocket-extensions'], undefined);
    assert.equal(socket.extensions, '');
    socket.terminate();
    await once(socket, 'close');
  });
});

test('the gateway counts what it does', async () => {
  await using other = await startSite();
  const { metrics } = other.gateway;
  await using client = await WsClient.open(`${other.wsUrl}/v1/pubsub/ws?topic=t`, ['maillon.json.1']);
  await client.next();
  client.send({ type: 'publish', data_base64: btoa('x') });
  client.send({ type: 'publish', data_base64: btoa('x'), expiry: 1 });
  for (let n = 0; n < 3; n++) await client.next();
  const body = JSON.stringify({ topic: 't', data_base64: '' });
  const headers = { 'content-type': 'application/json' };
  await fetch(`${other.url}/v1/pubsub/publish`, { method: 'POST', headers, body });
  const sse = await fetch(`${other.url}/v1/pubsub/sse?topic=u`);
  await client.next();
  await until('the event was written', () => metrics.framesSent === 6);
  const { bytesSent, rateLimited, authFailures, ...rest } = metrics;
  assert.deepEqual(rest, {
    websocketClients: 1,
    sseClients: 1,
    pausedClients: 0,
    subscriptions: 2,
    queueBytes: 0,
    cutClients: 0,
    // subscribed, two messages, published, error; caughtUp
    framesSent: 6,
    messagesIn: 3,
    publishFailures: 1,
  });
  for (const refused of [rateLimited, authFailures]) assert.ok([...refused.values()].every((n) => n === 0));
  assert.ok(bytesSent > 500 && bytesSent < 5_000, `${bytesSent}`);
  await sse.body?.cancel();
  await client[Symbol.asyncDispose]();
  await until(
    'nobody is left',
    () => metrics.websocketClients + metrics.sseClients + metrics.subscriptions === 0,
  );
});
