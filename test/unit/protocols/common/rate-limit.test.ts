import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RateLimit, type RateLimitInit } from '../../../../protocols/common/rate-limit.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

function limiter(init: Partial<RateLimitInit> = {}) {
  const clock = new ManualClock(1_000_000);
  const rates = new RateLimit({ clock }, { perSecond: 10, burst: 5, debtMax: 20, maxKeys: 3, ...init });
  const charge = (key: string, times: number): void => {
    for (let time = 0; time < times; time++) rates.charge(key);
  };
  return { clock, rates, charge };
}

test('a burst is free, what comes above it is owed until the rate has earned it', () => {
  const { clock, rates, charge } = limiter();
  charge('a', 5);
  assert.ok(!rates.isExceeded('a'));
  charge('a', 2);
  assert.ok(rates.isExceeded('a'));
  clock.advance(199);
  assert.ok(rates.isExceeded('a'));
  clock.advance(1);
  assert.ok(!rates.isExceeded('a'));
});

test('bursts above the rate keep it exceeded, whenever it is looked at', () => {
  const { clock, rates, charge } = limiter();
  charge('a', 30);
  for (let round = 0; round < 100; round++) {
    charge('a', 4);
    clock.advance(100);
    assert.ok(rates.isExceeded('a'), `round ${round}`);
    clock.advance(100);
    assert.ok(rates.isExceeded('a'), `round ${round}`);
  }
});

test('debt is bounded: whoever slows down is forgiven', () => {
  const { clock, rates, charge } = limiter();
  charge('a', 100_000);
  clock.advance(1999);
  assert.ok(rates.isExceeded('a'));
  clock.advance(1);
  assert.ok(!rates.isExceeded('a'));
});

test('keys do not share, and one that was never seen is not exceeded', () => {
  const { rates, charge } = limiter();
  charge('a', 6);
  assert.ok(!rates.isExceeded('b'));
  charge('b', 5);
  assert.ok(!rates.isExceeded('b'));
});

test('a clock that goes back gives nothing and takes nothing', () => {
  const { clock, rates, charge } = limiter();
  charge('a', 6);
  clock.advance(-3_600_000);
  assert.ok(rates.isExceeded('a'));
  clock.advance(100);
  assert.ok(!rates.isExceeded('a'), 'time goes on from there');
});

test('the least recently used key is forgotten', () => {
  const { rates, charge } = limiter();
  for (const key of ['a', 'b', 'c']) charge(key, 6);
  charge('a', 1);
  charge('d', 1);
  assert.ok(rates.isExceeded('a') && rates.isExceeded('c'));
  assert.ok(!rates.isExceeded('b'), 'b was');
});

test('who keeps to the burst and the rate is never exceeded', () => {
  const steps = fc.array(fc.record({ ms: fc.nat(500), part: fc.float({ min: 0, max: 1, noNaN: true }) }));
  fc.assert(
    fc.property(steps, (all) => {
      const { clock, rates } = limiter();
      let saved = 5;
      for (const { ms, part } of all) {
        clock.advance(ms);
        saved = Math.min(5, saved + ms / 100);
        const spent = saved * part * 0.999;
        rates.charge('a', spent);
        saved -= spent;
        assert.ok(!rates.isExceeded('a'));
      }
    }),
  );
});

test('it says how long to wait before the next cost goes without owing', () => {
  const { clock, rates, charge } = limiter();
  assert.equal(rates.retryAfterMs('a'), 0, 'never seen');
  charge('a', 4);
  assert.equal(rates.retryAfterMs('a'), 0);
  assert.equal(rates.retryAfterMs('a', 3), 200);
  charge('a', 3);
  const waitMs = rates.retryAfterMs('a');
  assert.equal(waitMs, 300);
  clock.advance(waitMs);
  charge('a', 1);
  assert.ok(!rates.isExceeded('a'));
});

test('a request is granted or told when to come again; refused ones are charged, too', () => {
  const { clock, rates } = limiter();
  for (let n = 0; n < 5; n++) assert.equal(rates.take('a'), 0);
  assert.equal(rates.take('a'), 200, 'it owes one, and one more costs another 100 ms');
  assert.equal(rates.take('a'), 300);
  clock.advance(300);
  assert.equal(rates.take('a'), 0);
  assert.equal(rates.take('b', 6), 700, 'a cost above the burst');
});

test('all keys together have a rate, and are not charged for what was refused', () => {
  const total = { perSecond: 10, burst: 2, debtMax: 10 };
  const { clock, rates } = limiter({ perSecond: 1, burst: 1, debtMax: 10, total });
  for (let n = 0; n < 50; n++) rates.take('greedy');
  assert.equal(rates.take('a'), 0, 'what greedy was refused is not charged to all');
  assert.equal(rates.take('b'), 0, 'the bucket of all can be overdrawn, too');
  assert.equal(rates.take('c'), 200);
  clock.advance(200);
  assert.equal(rates.take('d'), 0);
});
