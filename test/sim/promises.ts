import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { atLeast, atMost, experiment, quantile, type Result, round } from '../support/experiment.ts';
import type { Cleanup } from '../support/processes.ts';
import { Owner } from './promises/owner.ts';
import { type Action, Schedule } from './promises/schedule.ts';
import { Random } from './storage/random.ts';

const REPLICAS = 3;
const FULL: Sizes = { minutes: 10, values: 2_000, seed: null, nodes: [3, 2] };
/** One of each kind of change. */
const SMOKE: Sizes = {
  minutes: 0,
  values: 40,
  seed: 3,
  nodes: [2, 2],
  actions: ['kill of each owner', 'rejoin', 'rejoin', 'join', 'loss'],
};
/** Short, so that a node that left for good is done without within the run; in the field it is ten minutes. */
const DOWN_TIMEOUT_MS = 30_000;
const COPIES_MAX_MS = 60_000;
/** Beyond the target, to say by how much it was missed. */
const COPIES_PATIENCE_MS = 180_000;
const WRITE_PATIENCE_MS = 120_000;
const POLL_MS = 200;
/** Values of each owner that are stored, and read, in each step, at whatever nodes are there. */
const WRITES_A_STEP = 4;
const READS_A_STEP = 50;
/** Every so many steps all values are read. */
const AUDIT_STEPS = 6;

interface Sizes {
  readonly minutes: number;
  readonly values: number;
  /** Another one each time unless given. */
  readonly seed: number | null;
  /** Nodes of each owner in the beginning. */
  readonly nodes: readonly number[];
  /** Instead of a random schedule, whatever time it takes. */
  readonly actions?: readonly Action[];
}

interface PromisesInit extends Sizes {
  readonly seed: number;
  readonly progress: (line: string) => void;
}

/** `npm run faults -- promises [--minutes N] [--values N] [--seed N]`. */
export const promises = experiment({
  name: 'promises',
  summary: `${FULL.nodes.join(' and ')} node processes of two owners, ${FULL.values} durable values: joins, kills and rejoins for ${FULL.minutes} min`,
  full: FULL,
  smoke: SMOKE,
  async run(sizes, { progress, options }) {
    const { values: given } = parseArgs({
      args: [...options],
      options: { minutes: { type: 'string' }, values: { type: 'string' }, seed: { type: 'string' } },
    });
    return runPromises({
      ...sizes,
      minutes: Number(given.minutes ?? sizes.minutes),
      values: Number(given.values ?? sizes.values),
      seed: Number(given.seed ?? sizes.seed ?? Date.now() % 2 ** 31),
      progress,
    });
  },
});

async function runPromises(init: PromisesInit): Promise<Result> {
  const ends: (() => void | Promise<void>)[] = [];
  const t: Cleanup = { after: (end) => void ends.unshift(end) };
  try {
    return await new Run(t, init).run();
  } finally {
    for (const end of ends) await end();
  }
}

/** One step, and how long it took until every value had its copies. */
interface Step {
  readonly action: string;
  readonly copiesMs: number;
  readonly missing?: readonly string[];
}

class Run {
  readonly #init: PromisesInit;
  readonly #random: Random;
  readonly #owners: readonly Owner[];
  readonly #steps: Step[] = [];
  #unreadable = 0;

  constructor(t: Cleanup, init: PromisesInit) {
    this.#init = init;
    this.#random = new Random(init.seed);
    const flags = ['--log-level', 'warn', '--storage-down-timeout-ms', String(DOWN_TIMEOUT_MS)];
    this.#owners = init.nodes.map((_, index) => {
      return new Owner(t, { name: `owner${index + 1}`, flags, replicas: REPLICAS, random: this.#random });
    });
  }

