import type { Clock } from '../../../protocols/common/clock.ts';
import { GatewayError } from '../../core/errors.ts';
import { IDEMPOTENCY_KEY_MAX_LENGTH } from '../../core/limits.ts';

const KEY_PATTERN = new RegExp(`^[\\x21-\\x7e]{1,${IDEMPOTENCY_KEY_MAX_LENGTH}}$`);

interface Entry<T> {
  readonly scope: string;
  readonly fingerprint: string;
  readonly until: number;
  readonly outcome: Promise<T>;
}

export interface IdempotencyInit {
  readonly windowMs: number;
  readonly maxKeys: number;
  /** Limit per scope: no scope may use all the capacity. The operator's own, whose scope has no name, may. */
  readonly maxKeysPerScope: number;
}

/** Remembers what requests with an Idempotency-Key came to, so that a retry gets the same and does nothing. */
export class IdempotencyKeys<T> {
  readonly #clock: Clock;
  readonly #init: IdempotencyInit;
  /** In the order they run out, since all live equally long. */
  readonly #entries = new Map<string, Entry<T>>();
  /** Entries of each scope that has any. */
  readonly #counts = new Map<string, number>();

  constructor(components: { clock: Clock }, init: IdempotencyInit) {
    this.#clock = components.clock;
    this.#init = init;
  }

  /**
   * The result of `act`, or of an earlier request with this key in the same `scope`; while that one is still under way, its
   * outcome. A failure is forgotten, so that the next try is a new one. Throws `bad_idempotency_key`, `idempotency_conflict` for
   * another fingerprint, `overloaded` when no more keys can be remembered.
   */
  async once(said: string, fingerprint: string, act: () => Promise<T>, scope = ''): Promise<T> {
    if (!KEY_PATTERN.test(said)) {
      throw new GatewayError(
        'bad_idempotency_key',
        'Idempotency-Key must be 1 to 128 visible ASCII characters',
      );
    }
    this.#expire();
    const key = `${scope} ${said}`;
    const known = this.#entries.get(key);
    if (known !== undefined) {
      if (known.fingerprint === fingerprint) return known.outcome;
      throw new GatewayError('idempotency_conflict', 'this Idempotency-Key was used for another request');
    }
    const { windowMs, maxKeys, maxKeysPerScope } = this.#init;
    const count = this.#counts.get(scope) ?? 0;
    if (this.#entries.size >= maxKeys || (scope !== '' && count >= maxKeysPerScope)) {
      // forgetting one early would break what its client was promised
      throw new GatewayError('overloaded', 'no more Idempotency-Keys can be remembered now');
    }
    const entry = { scope, fingerprint, until: this.#clock.now() + windowMs, outcome: act() };
    this.#entries.set(key, entry);
    this.#counts.set(scope, count + 1);
    try {
      return await entry.outcome;
    } catch (error) {
      if (this.#entries.get(key) === entry) this.#forget(key, entry);
      throw error;
    }
  }

  #forget(key: string, { scope }: Entry<T>): void {
    this.#entries.delete(key);
    const left = (this.#counts.get(scope) ?? 0) - 1;
    if (left > 0) this.#counts.set(scope, left);
    else this.#counts.delete(scope);
  }

  #expire(): void {
    const now = this.#clock.now();
    for (const [key, entry] of this.#entries) {
      if (entry.until > now) return;
      this.#forget(key, entry);
    }
  }
}
