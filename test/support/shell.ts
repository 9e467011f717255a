import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Host } from './namespaces.ts';
import { cleanEnvironment } from './processes.ts';
import { ROOT } from './sources.ts';

/** How a command ended, and what it said. */
export interface Finished {
  readonly exit: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ShellInit {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Where it runs, in a network of namespaces. */
  readonly host?: Host | null;
}

/**
 * A process that runs `maillon` command lines one after another, so that a test of many does not wait for the program to load
 * each time. Nothing can be piped in, and there is no terminal: that takes a process of its own (`maillon` in processes.ts).
 */
export class Shell {
  readonly #process: ChildProcess;
  readonly #ended: Promise<never>;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ env, cwd = ROOT, host = null }: ShellInit = {}) {
    const here = [process.execPath, join(ROOT, 'test/support/shell-process.ts')];
    const [command = '', ...args] = host === null ? here : host.commandOf(here);
    this.#process = spawn(command, args, {
      cwd,
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#ended = once(this.#process, 'exit').then(([code, signal]) => {
      throw new Error(`the shell has ended with ${code ?? signal}`);
    });
    this.#ended.catch(() => undefined);
  }

  /** Runs one command to its end. */
  async run(args: readonly string[]): Promise<Finished> {
    const turn = this.#last.then(async () => {
      this.#process.send([...args]);
      const [finished] = await Promise.race([once(this.#process, 'message'), this.#ended]);
      return finished as Finished;
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async end(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    await this.#ended.catch(() => undefined);
  }
}
