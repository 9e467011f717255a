/** When two machines did not reach each other: one of them was down, or the network between them. */
interface Apart {
  readonly from: number;
  /** Null as long as it lasts. */
  to: number | null;
}

/** Keeps who reached whom when. */
export class Reach {
  readonly #apart = new Map<string, Apart[]>();

  /** Takes note of whether two reach each other from `now` on. */
  note(a: string, b: string, isReachable: boolean, now: number): void {
    const key = pairOf(a, b);
    const spans = this.#apart.get(key) ?? [];
    this.#apart.set(key, spans);
    const last = spans.at(-1);
    if (isReachable && last?.to === null) last.to = now;
    if (!isReachable && last?.to !== null) spans.push({ from: now, to: null });
  }

  /** Whether they were apart for longer than `ms` in one piece, some of it after `since`. */
  wereApart(a: string, b: string, since: number, ms: number, now: number): boolean {
    return (this.#apart.get(pairOf(a, b)) ?? []).some(({ from, to }) => {
      const end = to ?? now;
      return end > since && end - from > ms;
    });
  }

  /** Whether they reached each other all the time since `since`. */
  wereTogether(a: string, b: string, since: number): boolean {
    const last = this.#apart.get(pairOf(a, b))?.at(-1);
    return last === undefined || (last.to !== null && last.to < since);
  }
}

function pairOf(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
