import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { AskedProcess } from '../../support/asked-process.ts';
import {
  atLeast,
  atMost,
  cpuSeconds,
  experiment,
  median,
  type Result,
  round,
  type Target,
} from '../../support/experiment.ts';
import { type LoadRequest, PAYLOAD_BYTES, type Run, type Wire } from './load.ts';
import type { Memory, ServerRequest } from './servers.ts';

const FULL = {
  subscribers: 500,
  rounds: 3,
  warmUpMs: 2_000,
  measureMs: 5_000,
  idleSockets: 5_000,
  /** Sockets opened and closed before memory is measured: what is allocated once is no cost of a socket. */
  warmUpSockets: 500,
};
type Sizes = typeof FULL;
const SMOKE: Sizes = {
  subscribers: 5,
  rounds: 1,
  warmUpMs: 100,
  measureMs: 200,
  idleSockets: 20,
  warmUpSockets: 5,
};
const HEADER_BYTES = 1_000;
const IDLE_TARGET_KB = 20;

/** Round by round in this order: what the machine does beside it meets all alike. */
const WIRES: readonly Wire[] = ['loop', 'json', 'raw', 'cbor', 'nats'];
const WHAT: Record<Wire, string> = {
  loop: 'a bare ws server that sends each message to each socket',
  json: 'gateway, maillon.json.1 (what the SDK speaks)',
  raw: 'gateway, raw payloads (DeBros E1): the same bytes as the loop',
  cbor: 'gateway, maillon.cbor.1',
  nats: 'nats-server',
};

/** One wire in one round. */
interface Round extends Run {
  /** Share of one processor that the server used while measured and drained. */
  readonly serverCpu: number;
}

interface Server {
  readonly port: number;
  readonly pid: number;
}

export const fanoutBench = experiment({
  name: 'fanout',
  summary: `${PAYLOAD_BYTES} B to ${FULL.subscribers} WebSockets at saturation, against a ws loop and nats-server; idle memory`,
  full: FULL,
  smoke: SMOKE,
  async run(sizes, { progress, options }) {
    const count = Number(options[0] ?? sizes.rounds);
    const chosen = WIRES.filter((wire) => options[1] === undefined || options[1].split(',').includes(wire));
    const bench = new Bench(sizes, progress);
    const rounds = new Map<Wire, Round[]>(chosen.map((wire) => [wire, []]));
    try {
      await bench.start(chosen);
      for (let index = 0; index < count; index++) {
        for (const wire of bench.wires) {
          const round = await bench.measure(wire);
          rounds.get(wire)?.push(round);
          progress(`round ${index + 1} ${wire.padEnd(5)} ${JSON.stringify(round)}`);
        }
      }
    } finally {
      await bench.stop();
    }
    return summarise(rounds, await measureIdle(sizes, progress));
  },
});

class Bench {
  readonly #sizes: Sizes;
  readonly #progress: (line: string) => void;
  readonly #processes: AskedProcess<ServerRequest>[] = [];
  readonly #servers = new Map<Wire, Server>();
  #nats: ChildProcess | undefined;

  constructor(sizes: Sizes, progress: (line: string) => void) {
    this.#sizes = sizes;
    this.#progress = progress;
  }

