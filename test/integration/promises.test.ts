/** `npm run faults -- promises` in small: node processes of two owners, what was promised through a kill, a rejoin and a join. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runPromises } from '../sim/promises.ts';

test('nothing durable is lost or given an end while one sponsor of its owner lives, and all copies are there again', async (t) => {
  const { figures, targets } = await runPromises({
    minutes: 0,
    values: 40,
    seed: 3,
    nodes: [2, 2],
    actions: ['kill of each owner', 'rejoin', 'rejoin', 'join', 'loss'],
    progress: (line) => t.diagnostic(line),
  });
  const missed = targets.filter(({ met }) => !met);
  assert.deepEqual(missed, [], JSON.stringify(figures));
  assert.equal(figures['steps'], 5);
});
