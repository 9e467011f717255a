/** Progress of a long-running command: on a terminal, in one line that is overwritten. */
const QUIET_MS = 2_000;
const CLEAR_LINE = '\r\u001b[K';

export class ProgressLine {
  readonly #startedAt = performance.now();
  #isShown = false;

  show(text: string): void {
    const isTerminal = process.stderr.isTTY && process.env['TERM'] !== 'dumb';
    if (!isTerminal || performance.now() - this.#startedAt < QUIET_MS) return;
    process.stderr.write(`${CLEAR_LINE}${text}`);
    this.#isShown = true;
  }

  end(): void {
    if (this.#isShown) process.stderr.write(CLEAR_LINE);
    this.#isShown = false;
  }
}
