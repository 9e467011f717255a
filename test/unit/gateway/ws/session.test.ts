import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import type { WebSocket } from 'ws';
import { EndOfTurn } from '../../../../gateway/core/end-of-turn.ts';
import {
  FRAMES_PER_TURN,
  PING_INTERVAL_MS,
  PINGS_MISSED_MAX,
  SESSION_PUBLISHES_MAX,
  SSE_HEARTBEAT_MS,
} from '../../../../gateway/core/limits.ts';
import { Clients } from '../../../../gateway/delivery/clients.ts';
import { Hub } from '../../../../gateway/delivery/hub.ts';
import { createGatewayMetrics } from '../../../../gateway/observability/metrics.ts';
import { rawDialect } from '../../../../gateway/ws/debros.ts';
import type { Dialect } from '../../../../gateway/ws/dialect.ts';
import { jsonDialect } from '../../../../gateway/ws/native.ts';
import { PING_FRAME } from '../../../../gateway/ws/raw-frame.ts';
import { Session } from '../../../../gateway/ws/session.ts';
import type { TopicName } from '../../../../node/index.ts';
import { FakeRelay } from '../../../support/fake-relay.ts';

const BEATS_PER_PING = PING_INTERVAL_MS / SSE_HEARTBEAT_MS;
const QUEUE_BYTES = 1_000_000;
const topic = { owner: '', namespace: 'default', topic: 't' };

/** As much of a WebSocket as a session uses. */
class FakeSocket extends EventEmitter {
  readonly OPEN = 1;
  readyState = 1;
  isPaused = false;
  ended: number | 'terminated' | undefined;

  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  close(code: number): void {
    this.ended ??= code;
    this.readyState = 2;
  }
  terminate(): void {
    this.ended = 'terminated';
  }
}

function open(dialect: Dialect = rawDialect, relay = new FakeRelay()) {
  const socket = new FakeSocket();
  const writes: Buffer[] = [];
  const raw = Object.assign(new EventEmitter(), {
    writableLength: 0,
    isStalled: false,
    write: (chunk: Buffer) => {
      writes.push(chunk);
      return !raw.isStalled;
    },
  });
  const clients = new Clients({ max: 10 });
  const turn = new EndOfTurn();
  const metrics = createGatewayMetrics();
  const session = new Session(
    {
      socket: socket as unknown as WebSocket,
      raw: raw as unknown as Socket,
      relay,
      hub: new Hub({ relay, turn, metrics }),
      turn,
      clients,
      metrics,
      logger: pino({ level: 'silent' }),
      events: { report: () => undefined },
    },
    { home: topic, dialect, standing: null, queueMaxBytes: QUEUE_BYTES, slowMs: 30_000, topicsMax: 3 },
  );
  session.open();
  const beat = (count: number): void => {
    for (let n = 0; n < count; n++) session.beat();
  };
  const received = (): string => Buffer.concat(writes.splice(0)).toString('latin1');
  const say = (frame: object): boolean => socket.emit('message', Buffer.from(JSON.stringify(frame)), false);
  return { session, socket, raw, relay, clients, metrics, writes, received, say, beat };
}

test('a peer that answers no ping is dropped, one that does is not', async () => {
  const { socket, writes, beat } = open();
  for (let round = 0; round < 5; round++) {
    beat(BEATS_PER_PING);
    await turn();
    assert.deepEqual(writes.splice(0), [PING_FRAME]);
    socket.emit('pong', Buffer.alloc(0));
  }
  beat(BEATS_PER_PING * PINGS_MISSED_MAX);
  assert.equal(socket.ended, undefined);
  beat(BEATS_PER_PING);
  assert.equal(socket.ended, 'terminated');
});

test('with too many unanswered publishes it is not read from, until one is answered', async () => {
  const answers: (() => void)[] = [];
  const relay = new FakeRelay();
  relay.publish = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    answers.push(resolve);
    await promise;
    return { id: 'e', messageIds: ['e:0'], peersReached: 0, storedBy: [], durable: false };
  };
  const { socket } = open(rawDialect, relay);
  for (let n = 1; n < SESSION_PUBLISHES_MAX; n++) socket.emit('message', Buffer.from('x'), false);
  assert.equal(socket.isPaused, false);
  socket.emit('message', Buffer.from('x'), false);
  assert.equal(socket.isPaused, true);
  answers[0]?.();
  await turn();
  assert.equal(socket.isPaused, false);
});

