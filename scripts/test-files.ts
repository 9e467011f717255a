/**
 * Runs test files one after another in this process: `node scripts/test-files.ts FILE…`, for those that only compute. Each is
 * a suite with the name of its file, and a test fails where a file left something to those after it.
 */
import assert from 'node:assert/strict';
import process from 'node:process';
import { suite, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { endOf } from './test-results.ts';

/** Sockets and threads that are closed take a moment to be gone. */
const CLOSING_MS = 5_000;
const POLL_MS = 20;

interface State {
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Resources that keep the process from ending, each kind as often as it is open. */
  readonly open: ReadonlyMap<string, number>;
}

function look(): State {
  const open = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) open.set(kind, (open.get(kind) ?? 0) + 1);
  return { directory: process.cwd(), environment: { ...process.env }, open };
}

function isMoreOpen(before: State): boolean {
  return [...look().open].some(([kind, count]) => count > (before.open.get(kind) ?? 0));
}

/** Throws where a file left more open than there was, or changed what others see. */
async function assertAsBefore(before: State): Promise<void> {
  const deadline = performance.now() + CLOSING_MS;
  while (isMoreOpen(before) && performance.now() < deadline) await wait(POLL_MS);
  const after = look();
  if (isMoreOpen(before)) assert.deepEqual(after.open, before.open, 'it leaves something open');
  assert.deepEqual({ ...after, open: before.open }, before, 'it leaves the process changed');
}

let current: string | null = null;
process.on('exit', () => {
  if (current !== null) process.stderr.write(`the process ended within ${current}\n`);
});
for (const file of process.argv.slice(2)) {
  current = file;
  const before = look();
  const since = performance.now();
  await suite(file, async () => {
    await import(pathToFileURL(file).href);
  });
  const ms = performance.now() - since;
  await test(endOf(file, ms), () => assertAsBefore(before));
}
current = null;
