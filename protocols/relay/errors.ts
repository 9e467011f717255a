import { type Fault, refusalBy } from '../common/refusal.ts';

/** Every reason for which an envelope is not taken, and whose fault it is. */
export const RELAY_ERRORS = {
  envelope_too_large: 'sender',
  envelope_malformed: 'sender',
  envelope_not_canonical: 'sender',
  envelope_field: 'sender',
  envelope_signature: 'sender',
  envelope_shard: 'sender',
  envelope_chain: 'sender',
  envelope_version: 'context',
  envelope_clock: 'context',
  envelope_expired: 'context',
  envelope_duplicate: 'context',
  envelope_unauthorised: 'context',
  overloaded: 'context',
} as const satisfies Record<string, Fault>;

export type RelayErrorCode = keyof typeof RELAY_ERRORS;

export class RelayError extends refusalBy(RELAY_ERRORS) {}
