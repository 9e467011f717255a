import type { Clock } from '../../protocols/common/clock.ts';
import { GatewayError } from '../errors.ts';
import { IDEMPOTENCY_KEY_MAX_LENGTH } from '../limits.ts';

const KEY_PATTERN = new RegExp(`^[\\x21-\\x7e]{1,${IDEMPOTENCY_KEY_MAX_LENGTH}}$`);

interface Entry<T> {
  readonly fingerprint: string;
  readonly until: number;
  readonly outcome: Promise<T>;
}

/** Remembers what requests with an Idempotency-Key came to, so that a retry gets the same and does nothing. */
export class IdempotencyKeys<T> {
  readonly #clock: Clock;
  readonly #init: { readonly windowMs: number; readonly maxKeys: number };
  /** In the order they run out, since all live equally long. */
  readonly #entries = new Map<string, Entry<T>>();

  constructor(components: { clock: Clock }, init: { windowMs: number; maxKeys: number }) {
    this.#clock = components.clock;
    this.#init = init;
  }

  /**
   * What `act` comes to, or came to when a request with this key was made before in the same `scope`; while that is still under way,
   * its outcome. A failure is forgotten, so that the next try is a new one. Throws `bad_idempotency_key`,
   * `idempotency_conflict` for another fingerprint, `overloaded` when no more keys can be remembered.
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
    if (this.#entries.size >= this.#init.maxKeys) {
      // forgetting one early would break what its client was promised
      throw new GatewayError('overloaded', 'no more Idempotency-Keys can be remembered now');
    }
    const entry = { fingerprint, until: this.#clock.now() + this.#init.windowMs, outcome: act() };
    this.#entries.set(key, entry);
    try {
      return await entry.outcome;
    } catch (error) {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      throw error;
    }
  }

  #expire(): void {
    const now = this.#clock.now();
    for (const [key, entry] of this.#entries) {
      if (entry.until > now) return;
      this.#entries.delete(key);
    }
  }
}
