import type { Clock } from '../../../protocols/common/clock.ts';
import { errorMessage } from '../../../protocols/common/errors.ts';
import type { Logger } from '../../observability/logger.ts';
import { FIRST_TICK_MS, TICK_MS } from './limits.ts';

export interface BackgroundComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  /** When the last whole scrub ended; 0 for never. */
  readonly scrubbedAt: () => number;
  readonly scrub: () => Promise<unknown>;
  readonly compact: () => Promise<unknown>;
}

/** Sees to it that everything is scrubbed in time, and that disk is given back. */
export class Background {
  readonly #components: BackgroundComponents;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | null = null;
  #isScrubbing = false;
  #isCompacting = false;

  /** `everyMs`: 0 for never. */
  constructor(components: BackgroundComponents, init: { readonly everyMs: number }) {
    this.#components = components;
    this.#everyMs = init.everyMs;
  }

  start(): void {
    this.#timer ??= setTimeout(() => this.#tick(), FIRST_TICK_MS).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #tick(): void {
    this.#timer = setTimeout(() => this.#tick(), TICK_MS).unref();
    const { clock, scrubbedAt } = this.#components;
    if (!this.#isCompacting) void this.#compact();
    const isDue = this.#everyMs > 0 && clock.now() - scrubbedAt() >= this.#everyMs;
    if (isDue && !this.#isScrubbing) void this.#scrub();
  }

  async #compact(): Promise<void> {
    this.#isCompacting = true;
    await this.#quietly(this.#components.compact, 'disk that is not used could not be given back');
    this.#isCompacting = false;
  }

  async #scrub(): Promise<void> {
    this.#isScrubbing = true;
    await this.#quietly(this.#components.scrub, 'what is stored could not be read and verified');
    this.#isScrubbing = false;
  }

  async #quietly(work: () => Promise<unknown>, what: string): Promise<void> {
    try {
      await work();
    } catch (error) {
      // a node that stops breaks it off
      if (this.#timer !== null) this.#components.logger.warn({ reason: errorMessage(error) }, what);
    }
  }
}
