import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deadline } from '../../../../../node/storage/rpc/deadline.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';

test('a deadline ends by its clock; once answered its timer goes with the last work', async () => {
  const clock = new ManualClock(0);
  const first = new Deadline({ clock }, { ms: 1_000 });
  const pause = first.pause(5_000);
  clock.advance(600);
  assert.equal(first.leftMs, 400);
  assert.ok(first.isHalfOver && !first.isOver);
  clock.advance(400);
  assert.ok(first.isOver);
  await pause;
  assert.equal(clock.timers, 0);
  const second = new Deadline({ clock }, { ms: 1_000 });
  const work = Promise.withResolvers<void>();
  const running = second.run(() => work.promise);
  second.answered();
  assert.equal(clock.timers, 1);
  work.resolve();
  await running;
  assert.equal(clock.timers, 0);
});
