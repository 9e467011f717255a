import { COMMIT_PAUSE_FACTOR, COMMIT_PAUSE_MAX_MS } from './limits.ts';

/** Ends transactions: the first one soon, others after a pause, so that what comes meanwhile shares a sync. */
export class CommitTimer {
  readonly #commit: () => void;
  #timer: NodeJS.Timeout | null = null;
  #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  #notBefore = 0;

  constructor(commit: () => void) {
    this.#commit = commit;
  }

  /** Something was written: a commit is due. */
  begin(): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => this.#run(), Math.max(0, this.#notBefore - performance.now()));
  }

  /** Resolves after the commit that is due, if one is. Rejects when it failed. */
  done(): Promise<void> {
    if (this.#timer === null) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  /** There is nothing to commit any more: it failed. */
  fail(error: Error): void {
    for (const { reject } of this.#end()) reject(error);
  }

  /** Commits what is due now. */
  stop(): void {
    if (this.#timer !== null) this.#run();
  }

  #run(): void {
    const since = performance.now();
    try {
      this.#commit();
    } catch (error) {
      // whoever waits is told by `fail`
      this.fail(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    const now = performance.now();
    this.#notBefore = now + Math.min(COMMIT_PAUSE_MAX_MS, (now - since) * COMMIT_PAUSE_FACTOR);
    for (const { resolve } of this.#end()) resolve();
  }

  #end(): { readonly resolve: () => void; readonly reject: (error: Error) => void }[] {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }
}
