import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Background } from '../../../../../node/storage/maintenance/background.ts';
import { FIRST_TICK_MS, TICK_MS } from '../../../../../node/storage/maintenance/limits.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import { silentLogger } from '../../../../support/silent-logger.ts';

const HOUR_MS = 3_600_000;

function make(everyMs: number) {
  const clock = new ManualClock(1_000_000_000_000);
  const done = { scrubs: [] as number[], compactions: 0, scrubbedAt: clock.now() };
  const work = {
    compact: () => Promise.resolve(),
    scrub: () => {
      done.scrubbedAt = clock.now();
      return Promise.resolve();
    },
  };
  const background = new Background(
    {
      clock,
      logger: silentLogger(),
      scrubbedAt: () => done.scrubbedAt,
      scrub: () => {
        done.scrubs.push(clock.monotonicNow());
        return work.scrub();
      },
      compact: () => {
        done.compactions += 1;
        return work.compact();
      },
    },
    { everyMs },
  );
  background.start();
  return { background, clock, done, work };
}

test('disk is given back now and then, what is stored is scrubbed when that is due, and not after a stop', async () => {
  const { background, clock, done } = make(HOUR_MS);
  await clock.advanceAsync(FIRST_TICK_MS - 1);
  assert.equal(done.compactions, 0, 'a node that starts has enough to do');
  await clock.advanceAsync(1 + 2 * TICK_MS);
  assert.deepEqual([done.compactions, done.scrubs], [3, []]);
  await clock.advanceAsync(3 * HOUR_MS - FIRST_TICK_MS - 2 * TICK_MS);
  assert.deepEqual(done.scrubs, [HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS]);
  background.stop();
  assert.equal(clock.timers, 0);
});

test('a scrub that takes long holds up no compaction, and one that fails is tried again', async () => {
  const { clock, done, work } = make(HOUR_MS);
  done.scrubbedAt = 0;
  const scrub = Promise.withResolvers<void>();
  work.scrub = () => scrub.promise;
  await clock.advanceAsync(FIRST_TICK_MS + 9 * TICK_MS);
  assert.deepEqual([done.scrubs.length, done.compactions], [1, 10]);
  scrub.reject(new Error('the disk does not answer'));
  await clock.advanceAsync(TICK_MS);
  assert.equal(done.scrubs.length, 2);
});

test('with a scrub every 0 milliseconds there is none', async () => {
  const { clock, done } = make(0);
  done.scrubbedAt = 0;
  await clock.advanceAsync(HOUR_MS);
  assert.deepEqual(done.scrubs, []);
});
