import assert from 'node:assert/strict';
import { testSmoke } from '../support/smoke.ts';

// times mean nothing in a smoke form; what must never happen must not happen in it, either
testSmoke('test/sim/main.ts', ({ targets, figures }) => {
  const broken = targets.filter(({ target, met }) => target === '<= 0' && !met);
  assert.deepEqual(broken, [], JSON.stringify(figures, null, 1));
});
