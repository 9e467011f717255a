import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageQueue } from '../../../../gateway/client/message-queue.ts';

test('what comes before and after the reader asks is read in order', async () => {
  const queue = new MessageQueue<number>({ maxBytes: 100 });
  const reader = queue.iterate(() => undefined);
  queue.push(1, 1);
  assert.deepEqual(await reader.next(), { value: 1, done: false });
  const waiting = [reader.next(), reader.next()];
  queue.push(2, 1);
  queue.push(3, 1);
  assert.deepEqual(await Promise.all(waiting), [
    { value: 2, done: false },
    { value: 3, done: false },
  ]);
});

test('it says when something does not fit, and takes more once it was read', async () => {
  const queue = new MessageQueue<number>({ maxBytes: 10 });
  const reader = queue.iterate(() => undefined);
  assert.equal(queue.push(1, 20), true, 'one always fits');
  assert.equal(queue.push(2, 1), false);
  await reader.next();
  assert.equal(queue.push(2, 1), true);
});

test('the error comes after everything that had arrived', async () => {
  const queue = new MessageQueue<number>({ maxBytes: 10 });
  const reader = queue.iterate(() => undefined);
  queue.push(1, 1);
  queue.end(new Error('cut'));
  queue.push(2, 1);
  assert.deepEqual(await reader.next(), { value: 1, done: false });
  await assert.rejects(reader.next(), /cut/);
});

test('an end settles whoever waits; leaving early is told', async () => {
  const queue = new MessageQueue<number>({ maxBytes: 10 });
  let left = 0;
  const reader = queue.iterate(() => {
    left += 1;
    queue.end();
  });
  const waiting = reader.next();
  await reader.return?.();
  assert.deepEqual(await waiting, { value: undefined, done: true });
  assert.deepEqual(await reader.next(), { value: undefined, done: true });
  assert.equal(left, 1);
});
