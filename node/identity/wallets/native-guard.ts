import { setTimeout as wait } from 'node:timers/promises';

const WITHIN = 0;
const ENDING = 1;
const FLAGS = 2;
/** A call takes a tenth of a millisecond. */
const POLL_MS = 1;

/**
 * Keeps a thread from being terminated while it is within a native addon. The addon would throw a C++ exception that nothing
 * catches, and the whole process would end. Each side writes its own flag before it reads the other's, so one always sees it.
 */
export class NativeGuard {
  /** Both sides share it. */
  readonly memory: SharedArrayBuffer;
  readonly #flags: Int32Array<SharedArrayBuffer>;

  constructor(memory = new SharedArrayBuffer(FLAGS * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#flags = new Int32Array(memory);
  }

  /** In the thread, before it calls the addon. Does not return once the end is announced. */
  enter(): void {
    Atomics.store(this.#flags, WITHIN, 1);
    if (Atomics.load(this.#flags, ENDING) === 0) return;
    this.leave();
    Atomics.wait(this.#flags, ENDING, 1);
  }

  /** In the thread, after the call. */
  leave(): void {
    Atomics.store(this.#flags, WITHIN, 0);
  }

  /** In the thread that terminates it: when this resolves, it is not within the addon, and does not enter it again. */
  async close(): Promise<void> {
    Atomics.store(this.#flags, ENDING, 1);
    while (Atomics.load(this.#flags, WITHIN) === 1) await wait(POLL_MS);
  }
}
