import { join } from 'node:path';
import { UsageError } from '../core/errors.ts';

/** Options of a swarm. */
export interface SwarmOptions {
  readonly nodes: number;
  readonly gateways: number;
  /** First port; free ones are taken when it is missing. */
  readonly basePort: number | undefined;
}

/** One process of the swarm. */
export interface Member {
  readonly name: string;
  readonly command: 'node' | 'gateway';
  readonly flags: readonly string[];
}

/** HTTP ports lie this far above the first swarm port, so that both ranges can be told by heart. */
const HTTP_OFFSET = 1000;
const PORT_MAX = 65_535;
/** The system's choice. */
const ANY_PORT = 0;

/**
 * The processes of a swarm, the bootstrap peer first. Node i listens on base + 2i (TCP) and base + 2i + 1
 * (WebSocket); its gateway on base + 1000 + i; the light gateways follow after the nodes' gateways.
 */
export function planSwarm({ nodes, gateways, basePort }: SwarmOptions, directory: string): Member[] {
  checkPorts({ nodes, gateways, basePort });
  const port = (offset: number): string => String(basePort === undefined ? ANY_PORT : basePort + offset);
  const common = (name: string, http: number): string[] => [
    '--data',
    join(directory, name),
    '--gateway-host',
    '127.0.0.1',
    '--gateway-port',
    port(HTTP_OFFSET + http),
    '--admin-port',
    String(ANY_PORT),
  ];
  const full = Array.from({ length: nodes }, (_, i): Member => {
    const name = `node-${i}`;
    const listen = [
      '--listen-host',
      '127.0.0.1',
      '--listen-tcp',
      port(2 * i),
      '--listen-ws',
      port(2 * i + 1),
      '--listen-quic',
      port(2 * i),
    ];
    return { name, command: 'node', flags: [...common(name, i), ...listen] };
  });
  const light = Array.from({ length: gateways }, (_, i): Member => {
    const name = `gateway-${i}`;
    return { name, command: 'gateway', flags: common(name, nodes + i) };
  });
  return [...full, ...light];
}

function checkPorts({ nodes, gateways, basePort }: SwarmOptions): void {
  if (basePort === undefined) return;
  if (2 * nodes > HTTP_OFFSET) throw new UsageError(`with --base-port at most ${HTTP_OFFSET / 2} nodes fit`);
  if (basePort + HTTP_OFFSET + nodes + gateways > PORT_MAX) {
    throw new UsageError(
      `--base-port must be at most ${PORT_MAX - HTTP_OFFSET - nodes - gateways} for this swarm`,
    );
  }
}
