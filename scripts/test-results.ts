/** The results of a run of tests, and their report. */

/** The end of a test, as far as it is counted. */
export interface Ended {
  readonly name: string;
  readonly nesting: number;
  readonly skip?: string | boolean;
  readonly todo?: string | boolean;
  readonly details?: { readonly type?: string; readonly error?: { readonly failureType?: string } };
}

/** Files whose times are told unless all are asked for. */
const SLOWEST = 20;

export class Results {
  #passed = 0;
  readonly #failed: string[] = [];
  readonly #skipped: string[] = [];
  readonly #times = new Map<string, number>();

  get isGood(): boolean {
    return this.#failed.length === 0 && this.#passed > 0;
  }

  /** Counts a test of a file. */
  count(file: string, test: Ended, isPassed: boolean): void {
    const { type, error } = test.details ?? {};
    // a suite is only a heading: its tests are counted one by one
    if (type === 'suite' && (isPassed || error?.failureType === 'subtestsFailed')) return;
    const skip = test.skip ?? test.todo;
    if (skip !== undefined && skip !== false) {
      const reason = typeof skip === 'string' && skip !== '' ? skip : null;
      if (reason === null) this.fail(file, `${test.name}: skipped without a reason`);
      this.#skipped.push(`${test.name}: ${reason ?? 'no reason given, which counts as failed'}`);
    } else if (isPassed) this.#passed += 1;
    else this.fail(file, test.name);
  }

  fail(file: string, what: string): void {
    this.#failed.push(what.includes(file) ? what : `${file}: ${what}`);
  }

  took(file: string, ms: number): void {
    this.#times.set(file, ms);
  }

  /** The end of the output, with the times of the `slowest` files. */
  summary(slowest = SLOWEST): string {
    const times = [...this.#times].toSorted(([, a], [, b]) => b - a).slice(0, slowest);
    const lines = times.map(([file, ms]) => `${(ms / 1000).toFixed(1).padStart(7)} s  ${file}`);
    const [passed, failed, skipped] = [this.#passed, this.#failed.length, this.#skipped.length];
    return [
      section(`slowest of ${this.#times.size} files`, lines),
      section('skipped', this.#skipped),
      section('failed', this.#failed),
      `\n${passed} passed, ${failed} failed, ${skipped} skipped\n`,
    ].join('');
  }
}

function section(heading: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `\n${heading}:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

/** The name of the test that ends a file which shares its process with others: it tells how long the file took. */
export function endOf(file: string, ms: number): string {
  return `${file} leaves the process as it was after ${Math.round(ms)} ms`;
}

const END = / leaves the process as it was after (\d+) ms/;

/** Milliseconds that the file took where this is the end of one. */
export function tookOf(test: Ended): number | null {
  const ms = END.exec(test.name)?.[1];
  return ms === undefined || test.nesting > 0 ? null : Number(ms);
}
