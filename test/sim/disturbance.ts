import { setTimeout as wait } from 'node:timers/promises';
import {
  atMost,
  experiment,
  median,
  quantile,
  type Result,
  round,
  type Target,
} from '../support/experiment.ts';
import type { CloseCodes } from './disturbance/clients.ts';
import { DISTURBANCES, type Disturbance } from './disturbance/disturbances.ts';
import { Swarm } from './disturbance/swarm.ts';
import { type Sample, Traffic } from './disturbance/traffic.ts';

const FULL = {
  nodes: 4,
  rounds: 5,
  sampleMs: 8_000,
  /** Before each sample: what the one before left, or what a disturbance began with, has settled. */
  settleMs: 1_000,
  warmUpMs: 10_000,
  idleSockets: 1_000,
};
type Sizes = typeof FULL;
const SMOKE: Sizes = {
  nodes: 2,
  rounds: 1,
  sampleMs: 300,
  settleMs: 0,
  warmUpMs: 0,
  idleSockets: 20,
};
const GATEWAYS = 2;
/** How much slower the slowest hundredth may become for those who do nothing wrong. */
const P99_RATIO_MAX = 1.5;
/** Queues of 5 MB, 20 kB for each of a thousand sockets, and what a collector takes its time with. */
const MEMORY_MB_MAX = 64;
const TOO_SLOW = 4008;

/** One pair of samples. */
interface Pair {
  readonly undisturbedMs: number;
  readonly disturbedMs: number;
  readonly ratio: number;
  readonly undisturbedMb: number;
  readonly disturbedMb: number;
  readonly closeCodes: CloseCodes;
}

/** `npm run faults -- disturbance [rounds] [numbers of disturbances, e.g. 1,3]`. */
export const disturbance = experiment({
  name: 'disturbance',
  summary: `${FULL.nodes} nodes and ${GATEWAYS} gateways: what a stopped node, slow readers and idle sockets cost the others`,
  full: FULL,
  smoke: SMOKE,
  async run(form, { progress, options }) {
    const sizes = { ...form, rounds: Number(options[0] ?? form.rounds) };
    const chosen = options[1]?.split(',').map(Number);
    const disturbances = DISTURBANCES.filter((_, index) => chosen?.includes(index + 1) ?? true);
    const swarm = await Swarm.start(sizes.nodes, GATEWAYS);
    try {
      const [from, to] = swarm.line.gateways;
      if (from === undefined || to === undefined) throw new Error('the swarm has too few gateways');
      const traffic = await Traffic.start({ from: from.url, to });
      progress(`published at ${from.url}, received and disturbed at ${to.url}`);
      await wait(sizes.warmUpMs);
      const pairs = new Map<Disturbance, Pair[]>();
      for (const one of disturbances) pairs.set(one, await measure(one, sizes, swarm, traffic, progress));
      const missing = await traffic.stop();
      return summarise(pairs, missing);
    } finally {
      await swarm.stop();
    }
  },
});

async function measure(
  one: Disturbance,
  { rounds, settleMs, sampleMs, idleSockets }: Sizes,
  swarm: Swarm,
  traffic: Traffic,
  progress: (line: string) => void,
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let index = 0; index < rounds; index++) {
    await wait(settleMs);
    const undisturbed = await traffic.sample(sampleMs);
    const end = await one.begin(swarm, traffic, { idleSockets });
    let disturbed: Sample;
    let closeCodes: CloseCodes;
    try {
      await wait(settleMs);
      disturbed = await traffic.sample(sampleMs);
    } finally {
      closeCodes = await end();
    }
    const pair = pairOf(undisturbed, disturbed, closeCodes);
    pairs.push(pair);
    progress(`${one.name}, round ${index + 1}: ${JSON.stringify(pair)}`);
  }
  return pairs;
}

function pairOf(undisturbed: Sample, disturbed: Sample, closeCodes: CloseCodes): Pair {
  const undisturbedMs = quantile(undisturbed.latenciesMs, 0.99);
  const disturbedMs = quantile(disturbed.latenciesMs, 0.99);
  return {
    undisturbedMs: round(undisturbedMs),
    disturbedMs: round(disturbedMs),
    ratio: round(disturbedMs / undisturbedMs),
    undisturbedMb: round(undisturbed.peakMb, 1),
    disturbedMb: round(disturbed.peakMb, 1),
    closeCodes,
  };
}

function summarise(all: ReadonlyMap<Disturbance, readonly Pair[]>, missing: number): Result {
  const figures = Object.fromEntries(
    [...all].map(([{ name }, pairs]) => [
      name,
      {
        undisturbedP99Ms: median(pairs.map((pair) => pair.undisturbedMs)),
        disturbedP99Ms: median(pairs.map((pair) => pair.disturbedMs)),
        ratio: median(pairs.map((pair) => pair.ratio)),
        memoryGrowthMb: growthMb(pairs),
        closeCodes: tally(pairs),
      },
    ]),
  );
  const targets = [...all].flatMap(([one, pairs]) => targetsOf(one, pairs));
  return {
    name: 'disturbance',
    figures: { ...figures, missing },
    targets: [...targets, atMost('messages that never came to an undisturbed subscriber', missing, 0)],
  };
}

function targetsOf({ name, isCut }: Disturbance, pairs: readonly Pair[]): Target[] {
  const ratio = median(pairs.map((pair) => pair.ratio));
  const codes = pairs.flatMap(({ closeCodes }) => closeCodes);
  // one that reads, if slowly, may be paused only; whoever is cut is told why
  const wrong = codes.filter((code) => code !== TOO_SLOW && (isCut || code !== null)).length;
  return [
    atMost(`${name}: p99 for the others, times the undisturbed`, ratio, P99_RATIO_MAX),
    atMost(`${name}: peak memory of the gateway above the undisturbed, MB`, growthMb(pairs), MEMORY_MB_MAX),
    ...(codes.length === 0 ? [] : [atMost(`${name}: cut with another code than ${TOO_SLOW}`, wrong, 0)]),
  ];
}

function growthMb(pairs: readonly Pair[]): number {
  const peak = (pick: (pair: Pair) => number): number => Math.max(...pairs.map(pick));
  return round(peak((pair) => pair.disturbedMb) - peak((pair) => pair.undisturbedMb), 1);
}

function tally(pairs: readonly Pair[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const code of pairs.flatMap(({ closeCodes }) => closeCodes)) {
    const key = code === null ? 'not cut' : `${code}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}
