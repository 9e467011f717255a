import { readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

/** A figure held against what the issue asks for. */
export interface Target {
  readonly name: string;
  readonly value: number;
  readonly target: string;
  readonly met: boolean;
}

export interface Result {
  readonly name: string;
  readonly figures: Readonly<Record<string, unknown>>;
  readonly targets: readonly Target[];
}

export interface Context {
  readonly progress: (line: string) => void;
  /** Words of the command line after the name. */
  readonly options: readonly string[];
}

export interface Experiment {
  readonly name: string;
  /** One line for the list. */
  readonly summary: string;
  run(form: Form, context: Context): Promise<Result>;
}

/** The whole experiment, or one of seconds that shows that it runs: its figures mean nothing. */
export type Form = 'full' | 'smoke';

/** An experiment that does the same in both forms, with other sizes. */
export function experiment<Sizes>({
  run,
  full,
  smoke,
  ...init
}: {
  readonly name: string;
  readonly summary: string;
  readonly full: Sizes;
  readonly smoke: NoInfer<Sizes>;
  readonly run: (sizes: Sizes, context: Context) => Promise<Result>;
}): Experiment {
  return { ...init, run: (form, context) => run(form === 'full' ? full : smoke, context) };
}

/**
 * The command line of a set of experiments: `NAME [--json] [--smoke]`, or no name to list them. Progress goes to
 * standard output, or with --json to standard error; the last line on standard output is the result as JSON. Returns
 * the exit code: where `isJudged`, a full form that misses a target fails.
 */
export async function runExperiments(
  experiments: readonly Experiment[],
  args: readonly string[],
  { isJudged }: { readonly isJudged: boolean },
): Promise<number> {
  const json = args.includes('--json');
  const form = args.includes('--smoke') ? 'smoke' : 'full';
  const [name, ...options] = args.filter((arg) => arg !== '--json' && arg !== '--smoke');
  const experiment = experiments.find((candidate) => candidate.name === name);
  if (experiment === undefined) {
    if (name !== undefined) process.stderr.write(`there is no ${name}\n`);
    for (const { name, summary } of experiments) process.stdout.write(`${name.padEnd(12)} ${summary}\n`);
    return name === undefined ? 0 : 2;
  }
  const progress = (line: string): void => void (json ? process.stderr : process.stdout).write(`${line}\n`);
  const result = await experiment.run(form, { progress, options });
  process.stdout.write(`${JSON.stringify(result)}\n`);
  return !isJudged || form === 'smoke' || result.targets.every(({ met }) => met) ? 0 : 1;
}

export function atLeast(name: string, value: number, least: number): Target {
  return { name, value, target: `>= ${least}`, met: Number.isFinite(value) && value >= least };
}

export function atMost(name: string, value: number, most: number): Target {
  return { name, value, target: `<= ${most}`, met: Number.isFinite(value) && value <= most };
}

/** The median; NaN of nothing. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The q-quantile (0 to 1) by the nearest rank; NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

/** Processor time of a process so far; NaN where there is no /proc. */
export function cpuSeconds(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return Number.NaN;
  }
}
