import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Window } from '../../../../../node/storage/rpc/window.ts';

const never = new AbortController().signal;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('number and bytes of what is under way are bounded; the rest comes in line', async () => {
  const window = new Window({ max: 3, maxBytes: 10, waitingMax: 2 });
  assert.equal(window.tryEnter(100), true, 'one alone may be larger than all');
  assert.equal(window.tryEnter(1), false);
  window.leave(100);
  assert.equal(window.tryEnter(6), true);
  const order: string[] = [];
  const large = window.enter(6, never).then(() => order.push('large'));
  const small = window.enter(1, never).then(() => order.push('small'));
  await assert.rejects(window.enter(1, never), { code: 'overloaded' });
  await turn();
  assert.deepEqual(order, [], 'nobody overtakes');
  window.leave(6);
  await Promise.all([large, small]);
  assert.deepEqual(order, ['large', 'small']);
});

test('who gives up leaves the line', async () => {
  const window = new Window({ max: 1, maxBytes: 10, waitingMax: 1 });
  window.tryEnter(1);
  const abort = new AbortController();
  const waiting = window.enter(1, abort.signal);
  abort.abort(new Error('no time'));
  await assert.rejects(waiting, { message: 'no time' });
  window.leave(1);
  assert.equal(window.isIdle, true);
  await assert.rejects(window.enter(1, abort.signal), { message: 'no time' });
  assert.equal(window.isIdle, true);
});
