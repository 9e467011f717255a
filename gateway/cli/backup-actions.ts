/** The commands that back up and restore a whole node. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  type BackupProgress,
  type BackupReport,
  backUpStopped,
  createLogger,
  type RestoreReport,
  restore as restoreBackup,
} from '../../node/archives.ts';
import { type Config, loadConfig } from '../../node/keys.ts';
import { systemClock } from '../../protocols/common/clock.ts';
import { roundSize } from '../../protocols/common/quantities.ts';
import { AuditLog, auditDirectory } from '../audit/index.ts';
import { type EndedSignIns, endSignIns } from '../auth/restored.ts';
import { openState } from '../state/index.ts';
import { harmless, properties, say, sayJson } from './core/terminal.ts';
import { follow } from './storage/follow.ts';
import type { OperatorOptions } from './storage/operator.ts';
import { ProgressLine } from './storage/progress.ts';

export interface BackupCommandOptions extends OperatorOptions {
  readonly copy?: boolean;
  /** Whether the admin listener was named: then it says of which node the backup is. */
  readonly isNamed: boolean;
}

export interface RestoreCommandOptions {
  readonly data?: string;
  readonly config?: string;
  readonly withoutIdentity?: boolean;
  readonly revokeApiKeys?: boolean;
  readonly json?: boolean;
}

const VERBS: Readonly<Record<BackupProgress['phase'], string>> = {
  copying: 'copied',
  verifying: 'read back',
};

export async function backup(
  path: string,
  options: BackupCommandOptions,
  signal: AbortSignal,
): Promise<void> {
  const directory = resolve(path);
  const report =
    (await ofStopped(directory, options, signal)) ?? (await ofRunning(directory, options, signal));
  if (options.json) return sayJson(report);
  const { peerId, at, files, bytes, writtenBytes, outside } = report;
  const missing = outside.map((one): [string, string] => ['not in it', harmless(one)]);
  say(
    properties([
      ['backup', harmless(report.directory)],
      ['of', peerId],
      ['as of', new Date(at).toISOString()],
      ['holds', `${files} files, ${roundSize(bytes)}; ${roundSize(writtenBytes)} written now`],
      ...missing,
      ['secret', 'whoever has it is this node and can read all that it keeps'],
    ]),
  );
}

/** Null where the node runs, or another one was named. */
async function ofStopped(
  directory: string,
  { isNamed, copy = false, ...options }: BackupCommandOptions,
  signal: AbortSignal,
): Promise<BackupReport | null> {
  if (isNamed) return null;
  const config = configOf(options);
  const line = new ProgressLine();
  try {
    return await backUpStopped(
      { directory, isCopied: copy, signal, onProgress: (progress) => line.show(describe(progress)) },
      config,
    );
  } finally {
    line.end();
  }
}

/** The node writes it: a path is one of its machine. */
async function ofRunning(
  directory: string,
  { isNamed, copy = false, ...options }: BackupCommandOptions,
  signal: AbortSignal,
): Promise<BackupReport> {
  const data = isNamed ? {} : { data: configOf(options).data };
  return follow<{ progress: BackupProgress; report: BackupReport }>(
    options,
    { path: '/v1/backup', body: { directory, isCopied: copy, ...data }, signal },
    describe,
  );
}

function describe({ phase, files, bytes }: BackupProgress): string {
  return `${VERBS[phase]} ${files} files, ${roundSize(bytes)}`;
}

