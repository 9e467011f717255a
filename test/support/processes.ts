import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
// every process finds the owner's key
import './owner.ts';
import { ROOT } from './sources.ts';

export const MAIN = join(ROOT, 'gateway/cli/main.ts');
const POLL_MS = 25;
/** The awaited event comes in seconds; the timeout allows for a busy machine. */
const PATIENCE_MS = 60_000;

/** Waits until `condition` gives something other than false, null or undefined, and returns it. `what` is said when it does not. */
export async function until<T>(
  what: string | (() => string),
  condition: () => T | Promise<T>,
  patienceMs = PATIENCE_MS,
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== null && value !== undefined)
      return value as NonNullable<Exclude<T, false>>;
    if (performance.now() > deadline) {
      throw new Error(`not within ${patienceMs} ms: ${typeof what === 'string' ? what : what()}`);
    }
    await wait(POLL_MS);
  }
}

/** Runs cleanups at its end: a test, or an experiment. */
export interface Cleanup {
  after(end: () => void | Promise<void>): void;
}

/** A directory that is gone after the test. */
export function scratch(t: Cleanup): string {
  const path = mkdtempSync(join(tmpdir(), 'maillon-test-'));
  // a process that the test left may write to it still: hooks run in the order in which they were registered
  t.after(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly input?: string;
  /** Standard input stays open, to be written to. */
  readonly stdin?: 'open';
  /** The user that runs it, where only root may choose one; the one of the tests unless given. */
  readonly uid?: number;
}

/** A process and what it has said so far. Killed after the test if it still runs. */
export class Program {
  readonly process: ChildProcess;
  stdout = '';
  stderr = '';
  /** Exit code, or 128 and the signal's number as a shell would say. */
  readonly exit: Promise<number | NodeJS.Signals>;

  constructor(t: Cleanup, command: string, args: readonly string[], options: RunOptions = {}) {
    this.process = spawn(command, args, {
      cwd: options.cwd ?? ROOT,
      env: { ...cleanEnvironment(), ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    });
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.process.stdin?.on('error', () => undefined);
    if (options.stdin !== 'open') this.process.stdin?.end(options.input ?? '');
    this.exit = new Promise((resolve, reject) => {
      this.process.once('error', reject);
      this.process.once('close', (code, signal) => resolve(code ?? signal ?? 'SIGKILL'));
    });
    t.after(async () => {
      this.process.kill('SIGKILL');
      await this.exit;
    });
  }

  /** First line on standard output. Fails with what it said instead when it ends first. */
  async firstLine(): Promise<string> {
    const ended = this.exit.then((code) => {
      if (!this.stdout.includes('\n'))
        throw new Error(`ended with ${code} before its first line: ${this.stderr}`);
    });
    const line = until(
      'the first line',
      () => this.stdout.includes('\n') && (this.stdout.split('\n', 1)[0] ?? ''),
    );
    await Promise.race([line, ended]);
    return line;
  }

  /** Sends `signal`, and says how long the end took and what it was. */
  async end(signal: NodeJS.Signals): Promise<{ exit: number | NodeJS.Signals; ms: number }> {
    const since = performance.now();
    this.process.kill(signal);
    const exit = await this.exit;
    return { exit, ms: performance.now() - since };
  }
}

/** `maillon` with these arguments, run by the Node that runs the tests. */
export function maillon(t: Cleanup, args: readonly string[], options?: RunOptions): Program {
  return new Program(t, process.execPath, [MAIN, ...args], options);
}

/**
 * The environment without what a developer's machine or the test runner put there: Maillon settings change
 * what is tested, and NODE_TEST_CONTEXT makes a child report itself as a test.
 */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOREIGN.test(name)));
}

const FOREIGN = /^(MAILLON_(?!IDENTITY_OWNER_KEY).*|NODE_TEST_CONTEXT|FORCE_COLOR)$/;

/** Whether a process with this id runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
