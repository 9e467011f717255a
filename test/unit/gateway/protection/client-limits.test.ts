import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../../../gateway/core/errors.ts';
import { RATE_BURST_SECONDS, RATE_DEBT_SECONDS } from '../../../../gateway/core/limits.ts';
import { createGatewayMetrics } from '../../../../gateway/observability/metrics.ts';
import { type Client, ClientLimits } from '../../../../gateway/protection/client-limits.ts';
import { DEFAULTS } from '../../../../node/index.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const PER_SECOND = 4;
const BURST = PER_SECOND * RATE_BURST_SECONDS;

function limits(settings: object = {}) {
  const clock = new ManualClock(1_000_000);
  const config = {
    ...DEFAULTS,
    'gateway.rate.requests': PER_SECOND,
    'gateway.rate.frames': PER_SECOND,
    'gateway.rate.keys': PER_SECOND,
    ...settings,
  };
  const metrics = createGatewayMetrics();
  return { clock, metrics, rates: new ClientLimits({ clock, metrics }, { config }) };
}

const client = (address: string, isLocal = false): Client => ({ address, isLocal, charged: [] });

/** How many of `count` are let through, and what the first of the others is told. */
function tryTimes(count: number, take: () => void): { passed: number; refusal: GatewayError | undefined } {
  let passed = 0;
  let refusal: GatewayError | undefined;
  for (let n = 0; n < count; n++) {
    try {
      take();
      passed += 1;
    } catch (error) {
      assert.ok(error instanceof GatewayError);
      refusal ??= error;
    }
  }
  return { passed, refusal };
}

test('an address has its burst, then its rate, and is told when to come back', () => {
  const { clock, rates } = limits();
  const take = (): void => rates.takeAddress('requests', client('192.0.2.1'));
  const { passed, refusal } = tryTimes(BURST + 1, take);
  assert.equal(passed, BURST);
  assert.equal(refusal?.code, 'rate_limited');
  assert.deepEqual(refusal?.detail, { limit: 'gateway.rate.requests' });
  assert.equal(refusal?.retryAfter, 1);
  rates.takeAddress('requests', client('192.0.2.2'));
  clock.advance(1000);
  assert.equal(tryTimes(BURST, take).passed, PER_SECOND - 1);
});

test('who goes on regardless waits longer, but what it is told holds', () => {
  const { clock, rates } = limits();
  const take = (): void => rates.takeAddress('requests', client('192.0.2.1'));
  tryTimes(10 * BURST, take);
  const { refusal } = tryTimes(1, take);
  assert.equal(refusal?.retryAfter, RATE_DEBT_SECONDS + 1);
  clock.advance((refusal?.retryAfter ?? 0) * 1000);
  assert.doesNotThrow(take);
});

test('a program of this machine is exempt unless the setting says otherwise', () => {
  assert.equal(
    tryTimes(2 * BURST, () => limits().rates.takeAddress('requests', client('127.0.0.1', true))).passed,
    2 * BURST,
  );
  assert.equal(limits().rates.frameMeter(client('127.0.0.1', true)), undefined);
  const { rates } = limits({ 'gateway.rate.loopback': true });
  const local = tryTimes(2 * BURST, () => rates.takeAddress('requests', client('127.0.0.1', true)));
  assert.equal(local.passed, BURST);
});

test('what a credential names is charged from every address, also on this machine', () => {
  const { rates } = limits();
  let n = 0;
  const { passed, refusal } = tryTimes(BURST + 1, () =>
    rates.takeCredential({
      address: `192.0.2.${n++}`,
      isLocal: true,
      charged: [
        { rate: 'namespaces', subject: 'team' },
        { rate: 'keys', subject: 'k1' },
      ],
    }),
  );
  assert.equal(passed, BURST);
  assert.deepEqual(refusal?.detail, { limit: 'gateway.rate.keys' });
});

test('frames are metered: how long a connection must wait follows what its address owes, and is bounded', () => {
  const { clock, rates } = limits();
  const [first, second] = [rates.frameMeter(client('192.0.2.1')), rates.frameMeter(client('192.0.2.1'))];
  assert.ok(first && second);
  for (let n = 0; n < BURST; n++) assert.equal((n % 2 === 0 ? first : second)(), 0);
  assert.equal(first(), 2000 / PER_SECOND);
  assert.equal(second(), 3000 / PER_SECOND);
  for (let n = 0; n < 10 * BURST; n++) first();
  assert.equal(first(), (RATE_DEBT_SECONDS + 1 / PER_SECOND) * 1000);
  clock.advance((RATE_DEBT_SECONDS + 1) * 1000);
  assert.equal(first(), 0);
});
