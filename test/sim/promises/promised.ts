import type { Holder, ListedEntry, Outcome, ReadOutcome } from '../storage/site.ts';

/** A value that was acknowledged as durable. */
export interface PromisedValue {
  readonly key: string;
  readonly text: string;
  readonly etag: string;
}

export type Breach =
  /** A promised value is not there, or another one is. */
  | 'lost'
  /** A receipt or a list says that it ends, or is not durable. */
  | 'expiring'
  /** A list without a promised value. */
  | 'unlisted';

const EXAMPLES_MAX = 20;

/** Everything that was promised to one owner, and holds every answer against that. Each key is written once. */
export class Promised {
  readonly values = new Map<string, PromisedValue>();
  readonly breaches: Record<Breach, number> = { lost: 0, expiring: 0, unlisted: 0 };
  /** The first of them, in words. */
  readonly examples: string[] = [];
  /** Answers that were none, and were asked for again: codes and how often they came. */
  readonly codes = new Map<string, number>();
  reads = 0;
  degradedReads = 0;
  lists = 0;

  /** Whether the write was acknowledged. */
  written(key: string, text: string, outcome: Outcome): boolean {
    if (outcome.kind !== 'acked') {
      this.#count(`write ${outcome.code}`);
      return false;
    }
    const { etag, durable, expiresAt } = outcome;
    if (!durable || expiresAt !== null)
      this.#report('expiring', `receipt of ${key}: ${JSON.stringify(outcome)}`);
    this.values.set(key, { key, text, etag });
    return true;
  }

  /** Whether the answer was one: that it could not be read now is no loss yet. */
  read(key: string, read: ReadOutcome, at: string): boolean {
    if (read.kind === 'failed') {
      this.#count(`read ${read.code}`);
      return false;
    }
    const value = this.values.get(key);
    this.reads += 1;
    if (read.kind === 'value' && read.isDegraded) this.degradedReads += 1;
    const isRight = read.kind === 'value' && read.text === value?.text && read.etag === value.etag;
    if (!isRight) this.#report('lost', `read of ${key} at ${at}: ${JSON.stringify(read)}`);
    return true;
  }

  /** The same of a whole list that began when `keys` were promised. */
  listed(keys: readonly string[], listed: readonly ListedEntry[] | string, at: string): boolean {
    if (typeof listed === 'string') {
      this.#count(`list ${listed}`);
      return false;
    }
    this.lists += 1;
    const found = new Map(listed.map((entry) => [entry.key, entry]));
    for (const key of keys) {
      const entry = found.get(key);
      if (entry?.etag !== this.values.get(key)?.etag)
        this.#report('unlisted', `${key} in a list at ${at}: ${JSON.stringify(entry)}`);
      else if (entry?.expiresAt !== null)
        this.#report('expiring', `${key} in a list at ${at}: ${JSON.stringify(entry)}`);
    }
    return true;
  }

  /** Which of `sponsors` hold the value and count, or stand in for one that is gone. */
  copies(key: string, holders: readonly Holder[], sponsors: ReadonlySet<string>): string[] {
    const etag = this.values.get(key)?.etag;
    return holders
      .filter((holder) => {
        const counts = holder.role === 'fallback' || holder.isSynced === true;
        return sponsors.has(holder.id) && holder.isLive && counts && holder.etag === etag;
      })
      .map(({ id }) => id);
  }

  #report(breach: Breach, text: string): void {
    this.breaches[breach] += 1;
    if (this.examples.length < EXAMPLES_MAX) this.examples.push(`${breach}: ${text}`);
  }

  #count(code: string): void {
    this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
  }
}
