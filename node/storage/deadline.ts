import { CodedError } from '../../protocols/common/errors.ts';

/**
 * The time one request of a client has. What it began goes on behind the answer (the slowest replica gets its write, too),
 * until the time is over.
 */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #endsAt: number;
  readonly #totalMs: number;
  #pending = 0;
  #isAnswered = false;

  constructor(ms: number) {
    this.#totalMs = ms;
    this.#endsAt = performance.now() + ms;
    this.#timer = setTimeout(() => {
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
    return this.isOver ? 0 : Math.max(0, this.#endsAt - performance.now());
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
    if (this.isOver) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.signal.addEventListener('abort', done, { once: true });
    });
  }

  #release(): void {
    if (this.#isAnswered && this.#pending === 0) clearTimeout(this.#timer);
  }
}
