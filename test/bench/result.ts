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

export interface Benchmark {
  readonly name: string;
  /** One line for the list. */
  readonly summary: string;
  run(context: { progress: (line: string) => void; options: readonly string[] }): Promise<Result>;
}

/** The last line of a benchmark: one JSON object. */
export function printResult(result: Result): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
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
