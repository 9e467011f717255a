import { setTimeout as wait } from 'node:timers/promises';
import { atMost, experiment, quantile, type Result, round, type Target } from '../support/experiment.ts';
import { Copies } from './churn/copies.ts';
import { Foreground, KINDS, type Kind, readThrough, type Sample } from './churn/foreground.ts';
import { historyFigures, historyTargets } from './storage/audit.ts';
import { History } from './storage/history.ts';
import { Random } from './storage/random.ts';
import { Swarm } from './storage/swarm.ts';

const REPLICAS = 3;
/**
 * As an operator sets it whose nodes go for good twice a minute: who is gone for half that time is out before the next one goes. By the
 * default of ten minutes twenty of them would still be replicas at once, and most partitions without a majority.
 */
const DOWN_TIMEOUT_MS = 15_000;

interface Sizes {
  readonly nodes: number;
  readonly minutes: number;
  readonly everySeconds: number;
  readonly downTimeoutMs: number;
  readonly warmUpMs: number;
  readonly beforeMs: number;
  /** Another one each time unless given. */
  readonly seed: number | null;
  readonly smallKeys: number;
  readonly largeKeys: number;
}

const FULL: Sizes = {
  nodes: 7,
  minutes: 10,
  everySeconds: 30,
  downTimeoutMs: DOWN_TIMEOUT_MS,
  warmUpMs: 20_000,
  beforeMs: 120_000,
  seed: null,
  smallKeys: 200,
  largeKeys: 16,
};
/** One of three is replaced. */
const SMOKE: Sizes = {
  nodes: 3,
  minutes: 0,
  everySeconds: 1,
  downTimeoutMs: 3_000,
  warmUpMs: 200,
  beforeMs: 500,
  seed: 1,
  smallKeys: 10,
  largeKeys: 1,
};

const COPIES_MAX_MS = 60_000;
const P99_RATIO_MAX = 2;

interface ChurnInit extends Sizes {
  readonly seed: number;
  readonly progress: (line: string) => void;
}

/** `npm run faults -- churn [minutes] [seconds between two] [down timeout in ms] [seed]`. */
export const churn = experiment({
  name: 'churn',
  summary: `${FULL.nodes} node processes and a light gateway: one of them replaced every ${FULL.everySeconds} s for ${FULL.minutes} min under load`,
  full: FULL,
  smoke: SMOKE,
  async run(sizes, { progress, options: [minutes, everySeconds, downTimeoutMs, seed] }) {
    return runChurn({
      ...sizes,
      minutes: Number(minutes ?? sizes.minutes),
      everySeconds: Number(everySeconds ?? sizes.everySeconds),
      downTimeoutMs: Number(downTimeoutMs ?? sizes.downTimeoutMs),
      seed: Number(seed ?? sizes.seed ?? Date.now() % 2 ** 31),
      progress,
    });
  },
});

async function runChurn(init: ChurnInit): Promise<Result> {
  const swarm = await Swarm.start(init.nodes, ['--storage-down-timeout-ms', `${init.downTimeoutMs}`]);
  try {
    const { site } = await swarm.addGateway();
    const { smallKeys, largeKeys } = init;
    const run = new Run(init, swarm, {
      site,
      history: new History(),
      random: new Random(init.seed),
      smallKeys,
      largeKeys,
    });
    return await run.run();
  } finally {
    await swarm.stop();
  }
}

class Run {
  readonly #init: ChurnInit;
  readonly #swarm: Swarm;
  readonly #shared: ConstructorParameters<typeof Foreground>[0];
  readonly #foreground: Foreground;
  readonly #copies: Copies;
  readonly #readyMs: number[] = [];

  constructor(init: ChurnInit, swarm: Swarm, shared: ConstructorParameters<typeof Foreground>[0]) {
    this.#init = init;
    this.#swarm = swarm;
    this.#shared = shared;
    this.#foreground = new Foreground(shared);
    this.#copies = new Copies({ ...shared, replicas: REPLICAS });
  }

  async run(): Promise<Result> {
    const { warmUpMs, beforeMs, progress } = this.#init;
    await this.#foreground.fill();
    progress(`${this.#shared.history.keys.length} keys, ${this.#init.largeKeys} of them large`);
    this.#foreground.start();
    this.#copies.start();
    let before: readonly Sample[] = [];
    let during: readonly Sample[] = [];
    try {
      await wait(warmUpMs);
      this.#foreground.take();
      await wait(beforeMs);
      before = this.#foreground.take();
      progress(`before: ${JSON.stringify(figuresOf(before))}`);
      await this.#churn();
      during = this.#foreground.take();
    } finally {
      await this.#foreground.stop();
    }
    await this.#settle();
    await this.#copies.stop();
    return this.#result(before, during, await this.#unreadable());
  }

