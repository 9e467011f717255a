/**
 * Joining: an invite as one string, how it is redeemed, and how what it granted is renewed. SPEC.md has the bytes.
 *
 * The joining side is `client.ts`, the issuing one `server.ts`. The node defines the grants (delegations) and stores the invites.
 */
export { type AskIssuer, type JoinGrant, redeem, renew } from './client.ts';
export {
  decodeAnswer,
  decodeInvite,
  decodeRequest,
  encodeAnswer,
  encodeInvite,
  encodeRequest,
  formatInvite,
  hashSecret,
  parseInvite,
} from './codec.ts';
export * from './constants.ts';
export { JOIN_LIMITS } from './constants.ts';
export {
  isJoinRefusal,
  JOIN_ERRORS,
  JOIN_REFUSALS,
  JoinError,
  type JoinErrorCode,
  type JoinRefusal,
} from './errors.ts';
export type { EntryPoint, Invite, JoinAnswer, JoinRequest } from './invite.ts';
export { createJoinMetrics, type JoinMetrics } from './metrics.ts';
export { type HeldInvite, JoinServer, type JoinServerComponents } from './server.ts';
export { JoinChecks, memberName } from './validate.ts';
