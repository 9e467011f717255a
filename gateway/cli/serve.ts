import { Registry } from 'prom-client';
import { lockDataDirectory, removeRunFile, writeRunFile } from '../../node/files.ts';
import {
  type Config,
  createLogger,
  createNode,
  EventLog,
  type Logger,
  loadConfig,
  type MaillonNode,
  Meter,
  membershipDefaults,
  type Role,
  readMembership,
} from '../../node/index.ts';
import { systemClock } from '../../protocols/common/clock.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import { registerGatewayMetrics, registerHttpMetrics } from '../admin/gateway-metrics.ts';
import { type Admin, createAdmin } from '../admin/server.ts';
import { AuditLog, auditDirectory } from '../audit/index.ts';
import { knowsUsers } from '../auth/operator.ts';
import { createGateway, type Gateway, type GatewayComponents } from '../index.ts';
import { announce, type Ready } from './core/announce.ts';
import { readBuild } from './core/build.ts';
import { UsageError } from './core/errors.ts';
import { runService } from './core/lifetime.ts';
import { joinAsService } from './join/actions.ts';
import type { JoinOptions } from './join/options.ts';
import { gatewayFeaturesAt, ThirdPartyFeatures } from './third-party.ts';

export interface ServeOptions {
  readonly role: Role;
  /** Settings said as flags, by dotted path. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly file: string | undefined;
  readonly defaults: Readonly<Record<string, string>>;
  readonly json: boolean;
  /** With which invite it joins before it starts, if with any. */
  readonly join: JoinOptions;
}

function whoIsLetIn(config: Config): string {
  if (config['gateway.auth'] === 'required')
    return 'everybody needs a credential, programs of this machine too';
  const program = knowsUsers(config)
    ? 'a program of this machine that runs as the same user, as root or as one of gateway.operatorUids'
    : 'every program of this machine';
  return `${program} is let in as the operator; a client that comes through a proxy needs a credential`;
}

/** Runs a node, and its gateway unless that is switched off, until a signal. Resolves to the exit code. */
export async function serve(options: ServeOptions): Promise<number> {
  const { role, json } = options;
  const config = await configOf(options);
  if (role === 'light' && config.bootstrap.length === 0) {
    throw new UsageError(
      'a gateway needs a node to join through: --join with an invite, or --bootstrap /ip4/…/tcp/4411/p2p/…',
    );
  }
  if (role === 'light' && !config['gateway.enabled']) {
    throw new UsageError('a gateway without a gateway does nothing: gateway.enabled is false');
  }
  const logger = createLogger(config);
  const { node, gateway, admin, audit } = createParts(config, role, logger);

  return runService({
    async start(signal) {
      // The token of the admin listener is kept there. A directory in use is refused before any port is called taken by the process that
      // uses both; the node holds the lock from its start on.
      lockDataDirectory(config.data).release();
      // First, so that a probe is answered while the node looks for its peers, and a taken port is told at once.
      await admin?.start();
      if (signal.aborted) return;
      await node.start();
      if (signal.aborted) return;
      // after the node, which keeps others out of the directory
      await audit.start();
      await gateway?.start();
      if (signal.aborted) return;
      const ready = { urls: gateway?.urls ?? [], admin: admin?.url ?? null, status: node.status() };
      if (gateway !== null) logger.info({ urls: ready.urls }, whoIsLetIn(config));
      if (admin !== null) logger.info({ url: admin.url }, 'the admin listener serves metrics and probes');
      noteRun(config, logger, ready);
      announce({ ...ready, bootstrapPeer: config.bootstrapPeer, json });
    },
    async stop() {
      // The gateway first: clients are told to go while the node can still send what they published.
      await gateway?.stop();
      // while this process still holds the directory: the next one writes its own
      removeRunFile(config.data);
      await node.stop();
      await admin?.stop();
      await audit.stop();
    },
    ...(config['gateway.tls.cert'] === '' ? {} : { reload: () => gateway?.reload() }),
    crashed: (error) => logger.fatal({ err: error }, 'an error nobody expected; exiting'),
  });
}

/** The settings; on an invited machine its membership says what nothing else does. */
async function configOf({ role, flags, file, defaults, join }: ServeOptions): Promise<Config> {
  const sources = { flags, env: process.env, cwd: process.cwd(), file, defaults };
  const config = loadConfig(sources);
  await joinAsService(role === 'full' ? 'node' : 'gateway', join, config);
  const membership = readMembership(config.data);
  if (membership === null) return config;
  return loadConfig({
    ...sources,
    defaults: { ...membershipDefaults(membership, config.data), ...defaults },
  });
}

/** Lets the command line find this process; without the file it asks the usual port. */
function noteRun(
  { data }: Config,
  logger: Logger,
  { urls, admin, status: { peerId, startedAt } }: Pick<Ready, 'urls' | 'admin' | 'status'>,
): void {
  // a name of this machine is found without any name server, and its certificate may be for that one
  const gateway = urls.find((url) => new URL(url).hostname === 'localhost') ?? urls[0] ?? null;
  try {
    writeRunFile(data, { peerId, gateway, admin, startedAt });
  } catch (error) {
    logger.warn(
      { reason: errorMessage(error) },
      'the run file was not written: name this node to the command line with --url',
    );
  }
}

interface Parts {
  readonly node: MaillonNode;
  readonly gateway: Gateway | null;
  readonly admin: Admin | null;
  readonly audit: AuditLog;
}

/** Without an admin listener nobody scrapes, and no metric is made. */
function createParts(config: Config, role: Role, logger: Logger): Parts {
  const build = readBuild();
  const events = new EventLog({ logger, clock: systemClock });
  const init = { config, role, version: build.version };
  const audit = createAuditLog(config, logger);
  const features = gatewayFeaturesAt(config['features.paths']);
  if (!config['admin.enabled']) {
    const node = createNode({ logger, events }, init);
    const gateway = config['gateway.enabled']
      ? createGateway({ node, logger, events, audit, features }, { config, build })
      : null;
    return { node, gateway, admin: null, audit };
  }
  const registry = new Registry();
  const node = createNode({ logger, events, registry }, init);
  const gateway = config['gateway.enabled']
    ? createMeasuredGateway(
        { node, logger, events, audit, features, meter: new Meter(registry) },
        { config, build },
      )
    : null;
  const probes = () => gateway?.probe() ?? [];
  const thirdParty = new ThirdPartyFeatures({ node, gateway }, { paths: config['features.paths'] });
  const admin = createAdmin(
    { node, logger, registry, probes, audit, gateway, thirdParty },
    { config, build },
  );
  return { node, gateway, admin, audit };
}

function createAuditLog(config: Config, logger: Logger): AuditLog {
  return new AuditLog(
    { clock: systemClock, logger },
    {
      directory: auditDirectory(config.data),
      fileBytes: config['gateway.audit.fileBytes'],
      files: config['gateway.audit.files'],
    },
  );
}

function createMeasuredGateway(
  { meter, ...components }: GatewayComponents & { meter: Meter },
  init: Parameters<typeof createGateway>[1],
): Gateway {
  const gateway = createGateway({ ...components, onAnswered: registerHttpMetrics(meter) }, init);
  registerGatewayMetrics(meter, gateway.metrics);
  return gateway;
}
