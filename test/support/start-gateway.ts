import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditLog, auditDirectory } from '../../gateway/audit/index.ts';
import { createGateway, type Gateway } from '../../gateway/index.ts';
import {
  type Config,
  createLogger,
  createNode,
  type Logger,
  type MaillonNode,
  type Storage,
} from '../../node/index.ts';
import { systemClock } from '../../protocols/common/clock.ts';
import { testConfig } from './config.ts';

/** A node and the gateway on it, in this process. */
export interface Site extends AsyncDisposable {
  readonly node: MaillonNode;
  readonly gateway: Gateway;
  readonly config: Config;
  readonly url: string;
  /** The URL for WebSockets. */
  readonly wsUrl: string;
  /** Lines logged so far. */
  readonly log: readonly string[];
}

export interface SiteInit {
  readonly settings?: Partial<Config>;
  readonly role?: 'full' | 'light';
  readonly explicit?: readonly string[];
  /** In the place of the node's own. */
  readonly storage?: Storage;
  /** Writes an audit log into the data directory. */
  readonly isAudited?: boolean;
}

export const BUILD = { version: '0.0.0-test', commit: 'test', builtAt: '2026-01-01T00:00:00.000Z' };

/** As `testConfig`, with a log that is written: of a site, and in a directory that the caller removes. */
export async function siteConfig({ settings, explicit = [] }: SiteInit = {}): Promise<Config> {
  const data = await mkdtemp(join(tmpdir(), 'maillon-gateway-'));
  return testConfig(data, {
    'log.level': 'debug',
    'log.format': 'json',
    ...settings,
    explicit: new Set(explicit),
  });
}

function auditLog(config: Config, logger: Logger): AuditLog {
  const directory = auditDirectory(config.data);
  return new AuditLog({ clock: systemClock, logger }, { directory, fileBytes: 2 ** 20, files: 2 });
}

/** Starts both; disposing of it stops them and removes the directory. */
export async function startSite(init: SiteInit = {}): Promise<Site> {
  const config = await siteConfig(init);
  const log: string[] = [];
  const logger = createLogger(config, { stream: { write: (line) => void log.push(line) } });
  const node = createNode({ logger }, { config, role: init.role ?? 'full', version: BUILD.version });
  const storage = init.storage === undefined ? {} : { storage: init.storage };
  const audit = init.isAudited === true ? auditLog(config, logger) : undefined;
  const audited = audit === undefined ? {} : { audit };
  const gateway = createGateway({ node, logger, ...storage, ...audited }, { config, build: BUILD });
  const dispose = async (): Promise<void> => {
    await gateway.stop();
    await node.stop();
    await audit?.stop();
    await rm(config.data, { recursive: true, force: true });
  };
  try {
    await node.start();
    await audit?.start();
    await gateway.start();
  } catch (error) {
    await dispose();
    throw error;
  }
  const { url } = gateway;
  return {
    node,
    gateway,
    config,
    url,
    wsUrl: url.replace('http:', 'ws:'),
    log,
    [Symbol.asyncDispose]: dispose,
  };
}

/** Files of blocks on the disk of its node. */
export function filesOfBlobs({ config }: Pick<Site, 'config'>): number {
  const directory = join(config.data, 'storage/blobs');
  if (!existsSync(directory)) return 0;
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
    .length;
}