  async run(): Promise<Result> {
    const { minutes, actions, progress } = this.#init;
    await this.#found();
    await this.#fill();
    this.#steps.push(await this.#settled('filled'));
    const schedule = new Schedule(this.#owners, this.#random, () => this.#addresses);
    const until = performance.now() + minutes * 60_000;
    const planned = actions?.values();
    for (let number = 1; ; number++) {
      const action = planned?.next().value ?? (planned === undefined ? schedule.draw() : null);
      if (action === null || (planned === undefined && performance.now() > until)) break;
      const done = await schedule.do(action);
      if (done === null) continue;
      progress(`${number}: ${done}`);
      await this.#use();
      const step = await this.#settled(done);
      this.#steps.push(step);
      progress(`${number}: copies after ${step.copiesMs} ms ${step.missing?.join('; ') ?? ''}`);
      if (step.copiesMs === Infinity) break;
      if (number % AUDIT_STEPS === 0) await this.#audit(false);
    }
    await this.#audit(true);
    return this.#result();
  }

  /** Starts each owner's machines: the first, then one by invite, then those with its key. */
  async #found(): Promise<void> {
    for (const [index, owner] of this.#owners.entries()) {
      await owner.found(this.#addresses);
      for (let number = 1; number < (this.#init.nodes[index] ?? 0); number++) {
        const { name } = await owner.add(number === 1 ? 'invite' : 'home', this.#addresses);
        this.#init.progress(`${name} joined`);
      }
    }
  }

  /** Stores all values. A swarm that has just met may refuse some. */
  async #fill(): Promise<void> {
    const deadline = performance.now() + WRITE_PATIENCE_MS;
    const share = Math.ceil(this.#init.values / this.#owners.length);
    for (const owner of this.#owners) {
      for (let left = share; left > 0; left -= await owner.write(left)) {
        if (performance.now() > deadline)
          throw new Error(`${left} values of ${owner.name} could not be stored`);
      }
    }
  }

  /** Stores and reads while what has just happened is not made good. */
  async #use(): Promise<void> {
    for (const owner of this.#owners) {
      await owner.write(WRITES_A_STEP);
      const keys = [...owner.promised.values.keys()];
      const some = new Set(Array.from({ length: READS_A_STEP }, () => this.#random.pick(keys)));
      await owner.read(some, () => this.#random.pick(this.#nodes).site(owner.did));
    }
  }

  /** Resolves when every value has its copies, can be listed at a node of either owner, and says how long that took. */
  async #settled(action: string): Promise<Step> {
    const since = performance.now();
    const times = await Promise.all(
      this.#owners.map(async (owner) => {
        const keys = new Set(owner.promised.values.keys());
        while (keys.size > 0 && performance.now() - since < COPIES_PATIENCE_MS) {
          await owner.lookAtCopies(keys);
          if (keys.size > 0) await wait(POLL_MS);
        }
        const ms = keys.size === 0 ? round(performance.now() - since, 0) : Infinity;
        return { ms, missing: await this.#explain(owner, keys) };
      }),
    );
    for (const owner of this.#owners) await this.#list(owner);
    const missing = times.flatMap((one) => one.missing);
    const copiesMs = Math.max(...times.map(({ ms }) => ms));
    return { action, copiesMs, ...(missing.length === 0 ? {} : { missing }) };
  }

  async #explain(owner: Owner, keys: ReadonlySet<string>): Promise<string[]> {
    const [key] = keys;
    if (key === undefined) return [];
    const holders = await this.#random.pick(owner.live).site('').where(key);
    return [
      `${keys.size} of ${owner.name}, such as ${key}, ${owner.wanted} wanted: ${JSON.stringify(holders)}`,
    ];
  }

  /** Reads every value, at some node or at each. */
  async #audit(isEverywhere: boolean): Promise<void> {
    for (const owner of this.#owners) {
      const nodes = isEverywhere ? this.#nodes : [null];
      for (const node of nodes) {
        const keys = new Set(owner.promised.values.keys());
        await patiently(async () => {
          await owner.read(keys, () => (node ?? this.#random.pick(this.#nodes)).site(owner.did));
          return keys.size === 0;
        });
        this.#unreadable += keys.size;
        if (node !== null) await this.#list(owner, node);
      }
    }
  }

  async #list(owner: Owner, node = this.#random.pick(this.#nodes)): Promise<void> {
    const isListed = await patiently(() => owner.list(node.site(owner.did)));
    if (isListed) return;
    this.#unreadable += 1;
    this.#init.progress(`no list of ${owner.name} at ${node.name}`);
  }

  get #nodes() {
    return this.#owners.flatMap(({ live }) => live);
  }

  get #addresses(): readonly string[] {
    return this.#nodes.map(({ address }) => address);
  }

  #result(): Result {
    const { seed, minutes, nodes } = this.#init;
    const promised = this.#owners.map((owner) => owner.promised);
    const sum = (count: (one: (typeof promised)[number]) => number): number =>
      promised.reduce((total, one) => total + count(one), 0);
    const steps = this.#steps.slice(1);
    const copiesMs = steps.map((step) => step.copiesMs);
    const figures = {
      seed,
      minutes,
      nodes,
      downTimeoutMs: DOWN_TIMEOUT_MS,
      values: sum(({ values }) => values.size),
      steps: steps.length,
      actions: steps.map(({ action, copiesMs: ms }) => `${action}: ${ms} ms`),
      medianCopiesMs: quantile(copiesMs, 0.5),
      missing: this.#steps.flatMap(({ missing = [] }) => missing),
      reads: sum(({ reads }) => reads),
      degradedReads: sum(({ degradedReads }) => degradedReads),
      lists: sum(({ lists }) => lists),
      codes: promised.map(({ codes }) => Object.fromEntries(codes)),
      breaches: promised.flatMap(({ examples }) => examples),
    };
    return {
      name: 'promises',
      figures,
      targets: [
        atLeast('steps', steps.length, 1),
        atMost(
          'promised values lost',
          sum(({ breaches }) => breaches.lost),
          0,
        ),
        atMost(
          'promised values expiring',
          sum(({ breaches }) => breaches.expiring),
          0,
        ),
        atMost(
          'promised values missing in lists',
          sum(({ breaches }) => breaches.unlisted),
          0,
        ),
        atMost('values and lists that could not be read within a minute', this.#unreadable, 0),
        atMost(
          'slowest until R copies, or one per live sponsor, ms',
          Math.max(0, ...copiesMs),
          COPIES_MAX_MS,
        ),
      ],
    };
  }
}

/** Tries again for a minute, since what cannot be read now may be read in a moment. */
async function patiently(attempt: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + COPIES_MAX_MS;
  for (;;) {
    if (await attempt()) return true;
    if (performance.now() > deadline) return false;
    await wait(POLL_MS);
  }
}
