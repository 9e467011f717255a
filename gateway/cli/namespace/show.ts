import { formatDuration, formatSize } from '../../../protocols/common/quantities.ts';
import type { NamespaceRule, NamespaceView } from '../../client/index.ts';
import { type Cell, properties, say, sayJson } from '../core/terminal.ts';
import { connect } from '../sessions/remote.ts';
import { signsHere } from '../signing/options.ts';
import type { NamespaceOptions } from './actions.ts';

/** Without a key the node is not loaded: the gateway says all. */
export async function showNamespace(name: string, options: NamespaceOptions): Promise<void> {
  const view = signsHere(options)
    ? await (await import('./actions.ts')).viewOf(name, options)
    : await (await connect(options)).namespace(name);
  if (options.json) sayJson(view);
  else say(describeNamespace(view));
}

function describeNamespace(view: NamespaceView): string {
  const { name, owner, id, holder, policy, sequence, rules, sponsors, sponsored } = view;
  const { publish, write, read, publicTopics, quotaBytes, quotaKeys, retentionMs, domains } = rules;
  const rows: [string, Cell][] = [
    ['namespace', `${name}@${owner}`],
    ['id', id],
    ['holder', holder],
    ['policy', policy === null ? 'none: only the holder, and whom it grants it' : madeBy(sequence, policy)],
    ['publish', whoOf(publish)],
    ['write', whoOf(write)],
    ['read', whoOf(read)],
    ['public topics', listOf(publicTopics)],
    ['quota', quotaOf(quotaBytes, quotaKeys)],
    ['retention', retentionMs === null ? "the node's" : formatDuration(retentionMs)],
    ['sign-in at', domains.length === 0 ? 'any site' : domains.join(', ')],
    ['sponsors', sponsors.length === 0 ? 'nobody' : sponsors.join('\n')],
    ['kept here', sponsored ? 'yes' : 'for a day at most: this node does not sponsor it'],
  ];
  return properties(rows);
}

function madeBy(sequence: number, { as, time }: NonNullable<NamespaceView['policy']>): string {
  return `number ${sequence}, of ${new Date(time).toISOString()}, by ${as}`;
}

function whoOf({ anyone, dids }: NamespaceRule): string {
  if (anyone) return 'anyone';
  return ['the holder', ...dids].join('\n');
}

function listOf(prefixes: readonly string[]): string {
  if (prefixes.includes('')) return 'all';
  return prefixes.length === 0 ? 'none' : prefixes.map((prefix) => `${prefix}*`).join('\n');
}

function quotaOf(bytes: number | null, keys: number | null): string {
  if (bytes === null && keys === null) return "the node's";
  const parts = [bytes === null ? [] : formatSize(bytes), keys === null ? [] : `${keys} keys`];
  return parts.flat().join(', ');
}
