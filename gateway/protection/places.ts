/** What is open or under way, by whose it is: connections, streams, scans. Bounded by that itself: who has none is not kept. */
export class Places {
  readonly #max: number;
  readonly #open = new Map<string, number>();

  constructor(init: { readonly max: number }) {
    this.#max = init.max;
  }

  /** Takes a place; what is returned gives it back and is idempotent. Null where there is none left. */
  take(subject: string): (() => void) | null {
    const open = this.#open.get(subject) ?? 0;
    if (open >= this.#max) return null;
    this.#open.set(subject, open + 1);
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      const left = (this.#open.get(subject) ?? 1) - 1;
      if (left > 0) this.#open.set(subject, left);
      else this.#open.delete(subject);
    };
  }
}
