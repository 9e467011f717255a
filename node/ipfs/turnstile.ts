/** Lets so many in at once; the others wait for their turn, in their order. */
export class Turnstile {
  readonly #max: number;
  readonly #waiting = new Set<() => void>();
  #inside = 0;

  constructor(init: { readonly max: number }) {
    this.#max = init.max;
  }

  /** Rejects when `signal` ends before its turn came. */
  async pass<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    if (this.#inside >= this.#max) await this.#turn(signal);
    else this.#inside += 1;
    try {
      return await work();
    } finally {
      const [next] = this.#waiting;
      // whoever is next takes the place over
      if (next === undefined) this.#inside -= 1;
      else next();
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#waiting.delete(enter);
        signal.removeEventListener('abort', leave);
      };
      const enter = (): void => {
        end();
        resolve();
      };
      const leave = (): void => {
        end();
        reject(signal.reason as Error);
      };
      this.#waiting.add(enter);
      signal.addEventListener('abort', leave);
    });
  }
}
