import { setImmediate } from 'node:timers/promises';
import { SCAN_WORK_MAX, SCAN_WORK_PER_TURN } from '../core/limits.ts';
import type { Pattern } from './pattern.ts';

/** What matches, of all that one scan looks at. Others get their turn in between, also within a text: it alone may take all the work there may be. */
export class PatternFilter {
  readonly #pattern: Pattern;
  readonly #budget = { left: SCAN_WORK_MAX };
  #turnEndsAt = SCAN_WORK_MAX - SCAN_WORK_PER_TURN;

  constructor(pattern: Pattern) {
    this.#pattern = pattern;
  }

  /** Throws `too_large` when the work of the scan is used up. */
  async takes(text: string): Promise<boolean> {
    const following = this.#pattern.follow(text, this.#budget);
    for (;;) {
      const { done, value } = following.next();
      if (done === true) return value;
      if (this.#budget.left > this.#turnEndsAt) continue;
      this.#turnEndsAt = this.#budget.left - SCAN_WORK_PER_TURN;
      await setImmediate();
    }
  }
}
