import { CodedError } from '../../../protocols/common/errors.ts';

export interface WindowInit {
  /** What may be under way together … */
  readonly max: number;
  /** … and how many bytes of it, unless it is one alone. */
  readonly maxBytes: number;
  /** What may wait for room. */
  readonly waitingMax: number;
}

interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

/** Bounds what is under way to one peer, in number and bytes; the rest waits in line. */
export class Window {
  readonly #init: WindowInit;
  #waiting: Waiting[] = [];
  #count = 0;
  #bytes = 0;

  constructor(init: WindowInit) {
    this.#init = init;
  }

  get isIdle(): boolean {
    return this.#count === 0 && this.#waiting.length === 0;
  }

  /** Whether there is room at once, which is taken then. */
  tryEnter(bytes: number): boolean {
    if (this.#waiting.length > 0 || !this.#fits(bytes)) return false;
    this.#take(bytes);
    return true;
  }

  /** Resolves when there is room, which is taken. Throws `overloaded`, or the signal's reason. */
  async enter(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.tryEnter(bytes)) return;
    if (this.#waiting.length >= this.#init.waitingMax) {
      throw new CodedError('overloaded', 'too many requests wait for this replica; try again');
    }
    await new Promise<void>((resolve, reject) => {
      const waiting: Waiting = {
        bytes,
        enter: () => {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      const leave = (): void => {
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(waiting);
    });
  }

  leave(bytes: number): void {
    this.#count -= 1;
    this.#bytes -= bytes;
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#take(next.bytes);
      next.enter();
    }
  }

  #fits(bytes: number): boolean {
    const { max, maxBytes } = this.#init;
    return this.#count === 0 || (this.#count < max && this.#bytes + bytes <= maxBytes);
  }

  #take(bytes: number): void {
    this.#count += 1;
    this.#bytes += bytes;
  }
}