/** Makes a node from a backup; no node runs on the data directory. */
export async function restore(
  path: string,
  options: RestoreCommandOptions,
  signal: AbortSignal,
): Promise<void> {
  const config = configOf(options);
  const { withoutIdentity: isOther = false } = options;
  const line = new ProgressLine();
  const gateway: { signIns: EndedSignIns | null } = { signIns: null };
  let report: RestoreReport;
  try {
    report = await restoreBackup(
      { logger: createLogger(config) },
      {
        directory: resolve(path),
        config,
        isOther,
        signal,
        onProgress: ({ bytes, of }) => line.show(`${roundSize(bytes)} of ${roundSize(of)} verified`),
        prepareGateway: async (staged) => {
          gateway.signIns = await prepareGateway(staged, config, options.revokeApiKeys === true);
        },
      },
    );
  } finally {
    line.end();
  }
  const { signIns } = gateway;
  if (options.json) return sayJson({ data: config.data, isOther, ...report, ...signIns });
  say(describeRestore(report, { config, isOther, signIns, isRevoked: options.revokeApiKeys === true }));
}

/** Ends sign-ins in what the gateway keeps, and writes down that it was restored. */
async function prepareGateway(
  staged: string,
  config: Config,
  isRevokingKeys: boolean,
): Promise<EndedSignIns | null> {
  const logger = createLogger(config);
  const own = { ...config, data: staged, 'gateway.state': '' };
  let ended: EndedSignIns | null = null;
  if (existsSync(join(staged, 'gateway/state.db'))) {
    const state = openState({ logger }, own);
    try {
      ended = await endSignIns(state, { now: systemClock.now(), isRevokingKeys });
    } finally {
      await state.close();
    }
  }
  if (existsSync(auditDirectory(staged))) {
    const files = { fileBytes: config['gateway.audit.fileBytes'], files: config['gateway.audit.files'] };
    const audit = new AuditLog(
      { clock: systemClock, logger },
      { directory: auditDirectory(staged), ...files },
    );
    await audit.start();
    await audit.audit({ event: 'admin.restore', outcome: 'ok', detail: { ...ended, isRevokingKeys } });
    await audit.stop();
  }
  return ended;
}

function describeRestore(
  { at, swarm, peerId, files, bytes, owner, ownerKey, settings }: RestoreReport,
  {
    config,
    isOther,
    signIns,
    isRevoked,
  }: { config: Config; isOther: boolean; signIns: EndedSignIns | null; isRevoked: boolean },
): string {
  const rows: [string, string][] = [
    ['restored', `${files} files, ${roundSize(bytes)}, into ${harmless(config.data)}`],
    ['node', isOther ? `another one, with what ${peerId} stored` : peerId],
    ['as of', new Date(at).toISOString()],
  ];
  if (owner !== null && ownerKey !== null) rows.push(['owner', `${owner} (${harmless(ownerKey)})`]);
  if (signIns !== null) rows.push(['sessions', `${signIns.sessions} ended: users sign in again`]);
  if (signIns !== null && signIns.apiKeys > 0) {
    const advice =
      'good still, also those that were revoked after the backup: restore with --revoke-api-keys to end all';
    rows.push(['API keys', `${signIns.apiKeys} ${isRevoked ? 'revoked: make new ones' : advice}`]);
  }
  const named = swarm === config.swarm ? '' : ` with --swarm ${swarm}`;
  rows.push(['settings', harmless(settings)], ['next', nextSteps(named, isOther)]);
  return properties(rows);
}

/** A backup knows nothing of what came after it. */
function nextSteps(named: string, isOther: boolean): string {
  const start = [
    `start the node${named}: it answers for nothing until it has reconciled with the other replicas;`,
    'start the other machines, or revoke those that are gone (maillon revoke)',
  ];
  if (isOther) return start.join('\n');
  return [
    ...start,
    'machines that were revoked after the backup may be let in again: see maillon members, and revoke them again',
    'machines that joined after it are not in maillon members, and still let in: revoke by peer id those that are not to be',
    'all open invites have ended: make new ones (maillon invite)',
  ].join('\n');
}

function configOf({ data, config: file }: { readonly data?: string; readonly config?: string }): Config {
  const flags = data === undefined ? {} : { data };
  return loadConfig({ flags, env: process.env, cwd: process.cwd(), file });
}
