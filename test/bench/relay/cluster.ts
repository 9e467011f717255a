import { type ChildProcess, fork } from 'node:child_process';
import type { Mode } from './subjects.ts';
import type { Request, Usage } from './worker.ts';

export interface ClusterInit {
  readonly mode: Mode;
  readonly nodes: number;
  readonly processes: number;
  readonly publishers: number;
  readonly directory: string;
}

type Incoming =
  | { readonly type: 'reply'; readonly reply: unknown }
  | { readonly type: 'counts'; readonly counts: readonly number[] };

const MESH_TIMEOUT_MS = 60_000;
const POLL_MS = 50;

/** One worker process, asked one thing at a time. */
class Worker {
  readonly child: ChildProcess;
  /** Numbers of the publishers in this process. */
  readonly mine: readonly number[];
  counts: readonly number[] = [];
  #answer: ((reply: unknown) => void) | undefined;

  constructor(mine: readonly number[], onCounts: () => void) {
    this.mine = mine;
    this.child = fork(new URL('./worker.ts', import.meta.url), {
      // as `npm start` runs a node, for every mode
      execArgv: ['--max-semi-space-size=64'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.child.on('message', (message: Incoming) => {
      if (message.type === 'reply') this.#answer?.(message.reply);
      else {
        this.counts = message.counts;
        onCounts();
      }
    });
  }

  ask<T = void>(request: Request): Promise<T> {
    return new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error('a worker ended'));
      this.child.once('exit', onExit);
      this.#answer = (reply) => {
        this.child.removeListener('exit', onExit);
        resolve(reply as T);
      };
      this.child.send(request);
    });
  }

  acknowledge(counts: readonly number[]): void {
    if (this.child.connected) this.child.send({ type: 'acknowledged', counts } satisfies Request);
  }
}

/** Nodes in several processes, every one connected with every other. */
export class Cluster {
  readonly #init: ClusterInit;
  readonly #workers: readonly Worker[];

  constructor(init: ClusterInit) {
    this.#init = init;
    this.#workers = Array.from({ length: init.processes }, (_, index) => {
      const mine = Array.from({ length: init.publishers }, (_, p) => p).filter(
        (p) => p % init.processes === index,
      );
      return new Worker(mine, () => this.#acknowledge());
    });
  }

  async start(): Promise<void> {
    const { mode, nodes, processes, publishers, directory } = this.#init;
    const here = nodes / processes;
    const addresses = await this.#all<string[]>((worker) => {
      return { type: 'start', mode, nodes: here, publishers, mine: worker.mine, directory };
    });
    const flat = addresses.flat();
    for (const [index, worker] of this.#workers.entries()) {
      const plan = Array.from({ length: here }, (_, node) => flat.slice(0, index * here + node));
      await worker.ask({ type: 'dial', plan });
    }
    await until(
      async () => (await this.#all<boolean>(() => ({ type: 'meshed' }))).every(Boolean),
      MESH_TIMEOUT_MS,
    );
  }

  async saturate(window: number): Promise<void> {
    await this.#all(() => ({ type: 'saturate', window }));
  }

  async steady(perSecond: number): Promise<void> {
    await this.#all(() => ({ type: 'steady', perSecond }));
  }

  async rest(): Promise<void> {
    await this.#all(() => ({ type: 'rest' }));
  }

  /** Everything sent has arrived, or the time is over. */
  async drained(timeoutMs: number): Promise<void> {
    const complete = async (): Promise<boolean> => {
      const { sent, deliveries } = await this.usage();
      return deliveries >= sent * (this.#init.nodes - 1);
    };
    await until(complete, timeoutMs).catch(() => undefined);
  }

  /** The processes' usage, added up. Latencies are handed out once. */
  async usage(): Promise<Usage> {
    const usages = await this.#all<Usage>(() => ({ type: 'usage' }));
    const sum = (pick: (usage: Usage) => number): number =>
      usages.reduce((total, usage) => total + pick(usage), 0);
    return {
      cpuMs: sum((usage) => usage.cpuMs),
      deliveries: sum((usage) => usage.deliveries),
      copies: sum((usage) => usage.copies),
      duplicates: sum((usage) => usage.duplicates),
      sent: sum((usage) => usage.sent),
      failed: sum((usage) => usage.failed),
      latenciesMs: usages.flatMap((usage) => usage.latenciesMs),
    };
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#workers.map(async ({ child }) => {
        if (child.exitCode !== null) return;
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.disconnect();
        await ended;
      }),
    );
  }

  #all<T = void>(request: (worker: Worker) => Request): Promise<T[]> {
    return Promise.all(this.#workers.map((worker) => worker.ask<T>(request(worker))));
  }

  /** Tells each publisher what has arrived everywhere. */
  #acknowledge(): void {
    if (this.#workers.some((worker) => worker.counts.length === 0)) return;
    for (const worker of this.#workers) {
      worker.acknowledge(worker.mine.map((p) => Math.min(...this.#workers.map((w) => w.counts[p] ?? 0))));
    }
  }
}

async function until(condition: () => Promise<boolean>, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not reached within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