test('after it was told to go it gets no message and is heard no more, and is gone once closed', async () => {
  const { session, socket, relay, clients, writes } = open();
  session.goAway();
  session.goAway();
  assert.equal(socket.ended, 4009);
  assert.equal(relay.subscriptions, 0);
  socket.emit('message', Buffer.from('x'), false);
  await relay.publish({ ...topic, data: Buffer.from('x') });
  await turn();
  assert.deepEqual(writes, []);
  assert.equal(clients.size, 1, 'it takes its place until it went');
  socket.emit('close');
  assert.equal(clients.size, 0);
});

test('what it asks for in a row is answered in a row, and the others get their turn in between', async () => {
  const { socket, say, received } = open(jsonDialect);
  for (let n = 1; n < FRAMES_PER_TURN; n++) say({ type: 'ping', ref: n });
  assert.equal(socket.isPaused, false);
  say({ type: 'ping', ref: FRAMES_PER_TURN });
  assert.equal(socket.isPaused, true);
  await turn();
  assert.equal(socket.isPaused, false);
  const refs = [...received().matchAll(/"ref":(\d+)/g)].map(([, ref]) => Number(ref));
  assert.deepEqual(
    refs,
    Array.from({ length: FRAMES_PER_TURN }, (_, n) => n + 1),
  );
});

test('a slow one is not read from nor counted as dead while its queue is half full', async () => {
  const { socket, raw, relay, metrics, beat } = open();
  raw.isStalled = true;
  await relay.publish({ ...topic, data: Buffer.alloc(QUEUE_BYTES / 2) });
  await turn();
  await relay.publish({ ...topic, data: Buffer.alloc(QUEUE_BYTES / 2) });
  await turn();
  assert.deepEqual([socket.isPaused, metrics.pausedClients], [true, 1]);
  beat(BEATS_PER_PING * (PINGS_MISSED_MAX + 2));
  assert.equal(socket.ended, undefined, 'its answers could not have been seen');
  raw.isStalled = false;
  raw.emit('drain');
  assert.deepEqual([socket.isPaused, metrics.pausedClients], [false, 0]);
  beat(BEATS_PER_PING * (PINGS_MISSED_MAX + 1));
  assert.equal(socket.ended, 'terminated', 'from here on its pings decide again');
});

test('a slow one that is cut is closed with 4008 and read from again, so that it can close its side', async () => {
  const { socket, raw, relay, metrics } = open();
  raw.isStalled = true;
  for (let n = 0; n < 5; n++) {
    await relay.publish({ ...topic, data: Buffer.alloc(QUEUE_BYTES / 3) });
    await turn();
  }
  assert.equal(socket.ended, 4008);
  assert.equal(socket.isPaused, false);
  assert.deepEqual([metrics.cutClients, metrics.pausedClients, metrics.queueBytes], [1, 0, 0]);
  assert.equal(relay.subscriptions, 0);
  socket.emit('close');
  assert.equal(metrics.websocketClients, 0);
});

const name = (text: string): TopicName => ({ ...topic, topic: text });

test('topics come and go, each once; a further one than it may have is refused', async () => {
  const { session, relay, metrics, received } = open(jsonDialect);
  session.subscribe(name('t'));
  session.subscribe(name('u'));
  session.subscribe(name('u'));
  session.subscribe(name('v'));
  assert.deepEqual([relay.subscriptions, metrics.subscriptions], [3, 3]);
  assert.throws(() => session.subscribe(name('w')), { code: 'too_many_topics' });
  await relay.publish({ ...name('u'), data: Buffer.from('once') });
  session.unsubscribe(name('u'));
  session.unsubscribe(name('u'));
  session.unsubscribe(name('never'));
  await relay.publish({ ...name('u'), data: Buffer.from('late') });
  await turn();
  assert.equal(received().split('"type":"message"').length - 1, 1);
  session.subscribe(name('w'));
  session.goAway();
  assert.deepEqual([relay.subscriptions, metrics.subscriptions], [0, 0]);
});
