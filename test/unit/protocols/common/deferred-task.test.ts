import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backOffMs } from '../../../../protocols/common/back-off.ts';
import { DeferredTask } from '../../../../protocols/common/deferred-task.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

test('it runs once, at the earliest time that was asked for', () => {
  const clock = new ManualClock(0);
  const at: number[] = [];
  const task = new DeferredTask({ clock, run: () => at.push(clock.now()) });
  task.runWithin(500);
  task.runWithin(200);
  task.runWithin(900);
  assert.equal(clock.timers, 1);
  clock.advance(1_000);
  assert.deepEqual(at, [200]);
  task.runWithin(500);
  clock.advance(500);
  assert.deepEqual(at, [200, 1_500]);
});

test('one that is cancelled does not run, and may be asked for again', () => {
  const clock = new ManualClock(0);
  let runs = 0;
  const task = new DeferredTask({ clock, run: () => void (runs += 1) });
  task.runWithin(100);
  task.cancel();
  assert.equal(clock.timers, 0);
  task.runWithin(300);
  clock.advance(299);
  assert.equal(runs, 0);
  clock.advance(1);
  assert.equal(runs, 1);
});

test('a run may ask for the next one', () => {
  const clock = new ManualClock(0);
  const at: number[] = [];
  const task = new DeferredTask({
    clock,
    run: () => {
      at.push(clock.now());
      if (at.length < 3) task.runWithin(100);
    },
  });
  task.runWithin(100);
  clock.advance(1_000);
  assert.deepEqual(at, [100, 200, 300]);
});

test('waits between retries grow up to the longest, however many there were', () => {
  const waits = [0, 1, 2, 3, 4, 5, 5_000].map((retries) =>
    backOffMs(retries, { firstMs: 100, maxMs: 1_000 }),
  );
  assert.deepEqual(waits, [100, 200, 400, 800, 1_000, 1_000, 1_000]);
  assert.equal(backOffMs(2, { firstMs: 100, maxMs: 10_000, factor: 4 }), 1_600);
});
