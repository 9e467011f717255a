import type { Clock } from './clock.ts';

export interface RateLimitInit {
  /** Tokens a key gains each second. */
  readonly perSecond: number;
  /** The most tokens a key can hold: how large a burst may be. */
  readonly burst: number;
  /** How many keys are remembered; the least recently used one is forgotten first, which refills it. */
  readonly maxKeys: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** A token bucket per key, bounded in keys. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #init: RateLimitInit;
  readonly #buckets = new Map<string, Bucket>();

  constructor(components: { clock: Clock }, init: RateLimitInit) {
    this.#clock = components.clock;
    this.#init = init;
  }

  /** Takes `cost` tokens of `key`. False, and nothing taken, when it does not have them. */
  take(key: string, cost = 1): boolean {
    const bucket = this.#refilled(key);
    if (bucket.tokens < cost) return false;
    bucket.tokens -= cost;
    return true;
  }

  /** Whether `key` has spent all it had. */
  exhausted(key: string): boolean {
    return this.#buckets.has(key) && this.#refilled(key).tokens < 1;
  }

  #refilled(key: string): Bucket {
    const { perSecond, burst, maxKeys } = this.#init;
    const now = this.#clock.now();
    const known = this.#buckets.get(key);
    const bucket = known ?? { tokens: burst, at: now };
    bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > maxKeys) {
      const oldest = this.#buckets.keys().next().value;
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return bucket;
  }
}
