import type { Clock } from './clock.ts';

export interface RateLimitInit {
  /** What a key may spend each second. */
  readonly perSecond: number;
  /** The most a key can have saved up: how large a burst may be. */
  readonly burst: number;
  /** The most a key can owe: how long it is over its rate after it stopped. */
  readonly debtMax: number;
  /** How many keys are remembered; the least recently used one is forgotten first, which forgives it. */
  readonly maxKeys: number;
}

interface Account {
  balance: number;
  at: number;
}

/**
 * Meters what keys spend, as a token bucket that can be overdrawn: a key that goes on over its rate stays over
 * it between two bursts, too. Bounded in keys.
 */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #init: RateLimitInit;
  readonly #accounts = new Map<string, Account>();

  constructor(components: { clock: Clock }, init: RateLimitInit) {
    this.#clock = components.clock;
    this.#init = init;
  }

  /** Charges `key` with `cost`. */
  charge(key: string, cost = 1): void {
    const account = this.#settled(key);
    account.balance = Math.max(-this.#init.debtMax, account.balance - cost);
  }

  /** Whether `key` owes: it has spent all its burst and more than its rate since. */
  isExceeded(key: string): boolean {
    return this.#accounts.has(key) && this.#settled(key).balance < 0;
  }

  /** How long `key` must spend nothing until it can be charged with `cost` and not owe, in milliseconds. */
  waitMs(key: string, cost = 1): number {
    if (!this.#accounts.has(key)) return 0;
    const missing = cost - this.#settled(key).balance;
    return Math.max(0, Math.ceil((missing / this.#init.perSecond) * 1000));
  }

  #settled(key: string): Account {
    const { perSecond, burst, maxKeys } = this.#init;
    const now = this.#clock.now();
    const account = this.#accounts.get(key) ?? { balance: burst, at: now };
    const earned = (Math.max(0, now - account.at) / 1000) * perSecond;
    account.balance = Math.min(burst, account.balance + earned);
    account.at = now;
    this.#accounts.delete(key);
    this.#accounts.set(key, account);
    if (this.#accounts.size > maxKeys) {
      const oldest = this.#accounts.keys().next().value;
      if (oldest !== undefined) this.#accounts.delete(oldest);
    }
    return account;
  }
}
