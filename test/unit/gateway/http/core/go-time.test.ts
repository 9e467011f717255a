import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goDuration } from '../../../../../gateway/http/core/go-time.ts';

test('durations read as Go prints them', () => {
  assert.equal(goDuration(0), '0s');
  assert.equal(goDuration(1_500), '1.5s');
  assert.equal(goDuration(61_000), '1m1s');
  assert.equal(goDuration(3_600_000), '1h0m0s');
  assert.equal(goDuration(93_784_005), '26h3m4.005s');
});
