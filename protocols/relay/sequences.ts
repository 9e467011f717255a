import type { Clock } from '../common/clock.ts';

/** Where an author stands on one topic. */
export interface SequencePoint {
  readonly epoch: number;
  /** The last sequence number given out. */
  readonly last: number;
}

/** What is kept over a restart. */
export interface SequenceState {
  /** No epoch up to this one may be begun again. */
  readonly epochFloor: number;
  readonly points: readonly (readonly [topic: string, point: SequencePoint])[];
}

/** Topics one author is remembered on; the least recently used one is forgotten and starts a new epoch. */
export const SEQUENCE_TOPICS_MAX = 65_536;

/**
 * Counts an author's messages per topic: from 1, without holes. A topic whose count is not known begins a new
 * epoch, higher than every one before, so that no number is used twice.
 */
export class SequenceBook {
  readonly #clock: Clock;
  readonly #points: Map<string, SequencePoint>;
  #epochFloor: number;

  constructor(components: { clock: Clock }, state: SequenceState = { epochFloor: 0, points: [] }) {
    this.#clock = components.clock;
    this.#points = new Map(state.points);
    this.#epochFloor = state.epochFloor;
  }

  /** Gives out `count` numbers on `topic` and returns the first, with its epoch. */
  take(topic: string, count: number): { epoch: number; sequence: number } {
    const known = this.#points.get(topic) ?? { epoch: this.#newEpoch(), last: 0 };
    this.#points.delete(topic);
    this.#points.set(topic, { epoch: known.epoch, last: known.last + count });
    if (this.#points.size > SEQUENCE_TOPICS_MAX) {
      const oldest = this.#points.keys().next().value;
      if (oldest !== undefined) this.#points.delete(oldest);
    }
    return { epoch: known.epoch, sequence: known.last + 1 };
  }

  /** Takes back the last `count` numbers of `topic`, which were not used. */
  giveBack(topic: string, count: number): void {
    const known = this.#points.get(topic);
    if (known !== undefined) this.#points.set(topic, { epoch: known.epoch, last: known.last - count });
  }

  state(): SequenceState {
    return { epochFloor: this.#epochFloor, points: [...this.#points] };
  }

  #newEpoch(): number {
    this.#epochFloor = Math.max(this.#epochFloor + 1, this.#clock.now());
    return this.#epochFloor;
  }
}
