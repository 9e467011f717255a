/**
 * Namespaces: policies, revocations and sponsorships, the notices that every node keeps and verifies for itself. SPEC.md has the bytes.
 *
 * The making and asking side is `client.ts`, the receiving one `server.ts`, the answering one `question-server.ts`. Where notices
 * are kept is the node's matter; what a chain shows is that of protocols/identity, and injected.
 */
export {
  type Ask,
  CLOSED_RULES,
  type CollectOptions,
  collectHistory,
  collectNotices,
  NoticeMaker,
} from './client.ts';
export {
  decodeNotice,
  decodePolicy,
  encodePolicy,
  encodePolicyBody,
  encodeRevocation,
  encodeRevocationBody,
  encodeSponsorship,
  encodeSponsorshipBody,
  policySigningBytes,
  revocationSigningBytes,
  sponsorshipSigningBytes,
} from './codec.ts';
export * from './constants.ts';
export { NAMESPACES_LIMITS } from './constants.ts';
export { NAMESPACES_ERRORS, NamespacesError, type NamespacesErrorCode } from './errors.ts';
export {
  decodeLogAnswer,
  decodeNoticesAnswer,
  decodeQuestion,
  encodeLogAnswer,
  encodeNoticesAnswer,
  encodeQuestion,
  type LogAnswer,
  type LogPosition,
  type NoticesAnswer,
  type Question,
} from './frames.ts';
export { createNamespacesMetrics, type NamespacesMetrics } from './metrics.ts';
export {
  actsOf,
  type NamespaceName,
  type NoticeAct,
  type NoticeAuthority,
  type Policy,
  type PolicyRules,
  type Revocation,
  type RevocationTarget,
  type Rule,
  type SignedNotice,
  type SignedPolicy,
  type SignedRevocation,
  type SignedSponsorship,
  type Sponsorship,
  type SponsorshipPlace,
  sponsorshipKey,
  targetKey,
} from './notice.ts';
export { type NoticeLog, QuestionServer, type QuestionServerComponents } from './question-server.ts';
export {
  type HeldNotices,
  NoticeAdmission,
  type NoticeAdmissionComponents,
  type NoticeOrigin,
  type VerifyNotice,
} from './server.ts';
export { type PolicyHead, type SponsorshipHead, supersedes } from './validate.ts';
