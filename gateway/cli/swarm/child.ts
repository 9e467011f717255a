import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CodedError } from '../../../protocols/common/errors.ts';
import type { Member } from './plan.ts';

/** A process's report on its first line. */
export interface ReadyLine {
  readonly url: string;
  readonly peerId: string;
  readonly multiaddrs: readonly string[];
}

/** A start is a second; this is for a machine that starts dozens at once. */
const READY_TIMEOUT_MS = 60_000;
/** Lines of a dead process's log that are shown. */
const TAIL_LINES = 8;
/** Every message of the log that could matter is shorter. */
const TAIL_MAX_CHARACTERS = 1500;

const PROGRAM = fileURLToPath(new URL('../main.ts', import.meta.url));

/** One process of the swarm. Ends by itself when this process does, however that ends. */
export class Child {
  readonly name: string;
  readonly process: ChildProcess;
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>;
  /** How to start it again by hand, on the same data. */
  readonly again: string;
  readonly #log: string;

  constructor(member: Member, init: { directory: string; bootstrap: string | null; env: NodeJS.ProcessEnv }) {
    this.name = member.name;
    this.#log = join(init.directory, `${member.name}.log`);
    const joinFlags = init.bootstrap === null ? ['--bootstrap-peer'] : ['--bootstrap', init.bootstrap];
    const args = [PROGRAM, member.command, '--json', ...member.flags, ...joinFlags];
    this.again = ['maillon', member.command, ...member.flags, ...joinFlags].map(quoted).join(' ');
    const log = openSync(this.#log, 'a');
    try {
      // The IPC channel carries nothing: it closes when this process ends, and the child then stops.
      this.process = spawn(process.execPath, [...process.execArgv, ...args], {
        cwd: init.directory,
        env: { ...init.env, ...compileCache() },
        stdio: ['ignore', 'pipe', log, 'ipc'],
      });
    } finally {
      closeSync(log);
    }
    this.exited = new Promise((resolve) => {
      this.process.once('exit', () => resolve());
      this.process.once('error', () => resolve());
    });
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  get gone(): boolean {
    return (
      this.process.pid === undefined || this.process.exitCode !== null || this.process.signalCode !== null
    );
  }

  /** Resolves with what it says when it is up. Throws `swarm_failed` with the end of its log when it dies first. */
  async ready(signal: AbortSignal): Promise<ReadyLine> {
    const line = await new Promise<string | null>((resolve) => {
      if (!this.process.stdout) return resolve(null);
      // Reads on to the end of the process: a pipe nobody empties would block it.
      createInterface({ input: this.process.stdout }).once('line', resolve);
      void this.exited.then(() => resolve(null));
      AbortSignal.any([signal, AbortSignal.timeout(READY_TIMEOUT_MS)]).addEventListener('abort', () =>
        resolve(null),
      );
    });
    if (line === null) throw this.failure(this.gone ? 'ended before it was ready' : 'is not ready');
    return JSON.parse(line) as ReadyLine;
  }

  failure(what: string): CodedError {
    const { exitCode, signalCode } = this.process;
    const how = signalCode ?? (exitCode === null ? '' : `exit code ${exitCode}`);
    return new CodedError(
      'swarm_failed',
      `${this.name} ${what}${how && ` (${how})`}: ${this.#tail() || 'its log is empty'}`,
    );
  }

  #tail(): string {
    const lines = readFileSync(this.#log, 'utf8').trimEnd().split('\n');
    return lines.slice(-TAIL_LINES).join(' | ').slice(-TAIL_MAX_CHARACTERS);
  }
}

/** A word for a shell. */
function quoted(word: string): string {
  return /^[\w./:@=,+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** The launcher's compile cache setting, for processes that this one starts: they skip the compiler, too. */
function compileCache(): NodeJS.ProcessEnv {
  const directory = getCompileCacheDir();
  return directory === undefined ? {} : { NODE_COMPILE_CACHE: dirname(directory) };
}
