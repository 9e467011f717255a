import type { Timer, TimerClock } from '../../protocols/common/clock.ts';

interface Waiting {
  readonly task: () => void;
  /** Null for a task that runs once. */
  readonly everyMs: number | null;
  dueAt: number;
  /** Of two that are due at the same time the first one that was set runs first. */
  order: number;
}

/** A clock that goes when it is told to. Its timers run then, in the order of their times. */
export class ManualClock implements TimerClock {
  readonly #startedAt: number;
  readonly #waiting = new Set<Waiting>();
  #now: number;
  #orders = 0;

  constructor(now: number) {
    this.#now = now;
    this.#startedAt = now;
  }

  now(): number {
    return this.#now;
  }

  monotonicNow(): number {
    return this.#now - this.#startedAt;
  }

  setTimeout(task: () => void, ms: number): Timer {
    return this.#add(task, ms, null);
  }

  setInterval(task: () => void, ms: number): Timer {
    return this.#add(task, ms, ms);
  }

  timeoutSignal(ms: number): AbortSignal {
    const controller = new AbortController();
    this.setTimeout(() => controller.abort(new DOMException('the time is over', 'TimeoutError')), ms);
    return controller.signal;
  }

  /** Tasks that wait for their time. */
  get timers(): number {
    return this.#waiting.size;
  }

  /** Moves on by `ms`; runs each timer that is due by then, at its time. What a task awaits goes on after this returns. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (let next = this.#next(until); next !== null; next = this.#next(until)) this.#run(next);
    this.#now = until;
  }

  /** The same; after each timer what it set going goes on until all of it waits. */
  async advanceAsync(ms: number): Promise<void> {
    const until = this.#now + ms;
    await turn();
    for (let next = this.#next(until); next !== null; next = this.#next(until)) {
      this.#run(next);
      await turn();
    }
    this.#now = until;
  }

  #add(task: () => void, ms: number, everyMs: number | null): Timer {
    const waiting: Waiting = { task, everyMs, dueAt: this.#now + Math.max(1, ms), order: this.#orders++ };
    this.#waiting.add(waiting);
    return { cancel: () => this.#waiting.delete(waiting) };
  }

  /** The first that is due by `until`. */
  #next(until: number): Waiting | null {
    let first: Waiting | null = null;
    for (const one of this.#waiting) {
      if (one.dueAt > until) continue;
      if (first === null || one.dueAt < first.dueAt || (one.dueAt === first.dueAt && one.order < first.order))
        first = one;
    }
    return first;
  }

  #run(waiting: Waiting): void {
    this.#now = waiting.dueAt;
    if (waiting.everyMs === null) this.#waiting.delete(waiting);
    else {
      waiting.dueAt += Math.max(1, waiting.everyMs);
      waiting.order = this.#orders++;
    }
    waiting.task();
  }
}

/** Resolves when nothing is left that waits for no timer, disk or network. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
