import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, systemClock } from '../../../../protocols/common/clock.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

test('sleep ends with its time, or with the reason of its signal, and leaves no timer', async () => {
  const clock = new ManualClock(0);
  const over = sleep(clock, 100);
  clock.advance(99);
  assert.equal(clock.timers, 1);
  clock.advance(1);
  await over;
  const abort = new AbortController();
  const reason = new Error('enough');
  const broken = sleep(clock, 100, abort.signal);
  abort.abort(reason);
  await assert.rejects(broken, reason);
  await assert.rejects(sleep(clock, 100, abort.signal), reason);
  assert.equal(clock.timers, 0);
});

test('the system clock runs timers until they are cancelled', async () => {
  let runs = 0;
  const twice = Promise.withResolvers<void>();
  const timer = systemClock.setInterval(() => {
    runs += 1;
    if (runs === 2) twice.resolve();
  }, 1);
  systemClock.setTimeout(() => assert.fail('it was cancelled'), 5).cancel();
  await twice.promise;
  timer.cancel();
  await sleep(systemClock, 20);
  assert.equal(runs, 2);
});

test('timers of a manual clock run in the order of their times, each at its time', () => {
  const clock = new ManualClock(1_000);
  const ran: [string, number][] = [];
  const note = (name: string) => () => ran.push([name, clock.now()]);
  clock.setTimeout(note('late'), 30);
  const interval = clock.setInterval(note('every'), 20);
  clock.setTimeout(note('early'), 20);
  clock.advance(45);
  interval.cancel();
  clock.advance(100);
  assert.deepEqual(ran, [
    ['every', 1_020],
    ['early', 1_020],
    ['late', 1_030],
    ['every', 1_040],
  ]);
  assert.equal(clock.monotonicNow(), 145);
});
