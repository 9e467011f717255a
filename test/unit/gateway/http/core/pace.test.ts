import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Pace } from '../../../../../gateway/http/core/pace.ts';

/** Stalled or not, once the window has passed several times. */
function paced(minBytes: number): { pace: Pace; stalled: Promise<string> } {
  const { promise, resolve } = Promise.withResolvers<string>();
  return { pace: new Pace({ windowMs: 60, minBytes, onStall: () => resolve('stalled') }), stalled: promise };
}

test('whoever is waited for too long stalls, however it drips', async () => {
  const { pace, stalled } = paced(100);
  pace.wait();
  assert.equal(await stalled, 'stalled');

  const dripping = paced(100);
  const drip = setInterval(() => {
    dripping.pace.gain(1);
    dripping.pace.wait();
  }, 10);
  dripping.pace.wait();
  assert.equal(await dripping.stalled, 'stalled');
  clearInterval(drip);
  dripping.pace.end();
});

test('whoever gets on may take any time, and so may others for whom it waits', async () => {
  const { pace, stalled } = paced(100);
  for (let i = 0; i < 8; i += 1) {
    pace.wait();
    await wait(20);
    pace.gain(100);
    // nobody waits for it now
    await wait(30);
  }
  pace.end();
  assert.equal(await Promise.race([stalled, wait(100, 'goes on')]), 'goes on');
});
