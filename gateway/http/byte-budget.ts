import { GatewayError } from '../errors.ts';

/** Bytes that all requests together may hold: each alone is bounded, but there may be thousands. */
export class ByteBudget {
  readonly #max: number;
  #taken = 0;

  constructor(init: { max: number }) {
    this.#max = init.max;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Takes `bytes` until the function returned, which is idempotent, is called. Throws `overloaded`. */
  take(bytes: number): () => void {
    if (this.#taken + bytes > this.#max) {
      throw new GatewayError('overloaded', 'too many values are on their way through this gateway now');
    }
    this.#taken += bytes;
    let left = bytes;
    return () => {
      this.#taken -= left;
      left = 0;
    };
  }
}
