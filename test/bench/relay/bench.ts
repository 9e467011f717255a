import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  atLeast,
  atMost,
  experiment,
  median,
  quantile,
  type Result,
  round,
} from '../../support/experiment.ts';
import { Cluster } from './cluster.ts';
import { PAYLOAD_BYTES } from './ledger.ts';
import { CONFIGURATIONS, MODES, type Mode } from './subjects.ts';

interface Sizes {
  readonly nodes: number;
  readonly processes: number;
  readonly publishers: number;
  readonly rounds: number;
  readonly warmUpMs: number;
  /** Longer before latency is measured: at a low rate it takes the compiler a while to get to everything. */
  readonly steadyWarmUpMs: number;
  readonly measureMs: number;
}

const FULL: Sizes = {
  nodes: 20,
  processes: 2,
  publishers: 4,
  rounds: 3,
  warmUpMs: 3_000,
  steadyWarmUpMs: 10_000,
  measureMs: 8_000,
};
/** As few nodes as make a mesh. */
const SMOKE: Sizes = {
  nodes: 5,
  processes: 1,
  publishers: 2,
  rounds: 1,
  warmUpMs: 100,
  steadyWarmUpMs: 100,
  measureMs: 300,
};
const DRAIN_MS = 20_000;
const STEADY_PER_SECOND = 200;
/** Messages of one publisher on their way at once. More gains stock gossipsub and single envelopes nothing. */
const WINDOWS: Record<Mode, number> = { stock: 64, single: 64, packed: 1024 };

const NO_STEADY = { steadyP50Ms: Number.NaN, steadyP99Ms: Number.NaN, steadyCpu: Number.NaN };
type Steady = typeof NO_STEADY;

/** One mode in one round. */
interface Round {
  readonly perSecond: number;
  readonly deliveryRatio: number;
  readonly duplicates: number;
  readonly cpuUsPerDelivery: number;
  readonly copiesPerDelivery: number;
  readonly steadyP50Ms: number;
  readonly steadyP99Ms: number;
  /** Share of one processor for all nodes. */
  readonly steadyCpu: number;
}

export const relayBench = experiment({
  name: 'relay',
  summary: `${FULL.nodes} signed nodes, ${PAYLOAD_BYTES} B, ${FULL.publishers} publishers: Maillon against stock signed gossipsub`,
  full: FULL,
  smoke: SMOKE,
  async run(sizes, { progress, options }) {
    const rounds: Record<Mode, Round[]> = { stock: [], single: [], packed: [] };
    const count = Number(options[0] ?? sizes.rounds);
    const modes = MODES.filter((mode) => options[1] === undefined || options[1].includes(mode));
    for (const mode of modes)
      progress(`${mode}: ${CONFIGURATIONS[mode]}; window ${WINDOWS[mode]} per publisher`);
    for (let index = 0; index < count; index++) {
      for (const mode of modes) {
        const round = await measure(mode, sizes);
        rounds[mode].push(round);
        progress(`round ${index + 1} ${mode.padEnd(6)} ${JSON.stringify(round)}`);
      }
    }
    return summarise(rounds);
  },
});

function measure(mode: Mode, sizes: Sizes): Promise<Round> {
  return withCluster(mode, sizes, async (cluster) => {
    const saturated = await measureSaturated(cluster, WINDOWS[mode], sizes);
    // stock gossipsub saturates below the steady rate: its queue would only grow
    const steady = mode === 'stock' ? NO_STEADY : await measureSteady(cluster, sizes);
    return { ...saturated, ...steady };
  });
}

async function withCluster<T>(
  mode: Mode,
  { nodes, processes, publishers }: Sizes,
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'maillon-bench-'));
  const cluster = new Cluster({ mode, nodes, processes, publishers, directory });
  try {
    await cluster.start();
    return await work(cluster);
  } finally {
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Latency at a rate that leaves room. */
async function measureSteady(cluster: Cluster, sizes: Sizes): Promise<Steady> {
  const { publishers, steadyWarmUpMs, measureMs } = sizes;
  await cluster.steady(STEADY_PER_SECOND / publishers);
  await elapse(steadyWarmUpMs);
  const before = await cluster.usage();
  await elapse(measureMs);
  const { latenciesMs, cpuMs } = await cluster.usage();
  await cluster.rest();
  await cluster.drained(DRAIN_MS);
  return {
    steadyP50Ms: round(quantile(latenciesMs, 0.5)),
    steadyP99Ms: round(quantile(latenciesMs, 0.99)),
    steadyCpu: round((cpuMs - before.cpuMs) / measureMs),
  };
}

/** As many messages as the swarm takes while every one arrives everywhere. */
async function measureSaturated(
  cluster: Cluster,
  window: number,
  { nodes, warmUpMs, measureMs }: Sizes,
): Promise<Omit<Round, keyof Steady>> {
  await cluster.saturate(window);
  await elapse(warmUpMs);
  const before = await cluster.usage();
  const startedAt = performance.now();
  await elapse(measureMs);
  const after = await cluster.usage();
  const seconds = (performance.now() - startedAt) / 1000;
  await cluster.rest();
  await cluster.drained(DRAIN_MS);
  const total = await cluster.usage();
  const deliveries = after.deliveries - before.deliveries;
  return {
    perSecond: round(deliveries / (nodes - 1) / seconds, 1),
    deliveryRatio: total.deliveries / (total.sent * (nodes - 1)),
    duplicates: total.duplicates,
    cpuUsPerDelivery: round(((after.cpuMs - before.cpuMs) * 1000) / deliveries, 1),
    copiesPerDelivery: round((after.copies - before.copies) / deliveries),
  };
}

function summarise(rounds: Record<Mode, Round[]>): Result {
  const middle = (mode: Mode, field: keyof Round): number =>
    median(rounds[mode].map((round) => round[field]));
  const ratio = (mode: Mode): number =>
    round(
      median(
        rounds[mode].map((round, index) => round.perSecond / (rounds.stock[index]?.perSecond ?? Number.NaN)),
      ),
    );
  const ours = [...rounds.single, ...rounds.packed];
  const complete = Math.min(...ours.map((round) => round.deliveryRatio));
  const figures = Object.fromEntries(
    MODES.map((mode) => [
      mode,
      {
        configuration: CONFIGURATIONS[mode],
        perSecond: middle(mode, 'perSecond'),
        cpuUsPerDelivery: middle(mode, 'cpuUsPerDelivery'),
        copiesPerDelivery: middle(mode, 'copiesPerDelivery'),
        steadyP50Ms: middle(mode, 'steadyP50Ms'),
        steadyP99Ms: middle(mode, 'steadyP99Ms'),
        steadyCpu: middle(mode, 'steadyCpu'),
        deliveryRatio: Math.min(...rounds[mode].map((round) => round.deliveryRatio)),
      },
    ]),
  );
  return {
    name: 'relay',
    figures,
    targets: [
      atLeast('packed, messages/s against stock', ratio('packed'), 8),
      atLeast('one message per envelope, messages/s against stock', ratio('single'), 1.7),
      atLeast('delivery ratio, the lowest of all rounds', complete, 1),
      atMost('p99 in ms at 200/s, as shipped', middle('packed', 'steadyP99Ms'), 100),
      atMost('copies per delivery, one message per envelope', middle('single', 'copiesPerDelivery'), 6),
    ],
  };
}

/** A benchmark measures over a time: here waiting for one is the point. */
function elapse(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
