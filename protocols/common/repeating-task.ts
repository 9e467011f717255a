import type { Timer, TimerClock } from './clock.ts';

export interface RepeatingTaskComponents {
  readonly clock: TimerClock;
  /** Given a signal that aborts when the task is stopped. */
  readonly run: (signal: AbortSignal) => Promise<void> | void;
  /** Told what a run threw, unless the task was stopped meanwhile. */
  readonly onError: (error: unknown) => void;
}

export interface RepeatingTaskInit {
  readonly intervalMs: number;
  /** From the start to the first run; an interval when missing. */
  readonly firstMs?: number;
}

/** Runs one piece of work again and again, and never twice at a time: a run that is due while one goes on is left out. */
export class RepeatingTask {
  readonly #components: RepeatingTaskComponents;
  readonly #init: RepeatingTaskInit;
  #timer: Timer | null = null;
  #running: Promise<void> | null = null;
  #abort = new AbortController();

  constructor(components: RepeatingTaskComponents, init: RepeatingTaskInit) {
    this.#components = components;
    this.#init = init;
  }

  get isStarted(): boolean {
    return this.#timer !== null;
  }

  /** Aborts when the task is stopped: for work beside its runs. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  start(): void {
    if (this.#timer !== null) return;
    if (this.#abort.signal.aborted) this.#abort = new AbortController();
    const { clock } = this.#components;
    const { firstMs, intervalMs } = this.#init;
    const repeat = (): void => {
      this.#timer = clock.setInterval(() => void this.runNow(), intervalMs);
    };
    if (firstMs === undefined) return repeat();
    this.#timer = clock.setTimeout(() => {
      repeat();
      void this.runNow();
    }, firstMs);
  }

  /** Resolves when the run that goes on, if there is one, has ended. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    this.#abort.abort(new Error('this node is stopping'));
    await this.#running;
  }

  /** Runs now, whether it was started or not, unless a run goes on. Resolves when that has ended; never rejects. */
  runNow(): Promise<void> {
    if (this.#running !== null) return this.#running;
    const { signal } = this.#abort;
    try {
      const done = this.#components.run(signal);
      // work that is done by now does not hold up a run that is due in the same turn
      if (done === undefined) return Promise.resolve();
      this.#running = this.#settled(done, signal);
    } catch (error) {
      this.#failed(error, signal);
    }
    return this.#running ?? Promise.resolve();
  }

  async #settled(done: Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await done;
    } catch (error) {
      this.#failed(error, signal);
    } finally {
      this.#running = null;
    }
  }

  #failed(error: unknown, signal: AbortSignal): void {
    if (!signal.aborted) this.#components.onError(error);
  }
}
