import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RateLimiter } from '../../../../protocols/common/rate-limit.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

function limiter(init: { perSecond?: number; burst?: number; maxKeys?: number } = {}) {
  const clock = new ManualClock(1_000_000);
  const rates = new RateLimiter({ clock }, { perSecond: 10, burst: 5, maxKeys: 3, ...init });
  const taken = (key: string, tries: number): number =>
    Array.from({ length: tries }, () => rates.take(key)).filter(Boolean).length;
  return { clock, rates, taken };
}

test('a burst, then as many as the rate gives', () => {
  const { clock, rates, taken } = limiter();
  assert.equal(taken('a', 20), 5);
  assert.ok(rates.exhausted('a'));
  clock.advance(99);
  assert.equal(taken('a', 5), 0);
  clock.advance(1);
  assert.ok(!rates.exhausted('a'));
  assert.equal(taken('a', 5), 1);
  clock.advance(60_000);
  assert.equal(taken('a', 20), 5, 'never more than the burst');
});

test('a refused take costs nothing', () => {
  const { rates } = limiter();
  assert.ok(!rates.take('a', 6));
  assert.ok(rates.take('a', 5));
});

test('keys do not share, and one that was never seen is not exhausted', () => {
  const { rates, taken } = limiter();
  taken('a', 5);
  assert.ok(!rates.exhausted('b'));
  assert.equal(taken('b', 9), 5);
});

test('a clock that goes back gives nothing and takes nothing', () => {
  const { clock, rates, taken } = limiter();
  assert.equal(taken('a', 3), 3);
  clock.advance(-3_600_000);
  assert.equal(taken('a', 9), 2);
  clock.advance(100);
  assert.ok(rates.take('a'), 'time goes on from there');
});

test('the least recently used key is forgotten', () => {
  const { rates, taken } = limiter();
  for (const key of ['a', 'b', 'c']) taken(key, 5);
  rates.take('a');
  taken('d', 1);
  assert.ok(rates.exhausted('a') && rates.exhausted('c'));
  assert.ok(!rates.exhausted('b'), 'b was');
});

test('over any time no more than the burst and the rate times the time', () => {
  const steps = fc.array(fc.record({ ms: fc.nat(500), tries: fc.nat(20) }), { maxLength: 50 });
  fc.assert(
    fc.property(steps, (all) => {
      const { clock, taken } = limiter();
      let total = 0;
      let passed = 0;
      for (const { ms, tries } of all) {
        clock.advance(ms);
        passed += ms;
        total += taken('a', tries);
        assert.ok(total <= 5 + (passed / 1000) * 10 + 1e-6);
      }
    }),
  );
});