  /** Those that can be measured here. */
  get wires(): Wire[] {
    return [...this.#servers.keys()];
  }

  async start(chosen: readonly Wire[]): Promise<void> {
    const gateway = await this.#serve('gateway');
    const loop = await this.#serve('loop');
    for (const wire of chosen) {
      const server = wire === 'nats' ? await this.#startNats() : wire === 'loop' ? loop : gateway;
      if (server === undefined) continue;
      this.#servers.set(wire, server);
      this.#progress(`${wire}: ${WHAT[wire]}`);
    }
  }

  /** A load process of its own each time: none inherits what the one before did to its heap. */
  async measure(wire: Wire): Promise<Round> {
    const server = this.#servers.get(wire);
    if (server === undefined) throw new Error(`${wire} does not run`);
    const { subscribers, warmUpMs, measureMs } = this.#sizes;
    const load = new AskedProcess<LoadRequest>(new URL('./load.ts', import.meta.url));
    try {
      await load.ask({ type: 'open', wire, port: server.port, subscribers });
      const before = cpuSeconds(server.pid);
      const startedAt = performance.now();
      const run = await load.ask<Run>({ type: 'run', warmUpMs, measureMs });
      const seconds = (performance.now() - startedAt) / 1000;
      const serverCpu = (cpuSeconds(server.pid) - before) / seconds;
      await load.ask({ type: 'close' });
      return { ...run, cpu: round(run.cpu), serverCpu: round(serverCpu) };
    } finally {
      await load.stop();
    }
  }

  async stop(): Promise<void> {
    this.#nats?.kill();
    await Promise.all(this.#processes.map((one) => one.stop()));
  }

  async #serve(type: 'gateway' | 'loop'): Promise<Server> {
    const process = serverProcess();
    this.#processes.push(process);
    return { port: await process.ask<number>({ type }), pid: process.pid };
  }

  async #startNats(): Promise<Server | undefined> {
    if (spawnSync('nats-server', ['--version']).status !== 0) {
      this.#progress('nats: left out, nats-server is not on the PATH (apt-get install nats-server)');
      return undefined;
    }
    const port = await freePort();
    this.#nats = spawn('nats-server', ['-a', '127.0.0.1', '-p', `${port}`], { stdio: 'ignore' });
    // it says so only in its log; the first connection would be refused before
    await wait(1_000);
    return { port, pid: this.#nats.pid ?? 0 };
  }
}

function serverProcess(): AskedProcess<ServerRequest> {
  // as `npm start` runs a node, and with the means to collect before memory is measured
  return new AskedProcess(new URL('./servers.ts', import.meta.url), [
    '--max-semi-space-size=64',
    '--expose-gc',
  ]);
}

/** Cost of one idle WebSocket at the gateway: a subprotocol, a subscription, a kilobyte of headers. */
async function measureIdle(
  { idleSockets, warmUpSockets }: Sizes,
  progress: (line: string) => void,
): Promise<{ rssKb: number; heapKb: number }> {
  const server = serverProcess();
  const load = new AskedProcess<LoadRequest>(new URL('./load.ts', import.meta.url));
  try {
    const port = await server.ask<number>({ type: 'gateway' });
    await load.ask({ type: 'idle', port, sockets: warmUpSockets, headerBytes: HEADER_BYTES });
    await load.ask({ type: 'close' });
    const before = await server.ask<Memory>({ type: 'memory' });
    await load.ask({ type: 'idle', port, sockets: idleSockets, headerBytes: HEADER_BYTES });
    const after = await server.ask<Memory>({ type: 'memory' });
    const perSocket = (pick: (memory: Memory) => number): number =>
      round((pick(after) - pick(before)) / idleSockets / 1000, 1);
    const result = { rssKb: perSocket((memory) => memory.rss), heapKb: perSocket((memory) => memory.heap) };
    progress(`${idleSockets} idle sockets: ${JSON.stringify(result)} each`);
    return result;
  } finally {
    await Promise.all([server.stop(), load.stop()]);
  }
}

/** A port that is free now, for a server that cannot say which one it took. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

function summarise(rounds: ReadonlyMap<Wire, Round[]>, idle: { rssKb: number; heapKb: number }): Result {
  const figures = Object.fromEntries(
    [...rounds].map(([wire, all]) => [
      wire,
      {
        what: WHAT[wire],
        perSecond: median(all.map((one) => one.perSecond)),
        deliveryRatio: Math.min(...all.map((one) => one.deliveryRatio)),
        serverCpu: median(all.map((one) => one.serverCpu)),
        clientCpu: median(all.map((one) => one.cpu)),
      },
    ]),
  );
  return { name: 'fanout', figures: { ...figures, idle }, targets: targets(rounds, idle) };
}

function targets(rounds: ReadonlyMap<Wire, Round[]>, idle: { rssKb: number }): Target[] {
  /** Each round against the same round of the other. */
  const ratio = (wire: Wire, to: Wire): number =>
    round(
      median(
        (rounds.get(wire) ?? []).map(
          (one, index) => one.perSecond / (rounds.get(to)?.[index]?.perSecond ?? Number.NaN),
        ),
      ),
    );
  const ours = (['json', 'raw', 'cbor'] as const).flatMap((wire) => rounds.get(wire) ?? []);
  const result = [
    atLeast('deliveries/s against a ws loop, JSON', ratio('json', 'loop'), 4),
    atLeast('deliveries/s against a ws loop, same bytes', ratio('raw', 'loop'), 4),
    atLeast('delivery ratio, the lowest of all rounds', Math.min(...ours.map((one) => one.deliveryRatio)), 1),
    atMost('kB per idle socket, RSS', idle.rssKb, IDLE_TARGET_KB),
  ];
  if ((rounds.get('nats')?.length ?? 0) === 0) return result;
  return [...result, atLeast('deliveries/s against nats-server, same bytes', ratio('raw', 'nats'), 0.5)];
}
