import { CodedError } from './errors.ts';

export interface ConcurrencyLimitInit {
  /** Slots that may be held at a time. Unbounded where only those of a key are limited. */
  readonly max?: number;
  /** Slots of one key among them, so that one peer or tenant cannot take them all. */
  readonly maxPerKey?: number;
  /** Weight of all held slots together. A slot that is held alone may weigh more. */
  readonly maxWeight?: number;
  /** Requests that may wait for a slot; none unless it is given. */
  readonly queueMax?: number;
  /** Requests of one key among them. */
  readonly queueMaxPerKey?: number;
}

export interface AcquireOptions {
  readonly weight?: number;
  /** Ends the wait. A timeout comes this way, too: `clock.timeoutSignal(ms)`. */
  readonly signal?: AbortSignal;
  /** It gave up its slot so that others get theirs: it may wait again even where the queue is full. */
  readonly gaveWay?: boolean;
}

/** Gives the slot back. A second call does nothing. */
export type Release = () => void;

interface Waiter {
  readonly weight: number;
  readonly admit: () => void;
}

/**
 * Bounds what is under way together, in number and weight, over all keys and for each of them. A free slot goes to the key that holds
 * the fewest among those that wait, to each in turn where several hold as few, and within a key to the request that waits
 * longest. A key that has reached its own limit holds up no other. A request that is too heavy for what is left
 * is not overtaken.
 *
 * The number of keys needs no bound: the limit forgets a key that neither holds a slot nor waits for one.
 */
export class ConcurrencyLimit {
  readonly #max: number;
  readonly #maxPerKey: number;
  readonly #maxWeight: number;
  readonly #queueMax: number;
  readonly #queueMaxPerKey: number;
  readonly #held = new Map<string, number>();
  readonly #queues = new Map<string, Set<Waiter>>();
  #size = 0;
  #weight = 0;
  #waiting = 0;

  constructor(init: ConcurrencyLimitInit) {
    this.#max = init.max ?? Infinity;
    this.#maxPerKey = init.maxPerKey ?? Infinity;
    this.#maxWeight = init.maxWeight ?? Infinity;
    this.#queueMax = init.queueMax ?? 0;
    this.#queueMaxPerKey = init.queueMaxPerKey ?? Infinity;
  }

  /** Slots that are held. */
  get size(): number {
    return this.#size;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get isIdle(): boolean {
    return this.#size === 0 && this.#waiting === 0;
  }

  /** A slot where there is one at once; otherwise null. */
  tryAcquire(key = '', weight = 1): Release | null {
    if (!this.#hasRoom(key) || !this.#fits(weight)) return null;
    if (this.#waiting > 0 && this.#next() !== null) return null;
    return this.#take(key, weight);
  }

  /** A slot, now or once one is free. Rejects with `overloaded` where the queue is full, or with the signal's reason. */
  acquire(key = '', { weight = 1, signal, gaveWay = false }: AcquireOptions = {}): Promise<Release> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const release = this.tryAcquire(key, weight);
    if (release !== null) return Promise.resolve(release);
    const queue = this.#queues.get(key) ?? new Set();
    const isFull = this.#waiting >= this.#queueMax || queue.size >= this.#queueMaxPerKey;
    if (isFull && !gaveWay) {
      return Promise.reject(new CodedError('overloaded', 'too many requests wait already; try again'));
    }
    this.#queues.set(key, queue);
    return this.#enqueue(key, queue, weight, signal);
  }

  /** Whether a waiter would be admitted if a slot of `key` were released: whoever holds one for long can give way then. */
  isContended(key = ''): boolean {
    return this.#queues.has(key) || this.#next() !== null;
  }

  #enqueue(
    key: string,
    queue: Set<Waiter>,
    weight: number,
    signal: AbortSignal | undefined,
  ): Promise<Release> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        signal?.removeEventListener('abort', abort);
        queue.delete(waiter);
        this.#waiting -= 1;
        if (queue.size === 0) this.#queues.delete(key);
      };
      const abort = (): void => {
        leave();
        reject(signal?.reason);
        // it may have been the heavy one in front
        this.#admit();
      };
      const waiter: Waiter = {
        weight,
        admit: () => {
          // behind the other keys
          this.#queues.delete(key);
          this.#queues.set(key, queue);
          leave();
          resolve(this.#take(key, weight));
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      queue.add(waiter);
      this.#waiting += 1;
    });
  }

  #take(key: string, weight: number): Release {
    this.#size += 1;
    this.#weight += weight;
    this.#held.set(key, this.#heldBy(key) + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#size -= 1;
      this.#weight -= weight;
      const left = this.#heldBy(key) - 1;
      if (left === 0) this.#held.delete(key);
      else this.#held.set(key, left);
      if (this.#waiting > 0) this.#admit();
    };
  }

  #admit(): void {
    while (this.#size < this.#max) {
      const next = this.#next();
      if (next === null || !this.#fits(next.weight)) return;
      next.admit();
    }
  }

  /** The first waiter of the key that holds the fewest slots, where that key may hold one more. */
  #next(): Waiter | null {
    let least = this.#maxPerKey;
    let found: Set<Waiter> | null = null;
    for (const [key, queue] of this.#queues) {
      const held = this.#heldBy(key);
      if (held >= least) continue;
      least = held;
      found = queue;
    }
    return found?.values().next().value ?? null;
  }

  #hasRoom(key: string): boolean {
    return this.#size < this.#max && this.#heldBy(key) < this.#maxPerKey;
  }

  #fits(weight: number): boolean {
    return this.#size === 0 || this.#weight + weight <= this.#maxWeight;
  }

  #heldBy(key: string): number {
    return this.#held.get(key) ?? 0;
  }
}
