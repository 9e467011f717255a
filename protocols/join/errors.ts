import { type Fault, refusalBy } from '../common/refusal.ts';

/** Every reason for which an invite or a frame is not taken, and whose fault it is. */
export const JOIN_ERRORS = {
  invite_malformed: 'sender',
  invite_version: 'context',
  frame_malformed: 'sender',
  frame_version: 'context',
  invite_unknown: 'context',
  invite_expired: 'context',
  invite_used: 'context',
  invite_revoked: 'context',
  member_revoked: 'context',
  chain_not_renewable: 'context',
  chain_refused: 'sender',
  rate_limited: 'context',
  unavailable: 'context',
} as const satisfies Record<string, Fault>;

export type JoinErrorCode = keyof typeof JOIN_ERRORS;

/** The codes with which a request is refused, and what the one who asked is told: what is wrong, and what to do. */
export const JOIN_REFUSALS = {
  invite_unknown:
    'the issuer does not know this invite, or its secret is another one: make a new one there with maillon invite',
  invite_expired: 'the invite has expired: make a new one at the issuer with maillon invite',
  invite_used: 'another key has used this invite: make a new one at the issuer with maillon invite',
  invite_revoked:
    'the issuer revoked the invite, or was restored from a backup, which ends all open invites: make a new one there with maillon invite',
  member_revoked: 'the owner revoked this key: it cannot join again; start with a new data directory',
  chain_not_renewable:
    'the delegation cannot be renewed: make a new invite at the issuer with maillon invite, and join again',
  rate_limited: 'the issuer takes no more requests for now: try again in a minute',
  unavailable: 'the issuer cannot write to its disk: see its log, and try again',
} as const satisfies Partial<Record<JoinErrorCode, string>>;

export type JoinRefusal = keyof typeof JOIN_REFUSALS;

export class JoinError extends refusalBy(JOIN_ERRORS) {}

export function isJoinRefusal(code: string): code is JoinRefusal {
  return Object.hasOwn(JOIN_REFUSALS, code);
}
