/** The metrics that the dashboard and the alerts in docker/ ask for. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from './sources.ts';

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

export function readDashboard(): Dashboard {
  const path = join(ROOT, 'docker/grafana/dashboards/maillon.json');
  return JSON.parse(readFileSync(path, 'utf8')) as Dashboard;
}

export function readRules(): Rule[] {
  const { groups } = parse(readFileSync(join(ROOT, 'docker/alerts.yml'), 'utf8')) as {
    groups: { rules: Rule[] }[];
  };
  return groups.flatMap(({ rules }) => rules);
}

/** Every expression that is asked of Prometheus. */
export function expressions(): string[] {
  const panels = readDashboard().panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  return [...panels, ...readRules().map(({ expr }) => expr)];
}

/** Names of metrics of ours in `expression`, a histogram's without the ending of its series. */
export function metricsIn(expression: string): string[] {
  const names = expression.match(/\b(maillon|libp2p)_[a-z0-9_]+\b/g) ?? [];
  return names.map((name) => name.replace(/_(bucket|sum|count)$/, ''));
}
