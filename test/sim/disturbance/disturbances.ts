import { once } from 'node:events';
import type { Socket } from 'node:net';
import { handshake, leanSocket, WebSocketCounter } from '../../bench/fanout/lean-socket.ts';
import { until } from '../../support/processes.ts';
import { WsClient } from '../../support/ws-client.ts';
import type { SwarmLine } from './swarm.ts';
import { BULK_TOPIC, type Traffic, webSocketUrl } from './traffic.ts';

/** How the clients of a disturbance were closed; null for one that was not. */
export type CloseCodes = readonly (number | null)[];

/** What is done to the swarm while others are to notice nothing. */
export interface Disturbance {
  readonly name: string;
  /** Whether its clients must be cut within a round. */
  readonly isCut: boolean;
  /** Resolves once it lasts; what it returns ends it. */
  begin(swarm: SwarmLine, traffic: Traffic): Promise<() => Promise<CloseCodes>>;
}

const READERS = 5;
const IDLE_SOCKETS = 1_000;
const OPENING = 100;
/** A slow reader takes what is there, 64 kB at most, once a second: a third of what comes. */
const READ_EVERY_MS = 1_000;
/**
 * What the kernel takes for one that does not read, by Linux' defaults (net.ipv4.tcp_wmem): sent before it is
 * measured, so that the queue of the gateway grows, and is dealt with, while it is.
 */
const KERNEL_BYTES = 2.75 * 2 ** 20;
/** A client that was cut is dropped 5 s later; until then it can read why. */
const CLOSED_WITHIN_MS = 5_000;

const stoppedNode: Disturbance = {
  name: 'a node that is stopped (SIGSTOP)',
  isCut: false,
  async begin({ nodes }) {
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
  async begin(swarm, traffic) {
    const readers = await openReaders(swarm, traffic);
    for (const { socket } of readers) socket.on('message', () => socket.pause());
    const timer = setInterval(() => {
      for (const { socket } of readers) socket.resume();
    }, READ_EVERY_MS);
    return async () => {
      clearInterval(timer);
      return closeCodes(readers);
    };
  },
};

const neverReader: Disturbance = {
  name: 'readers that never read',
  isCut: true,
  async begin(swarm, traffic) {
    const readers = await openReaders(swarm, traffic);
    return () => closeCodes(readers);
  },
};

const idleSockets: Disturbance = {
  name: 'a thousand idle sockets',
  isCut: false,
  async begin({ gateways }) {
    const port = Number(new URL(gateways[1]?.url ?? '').port);
    const sockets: Socket[] = [];
    while (sockets.length < IDLE_SOCKETS) {
      const some = Array.from({ length: OPENING }, () => {
        const counter = new WebSocketCounter(1);
        const init = { port, path: '/v1/pubsub/ws?topic=idle', protocol: 'maillon.json.1' };
        return { socket: leanSocket(port, handshake(init), counter), counter };
      });
      sockets.push(...some.map(({ socket }) => socket));
      await until('they are subscribed', () => some.every(({ counter }) => counter.isReady));
    }
    return async () => {
      await Promise.all(
        sockets.map(async (socket) => {
          const closed = once(socket, 'close');
          socket.destroy();
          await closed;
        }),
      );
      return [];
    };
  },
};

export const DISTURBANCES: readonly Disturbance[] = [stoppedNode, slowReader, neverReader, idleSockets];

/** Clients of the gateway that others listen at, subscribed to much and reading nothing. */
async function openReaders({ gateways }: SwarmLine, traffic: Traffic): Promise<WsClient[]> {
  const url = webSocketUrl(gateways[1]?.url ?? '', `?topic=${BULK_TOPIC}`);
  const readers = await Promise.all(
    Array.from({ length: READERS }, async () => WsClient.open(url, ['maillon.json.1'])),
  );
  for (const { socket } of readers) {
    // what they got is of no interest and would only pile up
    socket.removeAllListeners('message');
    socket.pause();
  }
  await traffic.burst(KERNEL_BYTES);
  return readers;
}

/** Reads on to the end of each connection, to see how the gateway closed it. */
async function closeCodes(readers: readonly WsClient[]): Promise<CloseCodes> {
  return Promise.all(
    readers.map(async (reader) => {
      reader.socket.removeAllListeners('message');
      reader.socket.resume();
      const code = await Promise.race([
        reader.closed.then(({ code }) => code),
        new Promise<null>((resolve) => {
          setTimeout(() => resolve(null), CLOSED_WITHIN_MS).unref();
        }),
      ]);
      await reader[Symbol.asyncDispose]();
      return code;
    }),
  );
}
