import { GatewayError } from '../../core/errors.ts';

/** One request's share of the budget. */
export interface Holding {
  /** Throws `overloaded`. After the release it does nothing: the request is over. */
  add(bytes: number): void;
  /** Gives all back; idempotent. */
  release(): void;
}

/** Bytes that all requests together may hold: each alone is bounded, but there may be thousands. */
export class ByteBudget {
  readonly #max: number;
  #held = 0;

  constructor(init: { max: number }) {
    this.#max = init.max;
  }

  get held(): number {
    return this.#held;
  }

  open(): Holding {
    let own = 0;
    let isOver = false;
    return {
      add: (bytes) => {
        if (isOver) return;
        if (this.#held + bytes > this.#max) {
          throw new GatewayError('overloaded', 'too many values are on their way through this gateway now');
        }
        this.#held += bytes;
        own += bytes;
      },
      release: () => {
        this.#held -= own;
        own = 0;
        isOver = true;
      },
    };
  }
}
