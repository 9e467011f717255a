import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { CodedError } from '../../protocols/common/errors.ts';
import type { Config } from '../config/schema.ts';
import type { Logger } from '../observability/logger.ts';
import type { Capabilities } from './capabilities.ts';

/** Ports tried after a busy one that was not set. */
const PORTS_TRIED = 100;

/**
 * The addresses to listen on: the configured ports, or the next free ones where a port is busy and was not
 * set, which the log says. Throws `port_taken` for a port that was set and is busy.
 */
export async function listenAddresses(
  config: Config,
  capabilities: Capabilities,
  logger: Pick<Logger, 'warn'>,
): Promise<string[]> {
  const host = capabilities.listenHost;
  const ip = host.includes(':') ? 'ip6' : 'ip4';
  const tcp = await choosePort({ config, logger }, { path: 'listen.tcp', host, isFree: isFreeTcp });
  const ws = await choosePort(
    { config, logger },
    {
      path: 'listen.ws',
      host,
      isFree: async (...at) => at[0] !== tcp && isFreeTcp(...at),
    },
  );
  const addresses = [`/${ip}/${host}/tcp/${tcp}`, `/${ip}/${host}/tcp/${ws}/ws`];
  if (!capabilities.quic) return addresses;
  const quic = await choosePort({ config, logger }, { path: 'listen.quic', host, isFree: isFreeUdp });
  return [...addresses, `/${ip}/${host}/udp/${quic}/quic-v1`];
}

interface Choice {
  readonly path: 'listen.tcp' | 'listen.ws' | 'listen.quic';
  readonly host: string;
  readonly isFree: (port: number, host: string) => Promise<boolean>;
}

async function choosePort(
  { config, logger }: { readonly config: Config; readonly logger: Pick<Logger, 'warn'> },
  { path, host, isFree }: Choice,
): Promise<number> {
  const wanted = config[path];
  if (wanted === 0) return 0;
  const last = config.explicit.has(path) ? wanted : Math.min(wanted + PORTS_TRIED, 65_535);
  for (let port = wanted; port <= last; port++) {
    if (!(await isFree(port, host))) continue;
    if (port !== wanted) {
      logger.warn(
        { setting: path, port },
        `port ${wanted} is taken by another process; the swarm reaches this node on ${port} instead`,
      );
    }
    return port;
  }
  const ports = wanted === last ? `port ${wanted} is` : `ports ${wanted} to ${last} are`;
  throw new CodedError(
    'port_taken',
    `${path}: ${ports} taken by another process on ${host}; stop it, or set ${path} to another port (0 for any free one)`,
  );
}

/** Whether a start failed because another process took a port between the look at it and its use: another look helps. */
export function isPortRace(error: unknown): boolean {
  // libp2p puts what the system says of a TCP port, and what the QUIC library says of its own, into one text
  return error instanceof Error && /EADDRINUSE|address already in use|only one usage of/i.test(error.message);
}

function isFreeTcp(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

function isFreeUdp(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind(port, host, () => socket.close(() => resolve(true)));
  });
}
