import type { AddressInfo } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { Config, Logger } from '../../../node/index.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { PORT_ATTEMPTS } from '../../core/limits.ts';
import { isLoopback } from '../../protection/guard.ts';

const PORT_MAX = 65_535;

/** Kinds of listeners; their settings are named after them. */
export type ListenerKind = 'gateway' | 'admin';

/** For Fastify, whose own line about where it listens would be the first URL that an operator sees: only what is wrong. */
export function libraryLogger(logger: Logger): FastifyBaseLogger {
  return logger.isLevelEnabled('info') ? logger.child({}, { level: 'warn' }) : logger;
}

/** Hosts that mean every address of the machine: nobody can open a URL with one. */
const EVERY_ADDRESS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/**
 * Listens where the settings say and returns the URL under which this machine reaches it. When the default port is
 * taken, it uses the next free one and logs that; a configured port stays, since clients rely on it.
 */
export async function listen(
  { app, logger }: { readonly app: FastifyInstance; readonly logger: Pick<Logger, 'warn'> },
  config: Config,
  kind: ListenerKind = 'gateway',
): Promise<string> {
  const configured = config[`${kind}.host`];
  // one address, so that one port is one server: the name may stand for two
  const host = configured === 'localhost' ? '127.0.0.1' : configured;
  const port = await listenOnFreePort(app, { host, config, kind });
  const usual = config[`${kind}.port`];
  if (usual !== 0 && port !== usual) {
    const what = kind === 'gateway' ? 'the gateway' : 'the admin listener';
    logger.warn(
      { setting: `${kind}.port`, port },
      `port ${usual} is taken by another process; ${what} listens on ${port} instead`,
    );
  }
  return urlAt(schemeOf(app), EVERY_ADDRESS[host] ?? host, port);
}

/**
 * URLs to open, the best first: under the names that clients use, and as this machine reaches it. A certificate is for names, so
 * with TLS these come first.
 */
export function urlsOf(url: string, config: Config): string[] {
  const { protocol, port } = new URL(url);
  const scheme = protocol.slice(0, -1);
  const names = config['gateway.allowedHosts'].map((name) =>
    /:\d{1,5}$/.test(name) && !name.endsWith(']') ? `${scheme}://${name}` : urlAt(scheme, name, port),
  );
  return [...new Set(scheme === 'https' ? [...names, url] : [url, ...names])];
}

function schemeOf(app: FastifyInstance): string {
  return app.server instanceof TlsServer ? 'https' : 'http';
}

function urlAt(scheme: string, host: string, port: number | string): string {
  return `${scheme}://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
}

async function listenOnFreePort(
  app: FastifyInstance,
  { host, config, kind }: { host: string; config: Config; kind: ListenerKind },
): Promise<number> {
  const first = config[`${kind}.port`];
  const isFixed = first === 0 || config.explicit.has(`${kind}.port`);
  const last = isFixed ? first : Math.min(PORT_MAX, first + PORT_ATTEMPTS - 1);
  for (let port = first; port <= last; port++) {
    try {
      await app.listen({ host, port });
      return (app.server.address() as AddressInfo).port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  const ports = first === last ? `port ${first} is` : `ports ${first} to ${last} are`;
  throw new CodedError(
    'port_taken',
    `${kind}.port: ${ports} taken by another process on ${host}; stop it, or set ${kind}.port to another port (0 for any free one)`,
  );
}

/** Throws `unsafe_listen` for settings with which others would be taken for the operator or overheard, and says what to set. */
export function checkListenerIsSafe(config: Config): void {
  const missing = isLoopback(config['gateway.host']) ? missingOnLoopback(config) : missingBeyond(config);
  if (missing !== null) throw new CodedError('unsafe_listen', missing);
}

/** Where only this machine connects, others come through a proxy on it, which need not say so: they would pass for programs of this machine. */
function missingOnLoopback(config: Config): string | null {
  const foreign = config['gateway.allowedHosts'].find((name) => !isLoopback(name.replace(/:\d{1,5}$/, '')));
  if (foreign === undefined || config['gateway.auth'] === 'required') return null;
  return (
    `gateway.allowedHosts has ${foreign}, under which only a proxy on this machine is reached, and its clients could pass ` +
    'for programs of this machine: set gateway.auth to required'
  );
}

function missingBeyond(config: Config): string | null {
  const settings: string[] = [];
  if (config['gateway.auth'] !== 'required') {
    settings.push('gateway.auth to required, so that everybody is asked for a credential');
  }
  const isSheltered =
    config['gateway.tls.cert'] !== '' ||
    config['gateway.trustedProxies'].length > 0 ||
    config['gateway.plainHttp'];
  if (!isSheltered) {
    settings.push(
      'gateway.tls.cert and gateway.tls.key to files for TLS (or gateway.trustedProxies to the proxy that speaks it, or ' +
        'gateway.plainHttp to true where nobody else can listen)',
    );
  }
  if (config['gateway.allowedHosts'].length === 0) {
    settings.push('gateway.allowedHosts to the names and addresses under which clients reach it');
  }
  if (settings.length === 0) return null;
  const host = config['gateway.host'];
  return `gateway.host is ${host}, which others can reach: set ${settings.join('; ')}; or gateway.host to 127.0.0.1`;
}
