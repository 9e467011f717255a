import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { type TestContext, test } from 'node:test';
import { setImmediate as turnEnds } from 'node:timers/promises';
import { single } from '../../../../gateway/core/batch.ts';
import { EndOfTurn } from '../../../../gateway/core/end-of-turn.ts';
import { createGatewayMetrics, type GatewayMetrics } from '../../../../gateway/observability/metrics.ts';
import { Outbox, type OutboxOwner, type Sendable } from '../../../../gateway/ws/outbox.ts';

/** A socket that takes what it is given until told to stall. */
class FakeSocket extends EventEmitter implements Sendable {
  readonly writes: string[] = [];
  writableLength = 0;
  isStalled = false;

  write(chunk: Buffer): boolean {
    this.writes.push(chunk.toString());
    return !this.isStalled;
  }

  drain(): void {
    this.isStalled = false;
    this.emit('drain');
  }
}

const SLOW_MS = 30_000;

interface Box {
  readonly socket: FakeSocket;
  readonly box: Outbox;
  readonly metrics: GatewayMetrics;
  /** Calls the owner received, in order. */
  readonly told: readonly string[];
  readonly push: (text: string) => void;
}

function open(maxBytes = 100): Box {
  const socket = new FakeSocket();
  const metrics = createGatewayMetrics();
  const told: string[] = [];
  const owner: OutboxOwner = {
    pause: () => told.push('pause'),
    resume: () => told.push('resume'),
    onTooSlow: (reason) => told.push(reason),
  };
  const box = new Outbox(
    { out: socket, turn: new EndOfTurn(), owner, metrics },
    { maxBytes, slowMs: SLOW_MS },
  );
  return { socket, box, metrics, told, push: (text) => box.push(single(Buffer.from(text))) };
}

/** A box whose socket takes nothing more. */
async function stalled(maxBytes: number): Promise<Box> {
  const opened = open(maxBytes);
  opened.socket.isStalled = true;
  opened.push('first');
  await turnEnds();
  return opened;
}

test('batches of one turn share one write, in order', async () => {
  const { socket, push, metrics } = open();
  for (const text of ['a', 'b', 'c']) push(text);
  assert.deepEqual(socket.writes, []);
  assert.equal(metrics.queueBytes, 3);
  await turnEnds();
  assert.deepEqual(socket.writes, ['abc']);
  assert.deepEqual([metrics.queueBytes, metrics.framesSent, metrics.bytesSent], [0, 3, 3]);
});

test('while the socket is full nothing is written; after it drains, everything is', async () => {
  const { socket, push } = await stalled(100);
  push('b');
  await turnEnds();
  push('c');
  await turnEnds();
  assert.deepEqual(socket.writes, ['first']);
  socket.drain();
  assert.deepEqual(socket.writes, ['first', 'bc']);
});

test('what would exceed the bound is not kept, and the owner is told once', async () => {
  const { socket, push, told, metrics } = await stalled(10);
  socket.writableLength = 5;
  push('12345');
  assert.deepEqual(told, ['pause']);
  push('6');
  push('7');
  assert.deepEqual(told, ['pause', 'its queue is full']);
  assert.deepEqual([metrics.cutClients, metrics.pausedClients, metrics.queueBytes], [1, 0, 0]);
  socket.drain();
  await turnEnds();
  assert.deepEqual(socket.writes, ['first'], 'nothing follows: a gap would be silent');
  assert.equal(socket.listenerCount('drain'), 0);
});

test('what only waits for the end of the turn is written rather than held against the client', async () => {
  const { socket, push, told } = open(10);
  for (let n = 0; n < 10; n++) push('12345');
  await turnEnds();
  assert.equal(socket.writes.join('').length, 50);
  assert.deepEqual(told, []);
});

test('a batch alone fits however small the bound', async () => {
  const { socket, push, told } = open(2);
  push('long');
  await turnEnds();
  assert.deepEqual([socket.writes, told], [['long'], []]);
});

test('above half it is paused, below a quarter resumed, as often as it takes', async () => {
  const { socket, push, told, metrics } = await stalled(100);
  for (let round = 1; round <= 2; round++) {
    push('x'.repeat(50));
    assert.equal(metrics.pausedClients, 0, 'half is not above half');
    push('y');
    assert.equal(metrics.pausedClients, 1);
    socket.writableLength = 30;
    socket.emit('drain');
    assert.equal(metrics.pausedClients, 1, 'the socket still holds a third');
    socket.writableLength = 24;
    socket.emit('drain');
    assert.equal(metrics.pausedClients, 0);
    socket.writableLength = 0;
    push('stalls again');
    await turnEnds();
  }
  assert.deepEqual(told, ['pause', 'resume', 'pause', 'resume']);
  assert.equal(metrics.cutClients, 0);
});

function mockTimers(t: TestContext): void {
  t.mock.timers.enable({ apis: ['setTimeout'] });
}

test('one that stays paused is cut when its time is over, one that reads on is not', async (t) => {
  mockTimers(t);
  const never = await stalled(100);
  const late = await stalled(100);
  for (const { push } of [never, late]) push('x'.repeat(60));
  t.mock.timers.tick(SLOW_MS - 1);
  late.socket.drain();
  t.mock.timers.tick(1);
  assert.deepEqual(never.told, ['pause', 'its queue stayed half full']);
  assert.deepEqual(late.told, ['pause', 'resume']);
  assert.deepEqual([never.metrics.cutClients, never.metrics.pausedClients], [1, 0]);
  t.mock.timers.tick(SLOW_MS);
  assert.equal(late.metrics.cutClients, 0);
});

test('once closed it is not cut any more', async (t) => {
  mockTimers(t);
  const { box, push, told, metrics } = await stalled(100);
  push('x'.repeat(60));
  box.close();
  box.close();
  assert.equal(metrics.pausedClients, 0);
  t.mock.timers.tick(SLOW_MS);
  assert.deepEqual(told, ['pause']);
});

test('finish writes what waits and takes nothing more', async () => {
  const { socket, box, push } = open();
  push('a');
  box.finish();
  push('b');
  await turnEnds();
  assert.deepEqual(socket.writes, ['a']);
});

test('large batches are not gathered without end', async () => {
  const { socket, push } = open(10 ** 6);
  for (const text of ['a', 'b', 'c']) push(text.repeat(40_000));
  await turnEnds();
  assert.deepEqual(
    socket.writes.map((text) => text.length),
    [40_000, 40_000, 40_000],
  );
});
