import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusedForGood } from '../../../../node/storage/coordinator/writer.ts';

test('what so many replicas say for good ends a write; where none is known yet, nobody said anything', () => {
  assert.equal(refusedForGood(['no_room', 'over_quota', 'over_quota'], 3, 2)?.code, 'over_quota');
  assert.equal(refusedForGood(['no_room', 'over_quota'], 3, 2), null);
  assert.equal(refusedForGood([], 0, 1), null);
});
