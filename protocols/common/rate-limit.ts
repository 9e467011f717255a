import type { Clock } from './clock.ts';

/** Peers whose rates a node remembers, connected or not: some 200 bytes each, and more than it meets in minutes. */
export const RATED_PEERS_MAX = 10_000;

/** A token bucket that can be overdrawn. */
export interface Rate {
  /** Cost that may be spent each second. */
  readonly perSecond: number;
  /** The most that can be saved up: how large a burst may be. */
  readonly burst: number;
  /** The most that can be owed: how long somebody is over the rate after it stopped. */
  readonly debtMax: number;
}

export interface RateLimitInit extends Rate {
  /** Keys that are remembered. The least recently used one is forgotten first, which forgives it. */
  readonly maxKeys: number;
  /** The rate of all keys together; unbounded unless it is given. */
  readonly total?: Rate;
}

interface Account {
  balance: number;
  at: number;
}

/**
 * Meters what each key spends, and all of them together, in token buckets that can be overdrawn: a key that goes on over its rate
 * stays over it between two bursts, too.
 */
export class RateLimit {
  readonly #clock: Clock;
  readonly #init: RateLimitInit;
  readonly #accounts = new Map<string, Account>();
  readonly #total: Account;

  constructor(components: { readonly clock: Clock }, init: RateLimitInit) {
    this.#clock = components.clock;
    this.#init = init;
    this.#total = { balance: init.total?.burst ?? 0, at: components.clock.now() };
  }

  /**
   * Charges `key` with `cost`, granted or not. How long the key must wait before it tries again, in milliseconds; 0 where it had room
   * for this. All together are charged only with what is granted, so that nobody is refused for what others were refused.
   */
  take(key: string, cost = 1): number {
    const account = this.#settled(key);
    spend(account, this.#init, cost);
    if (account.balance < 0) return waitMs(account, this.#init, cost);
    const { total } = this.#init;
    if (total === undefined) return 0;
    this.#settle(this.#total, total);
    if (this.#total.balance < 0) return waitMs(this.#total, total, cost);
    spend(this.#total, total, cost);
    return 0;
  }

  /** Charges `key` with `cost`, and asks nothing. */
  charge(key: string, cost = 1): void {
    spend(this.#settled(key), this.#init, cost);
  }

  /** Whether `key` owes: it has spent all its burst and more than its rate since. */
  isExceeded(key: string): boolean {
    return this.#accounts.has(key) && this.#settled(key).balance < 0;
  }

  /** How long `key` must spend nothing until it can be charged with `cost` and not owe, in milliseconds. */
  retryAfterMs(key: string, cost = 1): number {
    return this.#accounts.has(key) ? waitMs(this.#settled(key), this.#init, cost) : 0;
  }

  #settled(key: string): Account {
    const { burst, maxKeys } = this.#init;
    const account = this.#accounts.get(key) ?? { balance: burst, at: this.#clock.now() };
    this.#settle(account, this.#init);
    this.#accounts.delete(key);
    this.#accounts.set(key, account);
    if (this.#accounts.size > maxKeys) {
      const oldest = this.#accounts.keys().next().value;
      if (oldest !== undefined) this.#accounts.delete(oldest);
    }
    return account;
  }

  /** Adds what was earned since the account was looked at last. A clock that goes back gives nothing and takes nothing. */
  #settle(account: Account, { perSecond, burst }: Rate): void {
    const now = this.#clock.now();
    const earned = (Math.max(0, now - account.at) / 1000) * perSecond;
    account.balance = Math.min(burst, account.balance + earned);
    account.at = now;
  }
}

function spend(account: Account, { debtMax }: Rate, cost: number): void {
  account.balance = Math.max(-debtMax, account.balance - cost);
}

function waitMs({ balance }: Account, { perSecond }: Rate, cost: number): number {
  return Math.max(0, Math.ceil(((cost - balance) / perSecond) * 1000));
}
