/** Runs the collections of one node one after another, and none while a backup copies what is on the disk. */
export class Collections {
  #last: Promise<unknown> = Promise.resolve();
  #pauses = 0;

  /** Does `work` after what is under way. Null, without having done it, during a pause. */
  run<T>(work: () => Promise<T>): Promise<T | null> {
    const done = this.#last.then(async () => (this.#pauses > 0 ? null : work()));
    this.#last = done.catch(() => undefined);
    return done;
  }

  get isPaused(): boolean {
    return this.#pauses > 0;
  }

  /** Nothing is removed from when this resolves until what it gives is called. */
  async pause(): Promise<() => void> {
    this.#pauses += 1;
    await this.#last;
    return () => {
      this.#pauses -= 1;
    };
  }
}
