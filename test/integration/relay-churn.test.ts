import assert from 'node:assert/strict';
import test from 'node:test';
import { relayChurn } from '../sim/relay-churn.ts';

test('ten processes: every envelope once, over a kill -9 with restart and a late join', async (t) => {
  const result = await relayChurn({
    nodes: 10,
    envelopes: 2_000,
    authors: 4,
    progress: (line) => t.diagnostic(line),
  });
  assert.deepEqual(result, {
    published: 2_000,
    nodes: 11,
    missing: 0,
    twice: 0,
    missingAfterRestart: 0,
    missingAfterJoin: 0,
    holes: 0,
    failures: 0,
  });
});
