import type { Timer, TimerClock } from '../../protocols/common/clock.ts';

interface Waiting {
  /** Null once it was cancelled. */
  task: (() => void) | null;
  /** Null for a task that runs once. */
  readonly everyMs: number | null;
  dueAt: number;
  /** Among timers due at the same time, the one set first runs first. */
  order: number;
}

/** A clock that goes when it is told to. Its timers run then, in the order of their times. */
export class ManualClock implements TimerClock {
  readonly #startedAt: number;
  /** A binary heap: the first due is at 0. */
  readonly #heap: Waiting[] = [];
  #now: number;
  #orders = 0;
  #cancelled = 0;

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
    return this.#add(task, ms, Math.max(1, ms));
  }

  timeoutSignal(ms: number): AbortSignal {
    const controller = new AbortController();
    this.setTimeout(() => controller.abort(new DOMException('the time is over', 'TimeoutError')), ms);
    return controller.signal;
  }

  /** Tasks that wait for their time. */
  get timers(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** Moves on by `ms`; runs each timer that is due by then, at its time. Work a task awaits continues after this returns. */
  advance(ms: number): void {
    const until = this.#now + ms;
    while (this.#runNext(until));
    this.#now = until;
  }

  /** The same; at each time it waits until what the timers of that time set going waits for others, or for a later time. */
  async advanceAsync(ms: number): Promise<void> {
    const until = this.#now + ms;
    await turn();
    while (this.#runNext(until)) {
      while (this.#runNext(this.#now));
      await turn();
    }
    this.#now = until;
  }

  #add(task: () => void, ms: number, everyMs: number | null): Timer {
    const waiting: Waiting = { task, everyMs, dueAt: this.#now + Math.max(1, ms), order: this.#orders++ };
    this.#push(waiting);
    return {
      cancel: () => {
        if (waiting.task === null) return;
        waiting.task = null;
        this.#cancelled += 1;
      },
    };
  }

  /** Runs the first that is due by `until`. Whether there was one. */
  #runNext(until: number): boolean {
    for (let first = this.#heap[0]; first !== undefined && first.dueAt <= until; first = this.#heap[0]) {
      this.#pop();
      const { task, everyMs } = first;
      if (task === null) {
        this.#cancelled -= 1;
        continue;
      }
      this.#now = first.dueAt;
      // one that has run cannot be cancelled any more
      if (everyMs === null) first.task = null;
      else {
        first.dueAt += everyMs;
        first.order = this.#orders++;
        this.#push(first);
      }
      task();
      return true;
    }
    return false;
  }

  #push(waiting: Waiting): void {
    const heap = this.#heap;
    let at = heap.push(waiting) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, waiting)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = waiting;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      let child = heap[below];
      if (child === undefined) break;
      const right = heap[below + 1];
      if (right !== undefined && isBefore(right, child)) [below, child] = [below + 1, right];
      if (isBefore(last, child)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}

function isBefore(a: Waiting, b: Waiting): boolean {
  return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order);
}

/** Resolves when nothing is left to do that waits for no timer, disk or network. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
