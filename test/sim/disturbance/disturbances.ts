import { AskedProcess } from '../../support/asked-process.ts';
import type { ClientsRequest, CloseCodes } from './clients.ts';
import type { Swarm } from './swarm.ts';
import { BULK_TOPIC, type Traffic, webSocketUrl } from './traffic.ts';

/** A disturbance of the swarm that others must not notice. */
export interface Disturbance {
  readonly name: string;
  /** Whether its clients must be cut within a round. */
  readonly isCut: boolean;
  /** Resolves once it lasts; what it returns ends it. */
  begin(
    swarm: Swarm,
    traffic: Traffic,
    sizes: { readonly idleSockets: number },
  ): Promise<() => Promise<CloseCodes>>;
}

const READERS = 5;
/** How often the gateway is asked whether it has cut them: they must read why before it drops them. */
const WATCH_MS = 1_000;
/**
 * Bytes the kernel buffers for a client that does not read, by Linux' defaults (net.ipv4.tcp_wmem). They are sent before the
 * measurement, so that the gateway's queue grows, and is dealt with, during it.
 */
const KERNEL_BYTES = 2.75 * 2 ** 20;

const stoppedNode: Disturbance = {
  name: 'a node that is stopped (SIGSTOP)',
  isCut: false,
  async begin({ line: { nodes } }) {
    // the last one: the others were told of the first to join through
    const { pid } = nodes.at(-1) ?? {};
    if (pid === undefined) throw new Error('the swarm has no nodes');
    process.kill(pid, 'SIGSTOP');
    return async () => {
      process.kill(pid, 'SIGCONT');
      return [];
    };
  },
};

const slowReader: Disturbance = {
  name: 'readers that read slowly',
  isCut: false,
  begin: async (swarm, traffic) => openReaders(swarm, traffic, true),
};

const neverReader: Disturbance = {
  name: 'readers that never read',
  isCut: true,
  begin: async (swarm, traffic) => openReaders(swarm, traffic, false),
};

const idleSockets: Disturbance = {
  name: 'a thousand idle sockets',
  isCut: false,
  async begin(swarm, _traffic, { idleSockets: count }) {
    const clients = await openClients(swarm, 'idle', count, false);
    return async () => {
      await clients.stop();
      return [];
    };
  },
};

export const DISTURBANCES: readonly Disturbance[] = [stoppedNode, slowReader, neverReader, idleSockets];

/** Clients of the gateway that others listen at. */
async function openClients(
  { line }: Swarm,
  topic: string,
  count: number,
  reads: boolean,
): Promise<AskedProcess<ClientsRequest>> {
  const clients = new AskedProcess<ClientsRequest>(new URL('./clients.ts', import.meta.url));
  const url = webSocketUrl(line.gateways[1]?.url ?? '', `?topic=${topic}`);
  await clients.ask({ type: 'open', url, count, reads });
  return clients;
}

async function openReaders(
  swarm: Swarm,
  traffic: Traffic,
  reads: boolean,
): Promise<() => Promise<CloseCodes>> {
  const before = await swarm.cutClients();
  const readers = await openClients(swarm, BULK_TOPIC, READERS, reads);
  let codes: Promise<CloseCodes> | undefined;
  const end = async (): Promise<CloseCodes> => (codes ??= readers.ask<CloseCodes>({ type: 'end' }));
  const watch = setInterval(() => {
    void swarm.cutClients().then(async (cut) => (cut >= before + READERS ? end() : []));
  }, WATCH_MS);
  await traffic.burst(KERNEL_BYTES);
  return async () => {
    clearInterval(watch);
    const result = await end();
    await readers.stop();
    return result;
  };
}
