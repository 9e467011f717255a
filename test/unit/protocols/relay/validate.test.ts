import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOCK_SKEW_MS, RELAY_LIMITS } from '../../../../protocols/relay/index.ts';
import { checkTime } from '../../../../protocols/relay/validate.ts';

const NOW = 1_763_683_200_000;

test('a time is good within 20 000 ms of the clock, either way', () => {
  assert.equal(CLOCK_SKEW_MS, 20_000);
  for (const ms of [0, 1, -1, 20_000, -20_000]) {
    assert.doesNotThrow(() => checkTime({ time: NOW + ms, expiry: null }, NOW), String(ms));
  }
  for (const ms of [20_001, -20_001, 86_400_000, -NOW]) {
    assert.throws(
      () => checkTime({ time: NOW + ms, expiry: null }, NOW),
      { code: 'envelope_clock' },
      String(ms),
    );
  }
});

test('from its expiry on nothing is accepted', () => {
  assert.doesNotThrow(() => checkTime({ time: NOW - 5, expiry: NOW + 1 }, NOW));
  assert.throws(() => checkTime({ time: NOW - 5, expiry: NOW }, NOW), { code: 'envelope_expired' });
  assert.throws(() => checkTime({ time: NOW - 5, expiry: NOW - 1 }, NOW), { code: 'envelope_expired' });
});

test('the clock comes before the expiry', () => {
  assert.throws(() => checkTime({ time: NOW - 30_000, expiry: NOW - 1 }, NOW), { code: 'envelope_clock' });
});

test('the published limits are those of the SPEC', () => {
  const limits = Object.fromEntries(RELAY_LIMITS.map(({ name, value }) => [name, value]));
  assert.deepEqual(limits, {
    'relay.envelopeBytes': 153_600,
    'relay.messageBytes': 147_456,
    'relay.envelopeMessages': 1024,
    'relay.topicBytes': 256,
    'relay.namespaceBytes': 64,
    'relay.ownerBytes': 256,
    'relay.clockSkew': 20_000,
    'relay.extBytes': 512,
  });
  assert.ok(RELAY_LIMITS.every(({ reason }) => reason.length > 0));
});
