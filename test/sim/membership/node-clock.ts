import type { Timer, TimerClock } from '../../../protocols/common/clock.ts';
import type { ManualClock } from '../../support/manual-clock.ts';

/** Times that lie this close together are one: what is due then runs in one turn. */
const GRAIN_MS = 5;

/** Nobody waits for anything when things happen so seldom: retries may be as seldom, too. */
const QUIET_TICK_MS = 2_000;

const OVER = new DOMException('the time is over', 'TimeoutError');

/** The time that all nodes share, as far as they have the same. */
export interface WorldTime {
  readonly clock: ManualClock;
  /** Shortest interval of repeated tasks: as on a busy machine, and so that a history ends. */
  tickMs: number;
}

/** The clock of one process: set differently from the others, and silent once that has died. */
export class NodeClock implements TimerClock {
  readonly #world: WorldTime;
  readonly #offsetMs: () => number;
  #isDead = false;

  constructor(world: WorldTime, offsetMs: () => number) {
    this.#world = world;
    this.#offsetMs = offsetMs;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Nothing that waits runs any more. */
  kill(): void {
    this.#isDead = true;
  }

  now(): number {
    return this.#world.clock.now() + this.#offsetMs();
  }

  monotonicNow(): number {
    return this.#world.clock.monotonicNow();
  }

  setTimeout(task: () => void, ms: number): Timer {
    const { tickMs } = this.#world;
    return this.#after(tickMs < QUIET_TICK_MS ? ms : Math.max(ms, tickMs / 2), GRAIN_MS, task);
  }

  setInterval(task: () => void, ms: number): Timer {
    let timer: Timer;
    const next = (): Timer => {
      const { tickMs } = this.#world;
      const isCoarse = ms < tickMs;
      return this.#after(isCoarse ? tickMs : ms, isCoarse ? tickMs : GRAIN_MS, () => {
        timer = next();
        task();
      });
    };
    timer = next();
    return { cancel: () => timer.cancel() };
  }

  timeoutSignal(ms: number): AbortSignal {
    const controller = new AbortController();
    this.setTimeout(() => controller.abort(OVER), ms);
    return controller.signal;
  }

  #after(ms: number, grainMs: number, task: () => void): Timer {
    const { clock } = this.#world;
    const now = clock.monotonicNow();
    const dueAt = Math.ceil((now + Math.max(1, ms)) / grainMs) * grainMs;
    return clock.setTimeout(() => {
      if (!this.#isDead) task();
    }, dueAt - now);
  }
}
