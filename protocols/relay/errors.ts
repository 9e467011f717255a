import { CodedError } from '../common/errors.ts';

/**
 * `fault` says whose it is: `sender` faults need no context to be seen (bytes, size, signature), so they are
 * rejected and cost score; `context` ones (clock, policy, load, an unknown version) honest peers forward too,
 * so they are ignored.
 */
export type Fault = 'sender' | 'context';

/** Every reason for which an envelope is not taken, and whose fault it is. */
export const RELAY_ERRORS = {
  envelope_too_large: 'sender',
  envelope_malformed: 'sender',
  envelope_not_canonical: 'sender',
  envelope_field: 'sender',
  envelope_signature: 'sender',
  envelope_shard: 'sender',
  envelope_version: 'context',
  envelope_clock: 'context',
  envelope_expired: 'context',
  envelope_duplicate: 'context',
  envelope_unauthorised: 'context',
  overloaded: 'context',
} as const satisfies Record<string, Fault>;

export type RelayErrorCode = keyof typeof RELAY_ERRORS;

export class RelayError extends CodedError {
  declare readonly code: RelayErrorCode;
  /**
   * Whether an honest peer may well have forwarded it: it was good there a moment ago, or it is this node that
   * has no room. Nobody is charged for it.
   */
  readonly isExcusable: boolean;

  constructor(code: RelayErrorCode, message: string, isExcusable = false) {
    super(code, message);
    this.isExcusable = isExcusable;
  }

  get fault(): Fault {
    return RELAY_ERRORS[this.code];
  }
}
