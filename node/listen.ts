import { createServer } from 'node:net';
import { CodedError } from '../protocols/common/errors.ts';
import type { Config } from './config/schema.ts';

/** Ports tried after a busy one that was not set. */
const PORTS_TRIED = 100;

/**
 * The addresses to listen on: the configured ports, or the next free ones where a port is busy and was not
 * set. Throws `port_taken` for a port that was set and is busy.
 */
export async function listenAddresses(config: Config): Promise<string[]> {
  const host = config['listen.host'];
  const ip = host.includes(':') ? 'ip6' : 'ip4';
  const tcp = await choosePort(config, 'listen.tcp', new Set());
  const ws = await choosePort(config, 'listen.ws', new Set([tcp]));
  return [`/${ip}/${host}/tcp/${tcp}`, `/${ip}/${host}/tcp/${ws}/ws`];
}

async function choosePort(
  config: Config,
  path: 'listen.tcp' | 'listen.ws',
  taken: ReadonlySet<number>,
): Promise<number> {
  const wanted = config[path];
  const host = config['listen.host'];
  if (wanted === 0) return 0;
  const last = config.explicit.has(path) ? wanted : Math.min(wanted + PORTS_TRIED, 65_535);
  for (let port = wanted; port <= last; port++) {
    if (!taken.has(port) && (await isFree(host, port))) return port;
  }
  throw new CodedError(
    'port_taken',
    `${path}: port ${wanted} is taken; set another one, or 0 for any free one`,
  );
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