  /** One after another is replaced; the last has as long as the others to show what it costs. */
  async #churn(): Promise<void> {
    const { minutes, everySeconds, progress } = this.#init;
    const count = Math.max(1, Math.floor((minutes * 60) / everySeconds));
    for (let number = 1; number <= count; number++) {
      const next = wait(everySeconds * 1000);
      await this.#replace();
      await next;
      const { acked, refused, unclear, failedReads, violationCount } = this.#shared.history;
      const copies = this.#copies.losses.map(({ copiesMs }) => round(copiesMs, 0)).at(-1);
      progress(
        `${number} replaced: copies after ${copies} ms, ${acked} acknowledged, ${refused} refused, ` +
          `${unclear} unclear, ${failedReads} reads failed, ${violationCount} violations`,
      );
    }
  }

  async #replace(): Promise<void> {
    const { random } = this.#shared;
    const victim = random.pick(this.#swarm.up);
    const loss = this.#copies.lost(victim.name);
    const late = wait(COPIES_MAX_MS, undefined, { ref: false }).then(() => this.#copies.explain(loss));
    late.catch(() => undefined);
    await victim.lose();
    const since = performance.now();
    await this.#swarm.add(1);
    this.#readyMs.push(performance.now() - since);
  }

  /** The last loss has as long to be made good as every other one. */
  async #settle(): Promise<void> {
    const last = this.#copies.losses.at(-1)?.at ?? 0;
    while (!this.#copies.isComplete && performance.now() - last < COPIES_MAX_MS) await wait(100);
  }

  /** Keys that cannot be read by majority, once nobody writes any more, at the gateway and at every node. */
  async #unreadable(): Promise<number> {
    const { history, site, random } = this.#shared;
    let unreadable = 0;
    for (const key of history.keys) {
      const others = [site, random.pick(this.#swarm.sites)];
      for (const one of others) if (!(await readThrough(history, one, key))) unreadable += 1;
    }
    return unreadable;
  }

  #result(before: readonly Sample[], during: readonly Sample[], unreadable: number): Result {
    const { seed, downTimeoutMs, everySeconds } = this.#init;
    const { history, site } = this.#shared;
    const { losses, examples } = this.#copies;
    const copiesMs = losses.map((loss) => round(loss.copiesMs, 0));
    const [was, is] = [figuresOf(before), figuresOf(during)];
    const figures = {
      seed,
      downTimeoutMs,
      everySeconds,
      nodes: this.#init.nodes,
      replaced: losses.length,
      before: was,
      during: is,
      slow: slowBySecond(
        during,
        losses.map(({ at }) => at),
        P99_RATIO_MAX *
          quantile(
            before.map(({ ms }) => ms),
            0.99,
          ),
      ),
      skipped: this.#foreground.skipped,
      readyMs: round(quantile(this.#readyMs, 0.5), 0),
      copiesMs,
      missing: examples,
      ...historyFigures(history, [site, ...this.#swarm.sites]),
    };
    const ratios = KINDS.map((kind): Target => {
      const ratio = round((is[kind]?.p99Ms ?? Number.NaN) / (was[kind]?.p99Ms ?? Number.NaN));
      return atMost(`${kind}: p99 under churn, times that before`, ratio, P99_RATIO_MAX);
    });
    const slowest = Math.max(...losses.map((loss) => loss.copiesMs));
    return {
      name: 'churn',
      figures,
      targets: [
        atMost('slowest until R copies of every key exist again, ms', round(slowest, 0), COPIES_MAX_MS),
        ...ratios,
        ...historyTargets('churn', history, unreadable),
      ],
    };
  }
}

interface KindFigures {
  readonly count: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Counts failures with the time they took: the client waited for them too. */
function figuresOf(samples: readonly Sample[]): Partial<Record<Kind, KindFigures>> {
  return Object.fromEntries(
    KINDS.map((kind) => {
      const some = samples.filter((sample) => sample.kind === kind);
      const ms = some.map((sample) => sample.ms);
      return [
        kind,
        {
          count: some.length,
          failed: some.filter(({ isOk }) => !isOk).length,
          p50Ms: round(quantile(ms, 0.5)),
          p99Ms: round(quantile(ms, 0.99)),
          maxMs: round(Math.max(...ms)),
        },
      ];
    }),
  );
}

/** How many took longer than `ms`, by the whole seconds since the latest loss at which they were due. */
function slowBySecond(
  samples: readonly Sample[],
  losses: readonly number[],
  ms: number,
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const sample of samples) {
    const loss = losses.findLast((at) => at <= sample.at);
    if (sample.ms <= ms || loss === undefined) continue;
    const second = `${Math.floor((sample.at - loss) / 1000)} s`;
    counts[second] = (counts[second] ?? 0) + 1;
  }
  return counts;
}
