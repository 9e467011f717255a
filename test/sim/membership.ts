import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { atLeast, atMost, experiment, type Result, round } from '../support/experiment.ts';
import { describe, makeHistory } from './membership/history.ts';
import { Run } from './membership/run.ts';
import { shrink } from './membership/shrink.ts';
import type { Done, Job } from './membership/worker.ts';

const FULL = { histories: 10_000, seed: null as number | null };
/** Operators in a history at most. */
const OWNERS_MAX = 3;
const PROGRESS_EVERY = 250;
/** Failures that are told by their shortest history: the others by their seed. */
const EXPLAINED_MAX = 3;
const HOUR_MS = 3_600_000;

/** `npm run faults -- membership [histories] [--seed N]`: N alone where no number of histories is given, otherwise the first. */
export const membership = experiment({
  name: 'membership',
  summary: `${FULL.histories} random histories of joins, losses, sponsors, splits and clocks, on the shipped storage classes`,
  full: FULL,
  smoke: { histories: 8, seed: 1 },
  async run(sizes, { progress, options }) {
    const at = options.indexOf('--seed');
    const seed = at < 0 ? null : Number(options[at + 1]);
    const count = options.find((_, index) => at < 0 || (index !== at && index !== at + 1));
    if (seed !== null && count === undefined) return replay(seed, progress);
    const first = seed ?? sizes.seed ?? Date.now() % 2 ** 31;
    return playAll(first, Number(count ?? sizes.histories), progress);
  },
});

/** One history, told step by step. */
async function replay(seed: number, progress: (line: string) => void): Promise<Result> {
  const history = makeHistory(seed, { ownersMax: OWNERS_MAX });
  for (const [index, node] of history.nodes.entries()) progress(`n${index} ${JSON.stringify(node)}`);
  const run = new Run(history);
  const { violations, counts } = await run.run((step, ms) =>
    progress(`${round(ms / 1000)} s ${describe(step)}`),
  );
  for (const { invariant, atMs, text } of violations)
    progress(`${round(atMs / 1000)} s ${invariant}: ${text}`);
  const targets = [atMost('failed histories', violations.length > 0 ? 1 : 0, 0)];
  return { name: 'membership', figures: { seed, ...counts }, targets };
}

async function playAll(first: number, count: number, progress: (line: string) => void): Promise<Result> {
  const startedAt = performance.now();
  progress(`seeds from ${first}`);
  const totals: Record<string, number> = {};
  const failed: Done[] = [];
  let [histories, simulatedMs] = [0, 0];
  await play(first, count, (done) => {
    histories += 1;
    simulatedMs += done.ms;
    for (const [name, value] of Object.entries(done.counts)) totals[name] = (totals[name] ?? 0) + value;
    const [violation] = done.violations;
    if (violation !== undefined) {
      failed.push(done);
      progress(`seed ${done.seed}: ${violation.invariant}: ${violation.text}`);
    }
    if (histories % PROGRESS_EVERY === 0) progress(`${histories} histories, ${failed.length} failed`);
  });
  for (const { seed } of failed.slice(0, EXPLAINED_MAX)) await explain(seed, progress);
  const seconds = round((performance.now() - startedAt) / 1000, 0);
  const simulatedHours = round(simulatedMs / HOUR_MS, 0);
  const seeds = failed.map(({ seed, violations }) => ({ seed, invariant: violations[0]?.invariant }));
  return {
    name: 'membership',
    figures: { first, histories, simulatedHours, seconds, ...totals, failed: seeds },
    targets: [atLeast('histories', histories, count), atMost('failed histories', failed.length, 0)],
  };
}

/** The shortest history found that fails in the same way. */
async function explain(seed: number, progress: (line: string) => void): Promise<void> {
  const { history, outcome } = await shrink(makeHistory(seed, { ownersMax: OWNERS_MAX }));
  progress(`seed ${seed}, ${history.steps.length} steps:`);
  for (const [index, node] of history.nodes.entries()) progress(`  n${index} ${JSON.stringify(node)}`);
  for (const step of history.steps) progress(`  ${describe(step)}`);
  for (const { invariant, text } of outcome.violations) progress(`  ${invariant}: ${text}`);
}

/** Plays histories on as many threads as the machine has processors. */
async function play(first: number, count: number, onDone: (done: Done) => void): Promise<void> {
  let next = first;
  const threads = Math.min(availableParallelism(), count);
  const workers = Array.from({ length: threads }, () => {
    return new Worker(new URL('membership/worker.ts', import.meta.url));
  });
  const end = first + count;
  await Promise.all(
    workers.map(async (worker) => {
      try {
        while (next < end) {
          const job: Job = { seed: next++, ownersMax: OWNERS_MAX };
          onDone(await answerTo(worker, job));
        }
      } finally {
        await worker.terminate();
      }
    }),
  );
}

function answerTo(worker: Worker, job: Job): Promise<Done> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(new Error(`seed ${job.seed}: ${error.message}`, { cause: error }));
    worker.once('error', fail);
    worker.once('message', (done: Done) => {
      worker.off('error', fail);
      resolve(done);
    });
    worker.postMessage(job, []);
  });
}
