import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { type WebSocket, WebSocketServer } from 'ws';
import { answerAsked } from '../../support/asked-process.ts';
import { startSite } from '../../support/start-gateway.ts';

/** A process with one server: a node with its gateway, or the loop it is compared with. */
export type ServerRequest =
  | { readonly type: 'gateway' }
  | { readonly type: 'loop' }
  | { readonly type: 'memory' }
  | { readonly type: 'usage' };

export interface Memory {
  readonly rss: number;
  /** Memory in the collector's heap, and external memory. */
  readonly heap: number;
}

answerAsked(async (request: ServerRequest) => {
  switch (request.type) {
    case 'gateway': {
      const site = await startSite({ settings: { 'log.level': 'warn' } });
      return Number(new URL(site.url).port);
    }
    case 'loop':
      return startLoop();
    case 'memory':
      return measureMemory();
    default: {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    }
  }
});

/** The naive server: every message to every subscriber, one after another. */
async function startLoop(): Promise<number> {
  const server = createServer();
  const subscribers = new Set<WebSocket>();
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on('connection', (socket, { url }) => {
    if (url === '/subscribe') {
      subscribers.add(socket);
      socket.on('close', () => subscribers.delete(socket));
      return;
    }
    socket.on('message', (data: Buffer) => {
      for (const subscriber of subscribers) subscriber.send(data);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** After collections, several because what a finalizer holds goes with the next one. */
async function measureMemory(): Promise<Memory> {
  growYoungGeneration();
  for (let index = 0; index < 4; index++) {
    globalThis.gc?.();
    await wait(50);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed + external };
}

/**
 * The young generation grows with the first load that comes, up to a size the process was given, and stays so: it
 * is brought there before memory is measured, or it would be counted as the sockets'.
 */
function growYoungGeneration(): void {
  for (let round = 0; round < YOUNG_ROUNDS; round++) {
    const live: object[] = [];
    for (let index = 0; index < YOUNG_OBJECTS; index++) live.push({ index, round });
    if (live.length !== YOUNG_OBJECTS) throw new Error('it was optimised away');
  }
}

/** Some 50 MB that live at the same time, which fills a semi-space of 64 MB with what came before. */
const YOUNG_OBJECTS = 1_000_000;
const YOUNG_ROUNDS = 6;
