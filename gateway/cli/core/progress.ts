import { roundDuration, roundSize } from '../../../protocols/common/quantities.ts';

/** Shorter operations show no progress. */
const QUIET_MS = 2_000;
const BETWEEN_MS = 500;
const CLEAR_LINE = '\r\u001b[K';

export interface ProgressInit {
  /** The action: `stored`, `got`. */
  readonly verb: string;
  /** Total size; null where it is unknown. */
  readonly size: number | null;
  readonly now?: () => number;
  /** Where it is shown; null for nowhere. */
  readonly write?: ((text: string) => void) | null;
}

/** One line on a terminal that says how far a transfer is, once that takes long. */
export class Progress {
  readonly #init: ProgressInit;
  readonly #now: () => number;
  readonly #write: ((text: string) => void) | null;
  readonly #began: number;
  #shown = 0;

  constructor(init: ProgressInit) {
    this.#init = init;
    this.#now = init.now ?? (() => performance.now());
    this.#write = init.write === undefined ? standardError() : init.write;
    this.#began = this.#now();
  }

  report(bytes: number): void {
    const now = this.#now();
    if (this.#write === null || now - this.#began < QUIET_MS || now - this.#shown < BETWEEN_MS) return;
    this.#shown = now;
    this.#write(CLEAR_LINE + this.#line(bytes, now - this.#began));
  }

  /** The line goes: what comes now is the answer. */
  end(): void {
    if (this.#shown > 0) this.#write?.(CLEAR_LINE);
  }

  #line(bytes: number, ms: number): string {
    const { verb, size } = this.#init;
    const rate = (bytes / ms) * 1000;
    const said = `${verb} ${roundSize(bytes)}${size === null ? '' : ` of ${roundSize(size)}`}, ${roundSize(rate)}/s`;
    return size === null || bytes === 0
      ? said
      : `${said}, ${roundDuration(((size - bytes) / rate) * 1000)} left`;
  }
}

function standardError(): ((text: string) => void) | null {
  if (!process.stderr.isTTY || process.env['TERM'] === 'dumb') return null;
  return (text) => void process.stderr.write(text);
}
