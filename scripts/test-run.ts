/** Runs test files in processes: one process a file, or one after another in a process together. */
import { join } from 'node:path';
import process from 'node:process';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { type Ended, type Results, tookOf } from './test-results.ts';

/** A test that takes longer hangs. */
const TEST_TIMEOUT_MS = 4 * 60_000;
/** A process of which no test has ended for so long hangs: longer, so that the test is named if one does. */
const PROCESS_TIMEOUT_MS = TEST_TIMEOUT_MS + 30_000;
const TOGETHER = fileURLToPath(new URL('./test-files.ts', import.meta.url));
/** Totals of one process, which would contradict those of the run, and ends of files that left nothing. */
const NOISE =
  /^(ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) |✔ .* leaves the process as it was )/;

type Stream = ReturnType<typeof run>;

export async function runAlone(root: string, file: string, results: Results): Promise<void> {
  const since = performance.now();
  const hang = new Hang();
  const stream = run({ files: [join(root, file)], timeout: TEST_TIMEOUT_MS, signal: hang.signal });
  const ended = (test: Ended, isPassed: boolean): void => {
    hang.refresh();
    results.count(file, test, isPassed);
  };
  stream.on('test:pass', (test: Ended) => ended(test, true));
  stream.on('test:fail', (test: Ended) => ended(test, false));
  const report = await read(root, stream);
  hang.stop();
  const ms = performance.now() - since;
  results.took(file, ms);
  process.stdout.write(`${file} (${seconds(ms)})\n${report}`);
}

/** Ends a process in which nothing happens any more. */
class Hang {
  readonly #abort = new AbortController();
  readonly #timer = setTimeout(() => this.#abort.abort(), PROCESS_TIMEOUT_MS);

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  refresh(): void {
    if (!this.signal.aborted) this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** A file that hangs or ends the process is named, and those after it run in another process. */
export async function runTogether(root: string, files: readonly string[], results: Results): Promise<void> {
  let left = files;
  while (left.length > 0) left = await runSome(root, left, results);
}

/** Runs files until one of them breaks the process. Returns those after it. */
async function runSome(root: string, files: readonly string[], results: Results): Promise<readonly string[]> {
  const hang = new Hang();
  const stream = run({
    files: [TOGETHER],
    argv: files.map((file) => join(root, file)),
    timeout: TEST_TIMEOUT_MS,
    signal: hang.signal,
  });
  let done = 0;
  let isBroken = false;
  const ended = (test: Ended, isPassed: boolean): void => {
    hang.refresh();
    const ms = tookOf(test);
    if (test.name === TOGETHER) isBroken = !isPassed;
    else if (ms === null || !isPassed) results.count(files[done] ?? '', test, isPassed);
    if (ms === null) return;
    results.took(files[done] ?? '', ms);
    done += 1;
  };
  stream.on('test:pass', (test: Ended) => ended(test, true));
  stream.on('test:fail', (test: Ended) => ended(test, false));
  process.stdout.write(await read(root, stream));
  hang.stop();
  if (done < files.length) results.fail(files[done] ?? '', 'it hung, or ended the process');
  else if (isBroken) results.fail(files.join(', '), 'one of them failed after its end');
  return files.slice(done + 1);
}

async function read(root: string, stream: Stream): Promise<string> {
  let text = '';
  for await (const part of stream.compose(new spec())) text += String(part);
  const lines = text.replaceAll(root, '').split('\n');
  return lines.filter((line) => !NOISE.test(stripVTControlCharacters(line))).join('\n');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
