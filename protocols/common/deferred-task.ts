import type { Timer, TimerClock } from './clock.ts';

export interface DeferredTaskComponents {
  readonly clock: TimerClock;
  /** Never throws. */
  readonly run: () => void;
}

/** Runs one piece of work once, at the earliest of the times that were asked for since it ran last. */
export class DeferredTask {
  readonly #components: DeferredTaskComponents;
  #timer: Timer | null = null;
  #dueAt = Infinity;

  constructor(components: DeferredTaskComponents) {
    this.#components = components;
  }

  /** Runs in `ms`, unless it is due sooner. */
  runWithin(ms: number): void {
    const { clock, run } = this.#components;
    const dueAt = clock.monotonicNow() + ms;
    if (dueAt >= this.#dueAt) return;
    this.#timer?.cancel();
    this.#dueAt = dueAt;
    this.#timer = clock.setTimeout(() => {
      this.cancel();
      run();
    }, ms);
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#dueAt = Infinity;
  }
}
