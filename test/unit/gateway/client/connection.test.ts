import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection, type WebSocketLike } from '../../../../gateway/client/connection.ts';
import type { Stream } from '../../../../gateway/client/stream.ts';

type Listener = (event: { data: unknown; code: number; reason: string }) => void;

/** A WebSocket whose server is the test. */
class FakeWebSocket implements WebSocketLike {
  readonly url: string;
  readonly sent: Record<string, unknown>[] = [];
  closed = false;
  readonly #listeners = new Map<string, Listener>();

  constructor(url: string) {
    this.url = url;
  }

  send(data: string): void {
    this.sent.push(JSON.parse(data) as Record<string, unknown>);
  }

  close(): void {
    this.closed = true;
  }

  addEventListener(type: string, listener: unknown): void {
    this.#listeners.set(type, listener as Listener);
  }

  emit(type: string, event: { data?: unknown; code?: number; reason?: string } = {}): void {
    this.#listeners.get(type)?.({ data: undefined, code: 0, reason: '', ...event });
  }

  say(frame: unknown): void {
    this.emit('message', { data: typeof frame === 'string' ? frame : JSON.stringify(frame) });
  }
}

function open(fetch: typeof globalThis.fetch = globalThis.fetch) {
  const sockets: FakeWebSocket[] = [];
  let overs = 0;
  const connection = new Connection({
    admit: () => ({ url: new URL('https://gateway.example/v1/pubsub/ws') }),
    ask: async () => fetch('https://gateway.example/v1/pubsub/ws'),
    WebSocket: class extends FakeWebSocket {
      constructor(url: string) {
        super(url);
        sockets.push(this);
      }
    },
    onOver: () => (overs += 1),
  });
  const [socket] = sockets;
  assert.ok(socket !== undefined);
  const subscribe = (topic: string): Stream =>
    connection.subscribe({ namespace: undefined, topic, signal: undefined });
  return { socket, connection, subscribe, overs: () => overs };
}

function message(topic: string, text: string): object {
  const head = { id: `${text}:0`, author: 'did:key:z', epoch: 1, seq: 1, time: 1 };
  return { type: 'message', namespace: 'default', topic, ...head, data_base64: btoa(text) };
}

const leave = async (stream: Stream): Promise<unknown> => stream[Symbol.asyncIterator]().return?.();

test('what is wanted is asked for once it is open, and given back when nobody wants it', async () => {
  const { socket, subscribe, overs } = open();
  assert.equal(socket.url, 'wss://gateway.example/v1/pubsub/ws');
  const [early, gone] = [subscribe('a'), subscribe('gone')];
  await leave(gone);
  assert.deepEqual(socket.sent, []);
  socket.emit('open');
  const late = subscribe('b');
  assert.deepEqual(socket.sent.splice(0), [
    { type: 'subscribe', ref: 1, namespace: 'default', topic: 'a' },
    { type: 'subscribe', ref: 2, namespace: 'default', topic: 'b' },
  ]);
  await leave(late);
  assert.deepEqual(socket.sent.splice(0), [{ type: 'unsubscribe', namespace: 'default', topic: 'b' }]);
  assert.deepEqual([socket.closed, overs()], [false, 0]);
  await leave(early);
  assert.deepEqual([socket.closed, overs(), socket.sent], [true, 1, []]);
});

test('a topic is live from its own acknowledgement on', async () => {
  const { socket, subscribe } = open();
  subscribe('other');
  const before = subscribe('a');
  socket.emit('open');
  await leave(before);
  const stream = subscribe('a');
  const { ref } = socket.sent.at(-1) ?? {};
  socket.say({ type: 'subscribed', ref: 2, namespace: 'default', topic: 'a' });
  socket.say(message('a', 'left over'));
  socket.say({ type: 'subscribed', ref, namespace: 'default', topic: 'a' });
  socket.say(message('a', 'mine'));
  await stream.ready;
  const { value } = await stream[Symbol.asyncIterator]().next();
  assert.equal(value?.id, 'mine:0');
});

test('an error ends whom it is about; one about nobody, or a frame of a kind not known, ends nobody', async () => {
  const { socket, subscribe } = open();
  const [a, b] = [subscribe('a'), subscribe('b')];
  socket.emit('open');
  for (const frame of [{ type: 'news' }, { type: 'error', code: 'internal', error: 'x' }]) socket.say(frame);
  socket.say({
    type: 'error',
    ref: 1,
    code: 'too_many_topics',
    error: 'no',
    namespace: 'default',
    topic: 'a',
  });
  await assert.rejects(a.ready, { code: 'too_many_topics', status: 0 });
  socket.say({ type: 'subscribed', ref: 2, namespace: 'default', topic: 'b' });
  await b.ready;
});

test('what is no frame ends all, and so does a loss', async () => {
  for (const [what, act, expected] of [
    ['no JSON', (socket: FakeWebSocket) => socket.say('{'), { code: 'bad_answer' }],
    ['no object', (socket: FakeWebSocket) => socket.say('1'), { code: 'bad_answer' }],
    [
      'a loss',
      (socket: FakeWebSocket) => socket.emit('close', { code: 1006 }),
      { code: 'closed', status: 1006 },
    ],
    [
      'a cut',
      (socket: FakeWebSocket) => socket.emit('close', { code: 4008, reason: 'too slow' }),
      { code: 'too_slow', status: 4008, message: 'too slow' },
    ],
  ] as const) {
    const { socket, subscribe, overs } = open();
    const streams = [subscribe('a'), subscribe('b')];
    socket.emit('open');
    act(socket);
    for (const stream of streams) await assert.rejects(stream.ready, expected, what);
    assert.deepEqual([socket.closed, overs()], [true, 1], what);
  }
});

test('a refused connection is explained over HTTP', async () => {
  const answer = { error: 'no', code: 'foreign_origin' };
  const { socket, subscribe } = open(async () => Response.json(answer, { status: 403 }));
  const stream = subscribe('a');
  socket.emit('close', { code: 1006 });
  await assert.rejects(stream.ready, { code: 'foreign_origin', status: 403 });
});
