import { createLogger, createNode, loadConfig, type MaillonNode, type Role } from '../../node/index.ts';
import { createGateway, type Gateway } from '../index.ts';
import { announce } from './announce.ts';
import { readBuild } from './build.ts';
import { UsageError } from './errors.ts';
import { runService } from './lifetime.ts';

export interface ServeOptions {
  readonly role: Role;
  /** Settings said as flags, by dotted path. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly file: string | undefined;
  readonly defaults: Readonly<Record<string, string>>;
  readonly json: boolean;
}

/** Runs a node, and its gateway unless that is switched off, until a signal. Resolves to the exit code. */
export async function serve(options: ServeOptions): Promise<number> {
  const { role, flags, file, defaults } = options;
  const config = loadConfig({ flags, env: process.env, cwd: process.cwd(), file, defaults });
  if (role === 'light' && config.bootstrap.length === 0) {
    throw new UsageError('a gateway needs a node to join through: --bootstrap /ip4/…/tcp/4411/p2p/…');
  }
  if (role === 'light' && !config['gateway.enabled']) {
    throw new UsageError('a gateway without a gateway does nothing: gateway.enabled is false');
  }
  const logger = createLogger(config);
  const build = readBuild();
  const node: MaillonNode = createNode({ logger }, { config, role, version: build.version });
  const gateway: Gateway | null = config['gateway.enabled']
    ? createGateway({ node, logger }, { config, build })
    : null;

  return runService({
    async start(signal) {
      await node.start();
      if (signal.aborted) return;
      await gateway?.start();
      if (signal.aborted) return;
      const url = gateway?.url ?? null;
      if (url !== null) {
        logger.info({ url }, 'no authentication: every program on this machine may use the gateway');
      }
      announce({ url, status: node.status(), bootstrapPeer: config.bootstrapPeer, json: options.json });
    },
    async stop() {
      // The door first: clients are told to go while the node can still send what they published.
      await gateway?.stop();
      await node.stop();
    },
    crashed: (error) => logger.fatal({ err: error }, 'an error nobody expected; exiting'),
  });
}
