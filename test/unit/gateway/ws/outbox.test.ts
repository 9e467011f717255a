import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Outbox, type Sendable } from '../../../../gateway/ws/outbox.ts';

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

function boxOn(socket: FakeSocket, maxBytes = 100): { box: Outbox; overflows: () => number } {
  let overflows = 0;
  const box = new Outbox({ out: socket }, { maxBytes, onOverflow: () => (overflows += 1) });
  return { box, overflows: () => overflows };
}

test('frames of one turn share one write, in order', async () => {
  const socket = new FakeSocket();
  const { box } = boxOn(socket);
  for (const text of ['a', 'b', 'c']) box.push(Buffer.from(text));
  assert.deepEqual(socket.writes, []);
  await turn();
  assert.deepEqual(socket.writes, ['abc']);
});

test('while the socket is full nothing is written; after it drains, everything is', async () => {
  const socket = new FakeSocket();
  const { box } = boxOn(socket);
  socket.isStalled = true;
  box.push(Buffer.from('a'));
  await turn();
  box.push(Buffer.from('b'));
  await turn();
  box.push(Buffer.from('c'));
  await turn();
  assert.deepEqual(socket.writes, ['a']);
  socket.drain();
  assert.deepEqual(socket.writes, ['a', 'bc']);
});

test('what would exceed the bound is not kept, and the overflow is told once', async () => {
  const socket = new FakeSocket();
  const { box, overflows } = boxOn(socket, 10);
  socket.isStalled = true;
  box.push(Buffer.from('first'));
  await turn();
  socket.writableLength = 5;
  box.push(Buffer.from('12345'));
  assert.equal(overflows(), 0);
  box.push(Buffer.from('6'));
  box.push(Buffer.from('7'));
  assert.equal(overflows(), 1);
  socket.drain();
  await turn();
  assert.deepEqual(socket.writes, ['first'], 'nothing follows an overflow: a gap would be silent');
  assert.equal(socket.listenerCount('drain'), 0);
});

test('a frame alone fits however small the bound', async () => {
  const socket = new FakeSocket();
  const { box, overflows } = boxOn(socket, 2);
  box.push(Buffer.from('long'));
  await turn();
  assert.deepEqual([socket.writes, overflows()], [['long'], 0]);
});

test('finish writes what waits and takes nothing more', async () => {
  const socket = new FakeSocket();
  const { box } = boxOn(socket);
  box.push(Buffer.from('a'));
  box.finish();
  box.push(Buffer.from('b'));
  await turn();
  assert.deepEqual(socket.writes, ['a']);
});

test('large frames are not gathered without end', async () => {
  const socket = new FakeSocket();
  const { box } = boxOn(socket, 10 ** 6);
  for (const text of ['a', 'b', 'c']) box.push(Buffer.from(text.repeat(40_000)));
  await turn();
  assert.deepEqual(
    socket.writes.map((text) => text.length),
    [40_000, 40_000, 40_000],
  );
});
