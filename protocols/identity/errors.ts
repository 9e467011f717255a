import { type Fault, refusalBy } from '../common/refusal.ts';

/** Every reason for which a chain is not taken, and whose fault it is. */
export const IDENTITY_ERRORS = {
  chain_too_large: 'sender',
  chain_malformed: 'sender',
  chain_field: 'sender',
  chain_not_canonical: 'sender',
  chain_contract_wallet: 'sender',
  chain_swarm: 'sender',
  chain_broken: 'sender',
  chain_cycle: 'sender',
  chain_widened: 'sender',
  chain_signature: 'sender',
  chain_not_in_force: 'sender',
  chain_not_granted: 'sender',
  chain_version: 'context',
  overloaded: 'context',
} as const satisfies Record<string, Fault>;

export type IdentityErrorCode = keyof typeof IDENTITY_ERRORS;

export class IdentityError extends refusalBy(IDENTITY_ERRORS) {}
