import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { AskedProcess } from '../../support/asked-process.ts';
import {
  atLeast,
  atMost,
  experiment,
  median,
  quantile,
  type Result,
  round,
} from '../../support/experiment.ts';
import { measureStore, STORE_FULL, STORE_SMOKE } from './store.ts';
import { CONFIGURATIONS, MODES, type Mode } from './subjects.ts';
import { type Request, VALUE_BYTES } from './worker.ts';

const FULL = {
  nodes: 20,
  processes: 4,
  rounds: 3,
  /** Warm-up keys of each node: code is compiled and streams are open before the measurement. */
  warmUpKeys: 5,
  /** Keys of each node, one after another: latency, not throughput. */
  keys: 15,
  settleMs: 5_000,
  store: STORE_FULL,
};
type Sizes = typeof FULL;
const SMOKE: Sizes = {
  nodes: 4,
  processes: 2,
  rounds: 1,
  warmUpKeys: 1,
  keys: 2,
  settleMs: 0,
  store: STORE_SMOKE,
};
const MEET_TIMEOUT_MS = 120_000;
const POLL_MS = 200;
const GET_MAX_MS = 5;
const PUT_MAX_MS = 10;
const RATIO_MIN = 10;

interface Round {
  readonly putP50Ms: number;
  readonly putP99Ms: number;
  readonly getP50Ms: number;
  readonly getP99Ms: number;
}

/** `npm run bench -- storage [rounds]`. */
export const storageBench = experiment({
  name: 'storage',
  summary: `${FULL.nodes} nodes in ${FULL.processes} processes, ${VALUE_BYTES} B: majority put and get against stock kad-dht; and the store against bare synced batches`,
  full: FULL,
  smoke: SMOKE,
  async run(sizes, { progress, options }) {
    const rounds: Record<Mode, Round[]> = { stock: [], maillon: [] };
    const count = Number(options[0] ?? sizes.rounds);
    for (const mode of MODES) progress(`${mode}: ${CONFIGURATIONS[mode]}`);
    for (let index = 0; index < count; index++) {
      for (const mode of MODES) {
        const one = await measure(mode, sizes);
        rounds[mode].push(one);
        progress(`round ${index + 1} ${mode.padEnd(7)} ${JSON.stringify(one)}`);
      }
    }
    return summarise(rounds, await measureStore(sizes.store, progress));
  },
});

async function measure(mode: Mode, sizes: Sizes): Promise<Round> {
  const directory = mkdtempSync(join(tmpdir(), 'maillon-bench-'));
  const file = new URL('./worker.ts', import.meta.url);
  const workers = Array.from(
    { length: sizes.processes },
    () => new AskedProcess<Request>(file, ['--max-semi-space-size=64']),
  );
  try {
    await meet(mode, workers, directory, sizes);
    const { nodes, warmUpKeys, keys } = sizes;
    await run(workers, { type: 'put', name: 'warm', nodes, keys: warmUpKeys });
    await run(workers, { type: 'get', name: 'warm', nodes, keys: warmUpKeys });
    const putMs = await run(workers, { type: 'put', name: 'key', nodes, keys });
    const getMs = await run(workers, { type: 'get', name: 'key', nodes, keys });
    await Promise.all(workers.map((worker) => worker.ask({ type: 'stop' })));
    return {
      putP50Ms: round(quantile(putMs, 0.5)),
      putP99Ms: round(quantile(putMs, 0.99)),
      getP50Ms: round(quantile(getMs, 0.5)),
      getP99Ms: round(quantile(getMs, 0.99)),
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Starts the nodes, connects every one with every other, and waits until they know it. */
async function meet(
  mode: Mode,
  workers: readonly AskedProcess<Request>[],
  directory: string,
  { nodes, processes, settleMs }: Sizes,
): Promise<void> {
  const addresses: string[] = [];
  for (const worker of workers) {
    const made = await worker.ask<string[]>({ type: 'start', mode, nodes: nodes / processes, directory });
    const plan = made.map((_, node) => [...addresses, ...made.slice(0, node)]);
    await worker.ask({ type: 'dial', plan });
    addresses.push(...made);
  }
  const deadline = performance.now() + MEET_TIMEOUT_MS;
  const all = () => Promise.all(workers.map((worker) => worker.ask<boolean>({ type: 'knows', nodes })));
  while (!(await all()).every(Boolean)) {
    if (performance.now() > deadline) throw new Error(`${mode}: the nodes did not meet`);
    await wait(POLL_MS);
  }
  await wait(settleMs);
}

/** Each node puts or gets so many keys, one operation at a time in the whole swarm; gets are of keys that others put. */
async function run(
  workers: readonly AskedProcess<Request>[],
  { type, name, nodes, keys: count }: { type: 'put' | 'get'; name: string; nodes: number; keys: number },
): Promise<number[]> {
  const here = nodes / workers.length;
  const latenciesMs: number[] = [];
  for (let node = 0; node < nodes; node++) {
    const author = type === 'put' ? node : (node + nodes / 2 + 1) % nodes;
    const keys = Array.from({ length: count }, (_, index) => `${name}/${author}/${index}`);
    const worker = workers[Math.floor(node / here)];
    latenciesMs.push(...((await worker?.ask<number[]>({ type, node: node % here, keys })) ?? []));
  }
  return latenciesMs;
}

function summarise(rounds: Record<Mode, Round[]>, store: Result): Result {
  const middle = (mode: Mode, field: keyof Round): number => median(rounds[mode].map((one) => one[field]));
  const ratio = (field: keyof Round): number =>
    round(
      median(rounds.maillon.map((one, index) => (rounds.stock[index]?.[field] ?? Number.NaN) / one[field])),
    );
  const figures = Object.fromEntries(
    MODES.map((mode) => [
      mode,
      {
        configuration: CONFIGURATIONS[mode],
        putP50Ms: middle(mode, 'putP50Ms'),
        putP99Ms: middle(mode, 'putP99Ms'),
        getP50Ms: middle(mode, 'getP50Ms'),
        getP99Ms: middle(mode, 'getP99Ms'),
      },
    ]),
  );
  return {
    name: 'storage',
    figures: { ...figures, store: store.figures },
    targets: [
      atMost('get p50, ms', middle('maillon', 'getP50Ms'), GET_MAX_MS),
      atMost('majority put p50, ms', middle('maillon', 'putP50Ms'), PUT_MAX_MS),
      atLeast('get, times faster than stock kad-dht', ratio('getP50Ms'), RATIO_MIN),
      atLeast('put, times faster than stock kad-dht', ratio('putP50Ms'), RATIO_MIN),
      ...store.targets,
    ],
  };
}
