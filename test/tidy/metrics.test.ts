import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type MetricObject, Registry } from 'prom-client';
import { registerAllMetrics } from '../support/all-metrics.ts';
import { ROOT, readSources } from '../support/sources.ts';

const registry = new Registry();
const end = registerAllMetrics(registry);
after(end);
const metrics = registry.getMetricsAsArray() as (MetricObject & { readonly labelNames: string[] })[];

/** Units that a metric's name may end in. */
const UNITS = [
  'blobs',
  'blocks',
  'seconds',
  'bytes',
  'ratio',
  'info',
  'peers',
  'connections',
  'nodes',
  'records',
  'partitions',
  'envelopes',
  'subscriptions',
  'uploads',
  'clients',
  'file_descriptors',
];

function namesWhere(isBad: (metric: (typeof metrics)[number]) => boolean): string[] {
  return metrics.filter(isBad).map(({ name }) => name);
}

test('every metric says what it is about, what one of it is, and what it means', () => {
  assert.ok(metrics.length > 40, `${metrics.length}`);
  assert.deepEqual(
    namesWhere(({ name }) => !/^maillon(_[a-z0-9]+)+$/.test(name)),
    [],
  );
  assert.deepEqual(
    namesWhere(({ help }) => help.length < 15 || !help.endsWith('.')),
    [],
  );
  assert.deepEqual(
    namesWhere(
      ({ name, type }) => String(type) !== 'counter' && !UNITS.some((unit) => name.endsWith(`_${unit}`)),
    ),
    [],
  );
});

test('counters end in _total, and nothing else does', () => {
  assert.deepEqual(
    namesWhere(({ name, type }) => (String(type) === 'counter') !== name.endsWith('_total')),
    [],
  );
});

test('labels are few and bounded: no peers, no topics', () => {
  const allowed = new Set(
    'shard code kind direction reach outcome event mode route method status version role runtime'.split(' '),
  );
  assert.deepEqual(
    namesWhere(({ labelNames }) => labelNames.length > 3 || labelNames.some((label) => !allowed.has(label))),
    [],
  );
});

test('every metric is one that the tests above saw', () => {
  const named = readSources()
    .filter(({ path }) => /^(node|gateway)\//.test(path))
    .flatMap(({ text }) => [...text.matchAll(/'(maillon(?:_[a-z0-9]+)+)'/g)].map(([, name]) => name));
  const known = new Set(metrics.map(({ name }) => name));
  assert.ok(named.length > 15);
  assert.deepEqual(
    named.filter((name) => name !== undefined && !known.has(name)),
    [],
  );
});

test('dashboards and alerts ask for metrics that exist', () => {
  const known = new Set(
    metrics.flatMap(({ name, type }) =>
      String(type) === 'histogram' ? ['_bucket', '_sum', '_count'].map((ending) => name + ending) : [name],
    ),
  );
  const asked = globSync('docker/**/*.{json,yml,yaml}', { cwd: ROOT }).flatMap((path) =>
    [...readFileSync(join(ROOT, path), 'utf8').matchAll(/\bmaillon(?:_[a-z0-9]+)+\b/g)].map(
      ([name]) => `${path}: ${name}`,
    ),
  );
  assert.ok(asked.length > 0, 'there are no dashboards');
  assert.deepEqual(
    [...new Set(asked)].filter((one) => !known.has(one.split(': ')[1] ?? '')),
    [],
  );
});
