import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

interface Asked {
  readonly ask: number;
  readonly request: unknown;
}
interface Answered {
  readonly ask: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** A process of an experiment that is asked over IPC: the side that asks. */
export class AskedProcess<Request> {
  readonly child: ChildProcess;
  readonly #open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #asked = 0;

  constructor(file: URL, execArgv: readonly string[] = []) {
    this.child = fork(file, { execArgv: [...execArgv], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.child.on('message', ({ ask, value, error }: Answered) => {
      const open = this.#open.get(ask);
      this.#open.delete(ask);
      if (error === undefined) open?.resolve(value);
      else open?.reject(new Error(error));
    });
    this.child.once('exit', (code, signal) => {
      for (const open of this.#open.values()) open.reject(new Error(`${file.pathname}: ${code ?? signal}`));
      this.#open.clear();
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  async ask<T = void>(request: Request): Promise<T> {
    this.#asked += 1;
    const ask = this.#asked;
    return new Promise<T>((resolve, reject) => {
      this.#open.set(ask, { resolve: (value) => resolve(value as T), reject });
      this.child.send({ ask, request } satisfies Asked);
    });
  }

  /** Lets it end, which it does when it loses the one who asks. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    if (this.child.connected) this.child.disconnect();
    await ended;
  }
}

/** The side that is asked. It ends the process when nobody asks any more. */
export function answerAsked(handle: (request: never) => Promise<unknown>): void {
  process.on('message', ({ ask, request }: Asked) => {
    handle(request as never).then(
      (value) => answer({ ask, value }),
      (error: unknown) =>
        answer({ ask, error: error instanceof Error ? (error.stack ?? '') : String(error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
}

function answer(answered: Answered): void {
  // the one who asked may have gone in the meantime: the disconnect event ends this process then
  process.send?.(answered, undefined, undefined, () => undefined);
}
