import type { TimerClock } from '../../../protocols/common/clock.ts';
import { errorMessage } from '../../../protocols/common/errors.ts';
import { RepeatingTask } from '../../../protocols/common/repeating-task.ts';
import type { Logger } from '../../observability/logger.ts';
import { FIRST_TICK_MS, TICK_MS } from './limits.ts';

export interface BackgroundComponents {
  readonly clock: TimerClock;
  readonly logger: Logger;
  /** When the last whole scrub ended; 0 for never. */
  readonly scrubbedAt: () => number;
  readonly scrub: () => Promise<unknown>;
  readonly compact: () => Promise<unknown>;
}

/** Scrubs in time all that is stored, and gives back disk that is not used. Neither of the two waits for the other. */
export class Background {
  readonly #components: BackgroundComponents;
  readonly #everyMs: number;
  readonly #tasks: readonly RepeatingTask[];

  /** `everyMs`: 0 for never. */
  constructor(components: BackgroundComponents, init: { readonly everyMs: number }) {
    this.#components = components;
    this.#everyMs = init.everyMs;
    const { compact, scrub } = components;
    this.#tasks = [
      this.#task(compact, 'disk that is not used could not be given back'),
      this.#task(async () => {
        if (this.#isScrubDue) await scrub();
      }, 'what is stored could not be read and verified'),
    ];
  }

  start(): void {
    for (const task of this.#tasks) task.start();
  }

  stop(): void {
    for (const task of this.#tasks) void task.stop();
  }

  get #isScrubDue(): boolean {
    const { clock, scrubbedAt } = this.#components;
    return this.#everyMs > 0 && clock.now() - scrubbedAt() >= this.#everyMs;
  }

  #task(work: () => Promise<unknown>, failure: string): RepeatingTask {
    const { clock, logger } = this.#components;
    const run = async (): Promise<void> => void (await work());
    const onError = (error: unknown): void => logger.warn({ reason: errorMessage(error) }, failure);
    return new RepeatingTask({ clock, run, onError }, { firstMs: FIRST_TICK_MS, intervalMs: TICK_MS });
  }
}
