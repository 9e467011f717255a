/**
 * Runs the tests: `node scripts/test.ts [--times] [path or part of a path …]`. Ends with the time of each of the slowest files
 * (of all with --times), every skip and its reason, every failure with its file, and the line `N passed, N failed, N skipped`.
 * The exit code is 0 only when something passed and nothing failed.
 */
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Results } from './test-results.ts';
import { runAlone, runTogether } from './test-run.ts';

/** Not part of `npm test`: they take hours or want a quiet machine. */
const EXCLUDED = ['test/bench/', 'test/sim/'];
/** Folders whose files only compute: a process runs many of them, one after another. */
const TOGETHER = ['test/unit/', 'test/fuzz/', 'test/tidy/'];
/** Files there that need a process each, with the reason. */
const ALONE = [
  // it keeps an addon from loading that other files have loaded
  'test/unit/node/identity/wallets/fallback.test.ts',
];
/** Loading modules takes a second a process; a process that has done much collects garbage for long. */
const TOGETHER_MAX = 24;
/** These take longest, so they start first, and none of them is still running alone when all others have ended. */
const FIRST = [
  'test/integration/join-roles.test.ts',
  'test/integration/networks-machines.test.ts',
  'test/integration/bootstrap-faults.test.ts',
  'test/e2e/faults-smoke.test.ts',
  'test/e2e/bench-smoke.test.ts',
];
/** Two routers let a connection through when both sides dial in the same moment: a machine that does much else misses it. */
const LAST = ['test/integration/networks-machines-nat.test.ts'];
/** Tests wait for other processes a third of their time: one file more than there are processors keeps all of these busy. */
const CONCURRENCY = availableParallelism() + 1;

const root = fileURLToPath(new URL('..', import.meta.url));

function find(filters: readonly string[]): string[] {
  const files = globSync('test/**/*.test.ts', { cwd: root }).map((file) => file.split(sep).join('/'));
  for (const file of [...ALONE, ...FIRST, ...LAST]) {
    if (!files.includes(file)) throw new Error(`${file} is named in scripts/test.ts, and does not exist`);
  }
  return files
    .filter((file) => !EXCLUDED.some((folder) => file.startsWith(folder)))
    .filter(
      (file) => filters.length === 0 || filters.some((filter) => file.includes(filter.replace(/^\.\//, ''))),
    )
    .toSorted();
}

type Job = () => Promise<void>;

/** Long files first, and those that only compute last: they fill the time until the last process ends. */
function plan(files: readonly string[], results: Results): Job[] {
  const together = files.filter(
    (file) => TOGETHER.some((folder) => file.startsWith(folder)) && !ALONE.includes(file),
  );
  const alone = files.filter((file) => !together.includes(file));
  const first = FIRST.filter((file) => alone.includes(file));
  const groups = Math.ceil(together.length / TOGETHER_MAX);
  return [
    ...[...first, ...alone.filter((file) => !first.includes(file))].map(
      (file) => () => runAlone(root, file, results),
    ),
    ...Array.from({ length: groups }, (_, index) => {
      const size = Math.ceil(together.length / groups);
      return () => runTogether(root, together.slice(index * size, (index + 1) * size), results);
    }),
  ];
}

async function runAll(args: readonly string[]): Promise<number> {
  const files = find(args.filter((arg) => arg !== '--times'));
  const results = new Results();
  const last = files.filter((file) => LAST.includes(file));
  const jobs = plan(
    files.filter((file) => !last.includes(file)),
    results,
  ).values();
  const work = async (): Promise<void> => {
    for (const job of jobs) await job();
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  for (const file of last) await runAlone(root, file, results);
  process.stdout.write(results.summary(args.includes('--times') ? files.length : undefined));
  if (files.length === 0) process.stderr.write('no test file matches\n');
  return results.isGood ? 0 : 1;
}

const COMPILE_CACHE = join(root, 'node_modules/.cache/maillon');

async function main(args: readonly string[]): Promise<number> {
  process.chdir(root);
  const scratch = mkdtempSync(join(tmpdir(), 'maillon-run-'));
  // every process of every test finds the owner's key of this run in its environment, never that of the user
  process.env['MAILLON_IDENTITY_OWNER_KEY'] = join(scratch, 'development.key');
  // Node keeps what it compiles: else every test file and every process would compile it again
  process.env['NODE_COMPILE_CACHE'] = COMPILE_CACHE;
  try {
    return await runAll(args);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

process.exitCode = await main(process.argv.slice(2));
