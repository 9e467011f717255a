import { type Fault, refusalBy } from '../common/refusal.ts';

/** Every reason for which a notice or a frame is not taken, and whose fault it is. */
export const NAMESPACES_ERRORS = {
  notice_too_large: 'sender',
  notice_malformed: 'sender',
  notice_not_canonical: 'sender',
  notice_field: 'sender',
  notice_signature: 'sender',
  /** The chain does not show that the author may act for `as`. */
  notice_chain: 'sender',
  /** It names its predecessor, and was not made in the name of who held the namespace then. */
  policy_holder: 'sender',
  /** It names its predecessor, and claims to be from before it. */
  policy_time: 'sender',
  notice_version: 'context',
  notice_kind: 'context',
  notice_clock: 'context',
  notice_known: 'context',
  /** The author may not act for `as` as far as this node knows: something was revoked. */
  notice_unauthorised: 'context',
  notice_room: 'context',
  /** A sponsorship as late as this one, or later, is known in its place. */
  notice_superseded: 'context',
  /** Another policy is known in its place: the first one holds. */
  policy_conflict: 'context',
  /** Its predecessor is not known. */
  policy_early: 'context',
  overloaded: 'context',
  frame_malformed: 'sender',
  frame_version: 'context',
} as const satisfies Record<string, Fault>;

export type NamespacesErrorCode = keyof typeof NAMESPACES_ERRORS;

export class NamespacesError extends refusalBy(NAMESPACES_ERRORS) {}
