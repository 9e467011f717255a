import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { LoopMonitor, registerLoopMetrics } from '../../../../node/observability/event-loop.ts';
import { EventLog } from '../../../../node/observability/events.ts';
import { Meter } from '../../../../node/observability/meter.ts';
import { systemClock } from '../../../../protocols/common/clock.ts';
import { until } from '../../../support/processes.ts';
import { parseExposition, valueOf } from '../../../support/scrape.ts';
import { silentLogger } from '../../../support/silent-logger.ts';

const STALL_MS = 400;

function stall(): void {
  const end = performance.now() + STALL_MS;
  while (performance.now() < end);
}

test('a stall shows in the reading and is reported', async (t) => {
  const events = new EventLog({ logger: silentLogger(), clock: systemClock });
  const monitor = new LoopMonitor({ events }, { windowMs: 200, stallMs: STALL_MS / 2 });
  t.after(() => monitor.stop());
  monitor.start();
  monitor.start();
  // the measuring begins with a first look
  await until('a look', () => monitor.reading.p50Ms > 0);
  let worst = 0;
  await until('the stall was seen', () => {
    if (events.count('event_loop_stalled') === 0) stall();
    worst = Math.max(worst, monitor.reading.maxMs);
    return events.count('event_loop_stalled') > 0 && worst > STALL_MS / 2;
  });
  const { p50Ms, p99Ms, maxMs, utilisation } = monitor.reading;
  assert.ok(p50Ms >= 0 && p50Ms <= p99Ms && p99Ms <= maxMs, `${p50Ms} ${p99Ms} ${maxMs}`);
  assert.ok(utilisation >= 0 && utilisation <= 1, `${utilisation}`);
});

test('it can be started again after a stop', async (t) => {
  const events = new EventLog({ logger: silentLogger(), clock: systemClock });
  const monitor = new LoopMonitor({ events }, { windowMs: 50, stallMs: 60_000 });
  t.after(() => monitor.stop());
  for (const _run of [1, 2]) {
    monitor.start();
    await until('a reading', () => monitor.reading.maxMs > 0);
    monitor.stop();
    monitor.stop();
  }
});

test('each scrape has the lag since the one before', async (t) => {
  const registry = new Registry();
  const end = registerLoopMetrics(new Meter(registry));
  t.after(end);
  const lag = async (): Promise<number> => {
    const families = parseExposition(await registry.metrics());
    return valueOf(families, 'maillon_event_loop_lag_max_seconds') ?? Number.NaN;
  };
  await until('a stall is in a scrape', async () => {
    stall();
    await new Promise((resolve) => setTimeout(resolve, 50));
    return (await lag()) > STALL_MS / 2000;
  });
  await until('and not in a later one', async () => (await lag()) < STALL_MS / 2000);
});
