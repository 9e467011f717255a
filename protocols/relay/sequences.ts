import type { Clock } from '../common/clock.ts';

/** Where an author stands on one topic. */
export interface SequencePoint {
  readonly epoch: number;
  /** The last sequence number given out. */
  readonly last: number;
}

/** State kept across restarts. */
export interface SequenceState {
  /** No epoch up to this one may be begun again. */
  readonly epochFloor: number;
  readonly points: readonly (readonly [topic: string, point: SequencePoint])[];
}

/** Topics one author is remembered on; the least recently used one is forgotten and starts a new epoch. */
export const SEQUENCE_TOPICS_MAX = 65_536;
/** Epochs reserved at once: one for each topic that is forgotten, a second of the clock. */
const EPOCHS_RESERVED = 1000;

export interface SequenceComponents {
  readonly clock: Clock;
  /** Records, before it returns, that no epoch up to `floor` may be begun by another book. */
  readonly reserve: (floor: number) => void;
}

/**
 * Counts an author's messages per topic: from 1, without holes. Topics whose count is not known begin in this
 * book's epoch, which is higher than every one before, so that no number is used twice.
 */
export class SequenceBook {
  readonly #reserve: (floor: number) => void;
  readonly #points: Map<string, SequencePoint>;
  #epoch: number;
  #reserved: number;

  constructor(components: SequenceComponents, state: SequenceState = { epochFloor: 0, points: [] }) {
    this.#reserve = components.reserve;
    this.#points = new Map(state.points);
    this.#epoch = Math.max(state.epochFloor + 1, components.clock.now());
    this.#reserved = this.#epoch + EPOCHS_RESERVED;
    this.#reserve(this.#reserved);
  }

  /** Gives out `count` numbers on `topic` and returns the first, with its epoch. */
  take(topic: string, count: number): { epoch: number; sequence: number } {
    const known = this.#points.get(topic) ?? { epoch: this.#epoch, last: 0 };
    this.#points.delete(topic);
    this.#points.set(topic, { epoch: known.epoch, last: known.last + count });
    if (this.#points.size > SEQUENCE_TOPICS_MAX) this.#forgetOldest();
    return { epoch: known.epoch, sequence: known.last + 1 };
  }

  /** Takes back the last `count` numbers of `topic`, which were not used. */
  giveBack(topic: string, count: number): void {
    const known = this.#points.get(topic);
    if (known !== undefined) this.#points.set(topic, { epoch: known.epoch, last: known.last - count });
  }

  state(): SequenceState {
    return { epochFloor: this.#reserved, points: [...this.#points] };
  }

  /** A forgotten topic must not begin again in its former epoch. */
  #forgetOldest(): void {
    const oldest = this.#points.keys().next().value;
    if (oldest !== undefined) this.#points.delete(oldest);
    this.#epoch += 1;
    if (this.#epoch < this.#reserved) return;
    this.#reserved += EPOCHS_RESERVED;
    this.#reserve(this.#reserved);
  }
}
