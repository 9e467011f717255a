import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gauge, Registry } from 'prom-client';
import { Meter } from '../../../../node/observability/meter.ts';
import { parseExposition, valueOf } from '../../../support/scrape.ts';

async function scraped(registry: Registry) {
  return parseExposition(await registry.metrics());
}

test('values are read when they are scraped, and not counted up by it', async () => {
  const registry = new Registry();
  const meter = new Meter(registry);
  let count = 1;
  meter.counter('a_total', 'a', () => count);
  meter.counters('b_total', 'b', 'code', () => [['x', count]]);
  meter.gauge('c', 'c', async () => -count);
  meter.gauges('d', 'd', 'kind', () => new Map([['y', count]]));
  await scraped(registry);
  count = 5;
  const families = await scraped(registry);
  assert.equal(valueOf(families, 'a_total'), 5);
  assert.equal(valueOf(families, 'b_total', { code: 'x' }), 5);
  assert.equal(valueOf(families, 'c'), -5);
  assert.equal(valueOf(families, 'd', { kind: 'y' }), 5);
  assert.deepEqual(
    [...families.values()].map(({ type }) => type),
    ['counter', 'counter', 'gauge', 'gauge'],
  );
});

test('what cannot be read now is left out rather than said to be 0', async () => {
  const registry = new Registry();
  const meter = new Meter(registry);
  let value: number | null = 3;
  meter.gauge('a', 'a', () => value);
  assert.equal((await scraped(registry)).get('a')?.samples.length, 1);
  value = null;
  assert.equal((await scraped(registry)).get('a')?.samples.length, 0);
});

test('a label that is gone is gone', async () => {
  const registry = new Registry();
  const meter = new Meter(registry);
  let kinds = ['x', 'y'];
  meter.gauges('a', 'a', 'kind', () => kinds.map((kind): [string, number] => [kind, 1]));
  await scraped(registry);
  kinds = ['y'];
  assert.deepEqual(
    (await scraped(registry)).get('a')?.samples.map(({ labels }) => labels),
    [{ kind: 'y' }],
  );
});

test('after a release the same names can be registered again, and what others registered stays', async () => {
  const registry = new Registry();
  const stays = new Meter(registry);
  stays.gauge('stays', 'stays', () => 1);
  for (const run of [1, 2, 3]) {
    const meter = new Meter(registry);
    meter.gauge('run', 'run', () => run);
    meter.histogram('time_seconds', 'time', { labels: [], buckets: [1] })({}, run);
    assert.throws(() => new Meter(registry).gauge('run', 'run', () => 0), /already been registered/);
    assert.equal(valueOf(await scraped(registry), 'run'), run);
    meter.release();
    meter.release();
    assert.deepEqual([...(await scraped(registry)).keys()], ['stays']);
  }
});

test('what a library registers through it is scraped and released, but not what the node measures itself', async () => {
  const registry = new Registry();
  const meter = new Meter(registry);
  const registers = [meter.registry];
  new Gauge({ name: 'libp2p_queue', help: 'queue', registers }).set(7);
  new Gauge({ name: 'nodejs_memory_usage_bytes', help: 'memory', registers }).set(1);
  const families = await scraped(registry);
  assert.equal(valueOf(families, 'libp2p_queue'), 7);
  assert.equal(families.size, 1);
  meter.release();
  assert.equal((await scraped(registry)).size, 0);
});
