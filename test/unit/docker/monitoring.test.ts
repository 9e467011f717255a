import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { expressions, metricsIn, type Panel, readDashboard, readRules } from '../../support/dashboards.ts';
import { ROOT } from '../../support/sources.ts';

const dashboard = readDashboard();

function readYaml(path: string): unknown {
  return parse(readFileSync(join(ROOT, 'docker', path), 'utf8'), { merge: true });
}

function covers(a: Panel['gridPos'], b: Panel['gridPos']): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

interface Compose {
  readonly services: Readonly<Record<string, { readonly volumes?: readonly string[] }>>;
}

test('the dashboard has its rows, and each panel says what it shows', () => {
  const rows = dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title);
  assert.deepEqual(rows, ['Overview', 'Relay', 'Gateway', 'libp2p', 'Process']);
  for (const { type, title, description = '', targets = [] } of dashboard.panels) {
    if (type === 'row') continue;
    assert.ok(description.length > 5 && description.endsWith('.'), title);
    assert.ok(targets.length > 0, title);
  }
  const ids = dashboard.panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
});

test('panels lie within the grid, and none on another', () => {
  for (const [index, panel] of dashboard.panels.entries()) {
    assert.ok(panel.gridPos.x + panel.gridPos.w <= 24, panel.title);
    const under = dashboard.panels.slice(index + 1).filter((other) => covers(panel.gridPos, other.gridPos));
    assert.deepEqual(
      under.map(({ title }) => title),
      [],
      `on ${panel.title}`,
    );
  }
});

test('panels ask the data source that is set up', () => {
  const { datasources } = readYaml('grafana/provisioning/datasources/prometheus.yml') as {
    datasources: { uid: string; url: string }[];
  };
  assert.deepEqual(
    datasources.map(({ uid, url }) => [uid, url]),
    [['prometheus', 'http://prometheus:9090']],
  );
  for (const { targets = [], title } of dashboard.panels)
    for (const { datasource } of targets) assert.equal(datasource.uid, 'prometheus', title);
});

test('expressions are closed, ask for something, and a counter is never shown as it is', () => {
  for (const expr of expressions()) {
    for (const [open, close] of ['()', '{}', '[]'])
      assert.equal(expr.split(open ?? '').length, expr.split(close ?? '').length, expr);
    assert.ok(metricsIn(expr).length > 0 || expr.includes('up{'), expr);
    const bare = expr.replaceAll(/\b(rate|increase)\((?:[^()]|\([^()]*\))*\)/g, '');
    assert.doesNotMatch(bare, /\bmaillon_\w+_total\b/, expr);
  }
});

test('alerts have names of their own, a severity, and say what to do', () => {
  const rules = readRules();
  assert.ok(rules.length >= 5);
  assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
  for (const { alert, labels, annotations } of rules) {
    assert.match(labels.severity, /^(warning|critical)$/, alert);
    assert.ok(annotations.summary.includes('{{ $labels.instance }}'), alert);
    assert.ok(annotations.description.length > 20, alert);
  }
});

test('Prometheus scrapes every process of the composition, with the token from its file', () => {
  const { scrape_configs: jobs, rule_files: rules } = readYaml('prometheus.yml') as {
    scrape_configs: {
      authorization: { credentials_file: string };
      static_configs: { targets: string[] }[];
    }[];
    rule_files: string[];
  };
  const { services } = readYaml('compose.yaml') as Compose;
  const processes = Object.keys(services).filter((name) => /^(bootstrap|node|gateway)/.test(name));
  const targets = jobs.flatMap(({ static_configs: groups }) => groups.flatMap((group) => group.targets));
  assert.deepEqual(
    targets,
    processes.map((name) => `${name}:9464`),
  );
  const mounts = services['prometheus']?.volumes ?? [];
  assert.equal(jobs[0]?.authorization.credentials_file, '/secrets/admin.token');
  assert.ok(mounts.includes('prometheus-secrets:/secrets:ro'));
  for (const file of rules)
    assert.ok(
      mounts.some((mount) => mount.includes(`:${file}:`)),
      file,
    );
});
