/** Real rqlited processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type Cleanup, scratch, until } from './processes.ts';

const RQLITED = createRequire(import.meta.url)('rqlite') as string;

export interface RqliteNode {
  readonly id: string;
  /** `host:port` */
  readonly host: string;
  readonly process: ChildProcess;
}

/** As many nodes of one cluster, that all know their leader; killed after the test. */
export async function startRqlite(
  t: Cleanup,
  { nodes = 1, extra = [] }: { nodes?: number; extra?: readonly string[] } = {},
): Promise<RqliteNode[]> {
  const directory = scratch(t);
  const ports = await freePorts(2 * nodes);
  const portOf = (index: number): number => ports[index] ?? 0;
  const started: RqliteNode[] = [];
  for (let index = 0; index < nodes; index += 1) {
    const [http, raft] = [portOf(2 * index), portOf(2 * index + 1)];
    const id = `n${index}`;
    const process = spawn(
      RQLITED,
      [
        `-node-id=${id}`,
        `-http-addr=127.0.0.1:${http}`,
        `-raft-addr=127.0.0.1:${raft}`,
        '-raft-election-timeout=500ms',
        '-raft-timeout=500ms',
        ...extra,
        ...(index === 0 ? [] : [`-join=127.0.0.1:${portOf(1)}`]),
        join(directory, id),
      ],
      { stdio: 'ignore' },
    );
    const exited = once(process, 'exit');
    t.after(async () => {
      process.kill('SIGKILL');
      await exited;
    });
    const node = { id, host: `127.0.0.1:${http}`, process };
    started.push(node);
    await until(`rqlited ${id} is ready`, () => isReady(node));
  }
  return started;
}

/** `gateway.state` for these nodes. */
export function stateUrl(nodes: readonly RqliteNode[]): string {
  return `rqlite://${nodes.map(({ host }) => host).join(',')}`;
}

/** The node that leads, once one does. */
export async function leaderOf(nodes: readonly RqliteNode[]): Promise<RqliteNode> {
  return until('the cluster has a leader', async () => {
    for (const node of nodes) {
      const response = await fetch(`http://${node.host}/status`).catch(() => null);
      const status = (await response?.json().catch(() => null)) as
        | { store?: { leader?: { node_id?: string } } }
        | null
        | undefined;
      const leader = nodes.find(({ id }) => id === status?.store?.leader?.node_id);
      if (leader !== undefined) return leader;
    }
    return null;
  });
}

async function isReady({ host }: RqliteNode): Promise<boolean> {
  const response = await fetch(`http://${host}/readyz`).catch(() => null);
  // one that asks for credentials is there
  return response !== null && (response.ok || response.status === 401);
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
