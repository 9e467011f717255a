import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { atMost, experiment, median, round } from '../support/experiment.ts';
import { ROOT } from '../support/sources.ts';

const LAUNCHER = join(ROOT, 'gateway/maillon.js');
const CACHE = join(ROOT, 'node_modules/.cache/maillon');
const FULL = {
  rounds: 5,
  /** After this an idle node has done what it does once. */
  settledMs: 12_000,
  /** Whether the first start compiles everything: others on this machine then do so, too. */
  isCacheForgotten: true,
};

interface Start {
  readonly readyMs: number;
  readonly rssMb: number;
}

/** Starts a node with its gateway as `npm start` does, and looks at it once it is idle. */
async function start(data: string, settledMs: number): Promise<Start> {
  const since = performance.now();
  const child = spawn(process.execPath, ['--max-semi-space-size=64', LAUNCHER, 'node', '--json'], {
    cwd: data,
    env: { ...process.env, MAILLON_DATA: join(data, 'node'), MAILLON_LOG_LEVEL: 'silent' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await firstLine(child);
  const readyMs = performance.now() - since;
  if (!line.includes('"ready":true')) throw new Error(`not ready: ${line}`);
  await wait(settledMs);
  const rssMb = residentMb(child.pid ?? 0);
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
  return { readyMs, rssMb };
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('the node ended before it was ready')));
    if (child.stdout) createInterface({ input: child.stdout }).once('line', resolve);
  });
}

/** Resident memory in megabytes (10^6 bytes), as the system counts it. */
function residentMb(pid: number): number {
  const [, kb = 'NaN'] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (Number(kb) * 1024) / 1e6;
}

export const startBench = experiment({
  name: 'start',
  summary:
    'start to ready, and resident memory of an idle node with its gateway: first start, then with the compile cache',
  full: FULL,
  smoke: { rounds: 1, settledMs: 100, isCacheForgotten: false },
  async run({ rounds, settledMs, isCacheForgotten }, { progress }) {
    const data = mkdtempSync(join(tmpdir(), 'maillon-start-'));
    try {
      if (isCacheForgotten) rmSync(CACHE, { recursive: true, force: true });
      const first = await start(data, settledMs);
      progress(`first start: ready after ${round(first.readyMs, 0)} ms, ${round(first.rssMb, 0)} MB`);
      const later: Start[] = [];
      for (let i = 0; i < rounds; i++) {
        const one = await start(data, settledMs);
        progress(`start ${i + 2}: ready after ${round(one.readyMs, 0)} ms, ${round(one.rssMb, 0)} MB`);
        later.push(one);
      }
      const readyMs = round(median(later.map((one) => one.readyMs)), 0);
      const rssMb = round(median(later.map((one) => one.rssMb)), 1);
      return {
        name: 'start',
        figures: {
          firstReadyMs: round(first.readyMs, 0),
          firstRssMb: round(first.rssMb, 1),
          readyMs,
          rssMb,
          rounds,
        },
        targets: [
          atMost('first start to ready, ms', round(first.readyMs, 0), 2000),
          atMost('start to ready, ms', readyMs, 2000),
          atMost('first start, idle RSS, MB', round(first.rssMb, 1), 170),
          atMost('idle RSS, MB', rssMb, 170),
        ],
      };
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  },
});
