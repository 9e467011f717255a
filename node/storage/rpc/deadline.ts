import { sleep, type Timer, type TimerClock } from '../../../protocols/common/clock.ts';
import { CodedError } from '../../../protocols/common/errors.ts';

/**
 * The time one request of a client has. Work it began continues after the answer (the slowest replica gets its write too) until
 * the deadline.
 */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #clock: TimerClock;
  readonly #timer: Timer;
  readonly #endsAt: number;
  readonly #totalMs: number;
  #pending = 0;
  #isAnswered = false;

  constructor({ clock }: { readonly clock: TimerClock }, { ms }: { readonly ms: number }) {
    this.#clock = clock;
    this.#totalMs = ms;
    this.#endsAt = clock.monotonicNow() + ms;
    this.#timer = clock.setTimeout(() => {
      this.#controller.abort(new CodedError('timeout', 'there was no time left'));
    }, ms);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isOver(): boolean {
    return this.signal.aborted;
  }

  get leftMs(): number {
    return this.isOver ? 0 : Math.max(0, this.#endsAt - this.#clock.monotonicNow());
  }

  /** Whether less than half of the time is left. */
  get isHalfOver(): boolean {
    return this.leftMs < this.#totalMs / 2;
  }

  /** Counts what is under way; never throws. */
  async run(work: () => Promise<void>): Promise<void> {
    this.#pending += 1;
    try {
      await work();
    } finally {
      this.#pending -= 1;
      this.#release();
    }
  }

  /** The request has its answer: the timer goes when nothing is under way any more. */
  answered(): void {
    this.#isAnswered = true;
    this.#release();
  }

  /** Resolves after `ms`, or when the time is over. */
  async pause(ms: number): Promise<void> {
    await sleep(this.#clock, ms, this.signal).catch(() => undefined);
  }

  #release(): void {
    if (this.#isAnswered && this.#pending === 0) this.#timer.cancel();
  }
}
