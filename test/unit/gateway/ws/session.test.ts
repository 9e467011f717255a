import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import type { WebSocket } from 'ws';
import { Clients } from '../../../../gateway/clients.ts';
import { Hub } from '../../../../gateway/hub.ts';
import {
  PING_INTERVAL_MS,
  PINGS_MISSED_MAX,
  SESSION_PUBLISHES_MAX,
  SSE_HEARTBEAT_MS,
} from '../../../../gateway/limits.ts';
import { rawDialect } from '../../../../gateway/ws/debros.ts';
import type { Dialect } from '../../../../gateway/ws/dialect.ts';
import { PING_FRAME } from '../../../../gateway/ws/raw-frame.ts';
import { Session } from '../../../../gateway/ws/session.ts';
import { FakeRelay } from '../../../support/fake-relay.ts';

const BEATS_PER_PING = PING_INTERVAL_MS / SSE_HEARTBEAT_MS;
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
    write: (chunk: Buffer) => {
      writes.push(chunk);
      return true;
    },
  });
  const clients = new Clients({ max: 10 });
  const session = new Session(
    {
      socket: socket as unknown as WebSocket,
      raw: raw as unknown as Socket,
      node: { relay },
      hub: new Hub({ node: { relay } }),
      clients,
      logger: pino({ level: 'silent' }),
    },
    { topic, dialect, queueMaxBytes: 1_000_000 },
  );
  session.open();
  const beat = (count: number): void => {
    for (let n = 0; n < count; n++) session.beat();
  };
  return { session, socket, relay, clients, writes, beat };
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
