export interface PaceInit {
  /** Time in which the client may be waited for, while it brings or takes `minBytes`. */
  readonly windowMs: number;
  readonly minBytes: number;
  /** Called when the client was too slow, at most once. */
  readonly onStall: () => void;
}

/** Whether a client gets on with a transfer: only the time in which it is waited for counts, however long the whole takes. */
export class Pace {
  readonly #init: PaceInit;
  #timer: NodeJS.Timeout | undefined;
  #since = 0;
  /** Wait within the window, and its bytes. */
  #waited = 0;
  #bytes = 0;

  constructor(init: PaceInit) {
    this.#init = init;
  }

  /** Starts to wait for the client. */
  wait(): void {
    if (this.#timer !== undefined) return;
    this.#since = performance.now();
    this.#timer = setTimeout(this.#init.onStall, Math.max(0, this.#init.windowMs - this.#waited));
  }

  /** Counts transferred bytes and ends the wait. */
  gain(bytes: number): void {
    if (this.#timer === undefined) return;
    this.end();
    this.#waited += performance.now() - this.#since;
    this.#bytes += bytes;
    if (this.#bytes < this.#init.minBytes) return;
    this.#waited = 0;
    this.#bytes = 0;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
