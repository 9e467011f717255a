import type { Clock } from '../../../protocols/common/clock.ts';
import { SETTLE_MAX_MS, SETTLE_MS } from '../api/limits.ts';

/**
 * Tracks whether a node has learnt of the members as far as it can. Before that it might take itself for a replica of
 * what others hold.
 */
export class Settling {
  readonly #clock: Clock;
  #changedAt = -Infinity;
  #unsettledSince = -Infinity;
  /** Whether this node asked others for the members that were down before it started. */
  isGoneKnown = false;

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock;
  }

  /** Notes that a node became a member, or ceased to be one. */
  changed(): void {
    const now = this.#clock.now();
    if (now - this.#changedAt >= SETTLE_MS) this.#unsettledSince = now;
    this.#changedAt = now;
  }

  /** The members were known before this node started: there is nothing to wait for. */
  remembered(): void {
    this.#changedAt = -Infinity;
  }

  /** Does `learn` without waiting for more: whoever it adds was there before. */
  undisturbed(learn: () => void): void {
    const before = [this.#changedAt, this.#unsettledSince] as const;
    learn();
    [this.#changedAt, this.#unsettledSince] = before;
  }

  /** None was added for a while. */
  get isQuiet(): boolean {
    return this.#clock.now() - this.#changedAt >= SETTLE_MS;
  }

  get isSettled(): boolean {
    const waitedMs = this.#clock.now() - this.#unsettledSince;
    return (this.isGoneKnown && this.isQuiet) || waitedMs >= SETTLE_MAX_MS;
  }
}
