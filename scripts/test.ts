/**
 * Runs the tests: `node scripts/test.ts [path or part of a path …]`. Ends with every skip and its reason, and
 * the line `N passed, N failed, N skipped`. The exit code is 0 only when something passed and nothing failed.
 */
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import process from 'node:process';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

/** A file that takes longer hangs: the whole run has 20 minutes. */
const FILE_TIMEOUT_MS = 4 * 60_000;
/** Files at a time that only compute. */
const CONCURRENCY = 2;
/** Files at a time that wait for processes. */
const WAITING_CONCURRENCY = 2;

/** Not part of `npm test`: they take hours or want a quiet machine. */
const EXCLUDED = ['test/bench/', 'test/sim/'];
/**
 * Folders whose files start processes and wait for them: two at a time, since most of it is waiting; more would starve each other.
 */
const ALONE = ['test/integration/', 'test/interop/', 'test/e2e/'];

interface Tally {
  passed: number;
  failed: number;
  readonly skipped: string[];
}

/** What a test's end says of itself, as far as it is counted. */
interface Ended {
  readonly name: string;
  readonly file?: string;
  readonly skip?: string | boolean;
  readonly todo?: string | boolean;
  readonly details?: { readonly type?: string };
}

const root = fileURLToPath(new URL('..', import.meta.url));

function find(filters: readonly string[]): string[] {
  const files = globSync('test/**/*.test.ts', { cwd: root }).map((file) => file.split(sep).join('/'));
  return files
    .filter((file) => !EXCLUDED.some((folder) => file.startsWith(folder)))
    .filter(
      (file) => filters.length === 0 || filters.some((filter) => file.includes(filter.replace(/^\.\//, ''))),
    )
    .toSorted();
}

function count(tally: Tally, test: Ended, passed: boolean): void {
  // A suite is only a heading; its tests are counted one by one.
  if (test.details?.type === 'suite' && passed) return;
  const skip = test.skip ?? test.todo;
  if (skip !== undefined && skip !== false) {
    const reason = typeof skip === 'string' && skip !== '' ? skip : null;
    if (reason === null) tally.failed += 1;
    tally.skipped.push(`${test.name}: ${reason ?? 'NO REASON GIVEN, which counts as failed'}`);
  } else if (passed) tally.passed += 1;
  else tally.failed += 1;
}

/** Runs `files` and adds what they did to `tally`. */
async function runFiles(files: readonly string[], concurrency: number, tally: Tally): Promise<void> {
  if (files.length === 0) return;
  const stream = run({ files: files.map((file) => root + file), concurrency, timeout: FILE_TIMEOUT_MS });
  stream.on('test:pass', (test: Ended) => count(tally, test, true));
  stream.on('test:fail', (test: Ended) => count(tally, test, false));
  const report = stream.compose(new spec());
  for await (const text of report) process.stdout.write(withoutTotals(String(text)));
}

/** The reporter's own totals are of one phase, and would contradict the last line. */
function withoutTotals(text: string): string {
  const lines = text.split('\n');
  return lines.filter((line) => !TOTAL.test(stripVTControlCharacters(line))).join('\n');
}

const TOTAL = /^ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /;

const COMPILE_CACHE = join(root, 'node_modules/.cache/maillon');

async function main(filters: readonly string[]): Promise<number> {
  process.chdir(root);
  const scratch = mkdtempSync(join(tmpdir(), 'maillon-run-'));
  // of the run, not of whoever runs it: every process of every test finds it in its environment
  process.env['MAILLON_IDENTITY_OWNER_KEY'] = join(scratch, 'development.key');
  // what Node makes of the TypeScript is kept: else every test file and every process would make it again
  process.env['NODE_COMPILE_CACHE'] = COMPILE_CACHE;
  try {
    return await runAll(filters);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function runAll(filters: readonly string[]): Promise<number> {
  const files = find(filters);
  const tally: Tally = { passed: 0, failed: 0, skipped: [] };
  const alone = files.filter((file) => ALONE.some((folder) => file.startsWith(folder)));
  await runFiles(
    files.filter((file) => !alone.includes(file)),
    CONCURRENCY,
    tally,
  );
  await runFiles(alone, WAITING_CONCURRENCY, tally);

  if (tally.skipped.length > 0) process.stdout.write('\nskipped:\n');
  for (const skip of tally.skipped) process.stdout.write(`  ${skip}\n`);
  process.stdout.write(`\n${tally.passed} passed, ${tally.failed} failed, ${tally.skipped.length} skipped\n`);
  if (files.length === 0) process.stderr.write('no test file matches\n');
  return tally.failed === 0 && tally.passed > 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
