import { setImmediate } from 'node:timers/promises';
import { RE2JS, RE2JSSyntaxException } from 're2js';
import type { TimerClock } from '../../../protocols/common/clock.ts';
import { GatewayError } from '../../core/errors.ts';
import { PATTERN_MAX_LENGTH, PATTERN_MAX_STEPS, SCAN_MATCH_MAX_MS, SCAN_TURN_MS } from '../../core/limits.ts';

/** Counted repetitions, and whether what they repeat may be more than a character; `\x{41}` and what else is escaped are none. */
const COUNTS = /\\x\{|(\)|\\E)?\{(\d+)(?:,(\d*))?\}|\\./gsu;

/**
 * Keeps the keys that a client's regular expression matches, in RE2's syntax: the one of Go, in which DeBros' gateways are written.
 * RE2 needs time in proportion to the key; JavaScript's expressions can need time that grows exponentially with it.
 */
export class KeyFilter {
  readonly #clock: Pick<TimerClock, 'monotonicNow'>;
  readonly #expression: RE2JS;
  #usedMs = 0;
  #usedBeforeTurnMs = 0;

  /** Throws `bad_pattern`. */
  constructor(components: { readonly clock: Pick<TimerClock, 'monotonicNow'> }, source: string) {
    this.#clock = components.clock;
    this.#expression = compile(source);
  }

  /** Whether any part of `key` matches. Other clients get their turn between keys. Throws `too_large` when the scan's time is used up. */
  async takes(key: string): Promise<boolean> {
    const startedAt = this.#clock.monotonicNow();
    const isTaken = this.#expression.test(key);
    this.#usedMs += this.#clock.monotonicNow() - startedAt;
    if (this.#usedMs > SCAN_MATCH_MAX_MS) {
      throw new GatewayError('too_large', 'the scan takes too long: use a simpler expression');
    }
    if (this.#usedMs - this.#usedBeforeTurnMs >= SCAN_TURN_MS) {
      this.#usedBeforeTurnMs = this.#usedMs;
      await setImmediate();
    }
    return isTaken;
  }
}

function compile(source: string): RE2JS {
  if (source.length > PATTERN_MAX_LENGTH) throw bad(`must have at most ${PATTERN_MAX_LENGTH} characters`);
  if (expandedLength(source) > PATTERN_MAX_STEPS) throw bad('is too large: it repeats too much');
  try {
    return RE2JS.compile(source);
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) throw bad(`cannot be read: ${error.getDescription()}`);
    throw error;
  }
}

/**
 * How long the expression is with its counted repetitions written out, or longer: compiling writes them out, so the bound comes
 * first. Groups are taken to be all within each other.
 */
export function expandedLength(source: string): number {
  let { length } = source;
  let times = 1;
  for (const [, group, least, most] of source.matchAll(COUNTS)) {
    const count = Math.max(1, Number(least ?? 1), Number(most ?? 1));
    if (group === undefined) length += count;
    else times *= count;
  }
  return length * times;
}

function bad(what: string): GatewayError {
  return new GatewayError('bad_pattern', `the regular expression ${what}`);
}
