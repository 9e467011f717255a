import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RepeatingTask, type RepeatingTaskInit } from '../../../../protocols/common/repeating-task.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

function make(run: (signal: AbortSignal) => Promise<void> | void, init: Partial<RepeatingTaskInit> = {}) {
  const clock = new ManualClock(0);
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const task = new RepeatingTask({ clock, run, onError }, { intervalMs: 100, ...init });
  return { clock, errors, task };
}

test('it runs every interval from its start to its stop, and again after another start', async () => {
  let runs = 0;
  const { clock, task } = make(() => void (runs += 1));
  clock.advance(1_000);
  assert.equal(runs, 0);
  task.start();
  task.start();
  clock.advance(350);
  assert.equal(runs, 3);
  await task.stop();
  assert.equal(clock.timers, 0);
  clock.advance(1_000);
  assert.equal(runs, 3);
  task.start();
  clock.advance(100);
  assert.equal(runs, 4);
});

test('its first run may come at another time', async () => {
  const at: number[] = [];
  const { clock, task } = make(() => void at.push(clock.now()), { firstMs: 1_000 });
  task.start();
  clock.advance(1_250);
  assert.deepEqual(at, [1_000, 1_100, 1_200]);
  await task.stop();
  assert.equal(clock.timers, 0);
});

test('a run that is due while one goes on is left out; who asks for one gets the one that goes on', async () => {
  const ends: (() => void)[] = [];
  const { clock, task } = make(() => new Promise<void>((resolve) => ends.push(resolve)));
  task.start();
  await clock.advanceAsync(300);
  assert.equal(ends.length, 1);
  const asked = task.runNow();
  assert.equal(ends.length, 1);
  ends[0]?.();
  await asked;
  await clock.advanceAsync(100);
  assert.equal(ends.length, 2);
});

test('a stop aborts the run that goes on and waits for its end; what that throws is not told', async () => {
  let isOver = false;
  const { clock, errors, task } = make(async (signal) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    await Promise.resolve();
    isOver = true;
    signal.throwIfAborted();
  });
  task.start();
  await clock.advanceAsync(100);
  const { signal } = task;
  await task.stop();
  assert.deepEqual([isOver, signal.aborted, errors], [true, true, []]);
  task.start();
  assert.equal(task.signal.aborted, false);
  await task.stop();
});

test('an error is told, and does not end the repetition', async () => {
  const wrong = new Error('wrong');
  let runs = 0;
  const { clock, errors, task } = make(() => {
    runs += 1;
    if (runs === 1) throw wrong;
    return Promise.reject(wrong);
  });
  task.start();
  await clock.advanceAsync(300);
  assert.equal(runs, 3);
  assert.deepEqual(errors, [wrong, wrong, wrong]);
  await task.stop();
});
