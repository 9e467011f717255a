import type { Limit } from '../common/limits.ts';
import {
  ANSWER_MAX_BYTES,
  HOLDER_SPONSORSHIPS_MAX,
  NOTICES_MAX,
  NOTICES_MAX_BYTES,
  OPERATOR_SPONSORSHIPS_MAX,
  POLICIES_MAX,
  POLICY_MAX_BYTES,
  PRINCIPAL_MAX_BYTES,
  PUBLIC_TOPICS_MAX,
  QUESTIONS_BURST,
  QUESTIONS_PER_SECOND,
  REVOCATION_MAX_BYTES,
  REVOCATIONS_MAX,
  RULE_DIDS_MAX,
  SPONSORSHIP_MAX_BYTES,
  SPONSORSHIPS_MAX,
  SPONSORSHIPS_MAX_BYTES,
  VERIFIED_PER_SECOND,
} from './constants.ts';

/** The limits of notices: the same at every node of a swarm. */
export const NAMESPACES_LIMITS: readonly Limit[] = [
  limit('namespaces.policyBytes', POLICY_MAX_BYTES, 'bytes', 'every field at its largest'),
  limit('namespaces.revocationBytes', REVOCATION_MAX_BYTES, 'bytes', 'a full chain, and a little'),
  limit('namespaces.sponsorshipBytes', SPONSORSHIP_MAX_BYTES, 'bytes', 'two full chains, and a little'),
  limit('namespaces.ruleDids', RULE_DIDS_MAX, 'count', 'DIDs that one rule of a policy names'),
  limit('namespaces.publicTopics', PUBLIC_TOPICS_MAX, 'count', 'prefixes of topics that anybody reads'),
  limit('namespaces.policies', POLICIES_MAX, 'count', 'of one namespace: a newcomer verifies all of them'),
  limit('namespaces.revocations', REVOCATIONS_MAX, 'count', 'in one name'),
  limit('namespaces.principalBytes', PRINCIPAL_MAX_BYTES, 'bytes', 'policies and revocations of one owner'),
  limit('namespaces.notices', NOTICES_MAX, 'count', 'policies and revocations that a node keeps'),
  limit('namespaces.noticesBytes', NOTICES_MAX_BYTES, 'bytes', 'the same; an old one is never dropped'),
  limit('namespaces.sponsorships', SPONSORSHIPS_MAX, 'count', 'that a node keeps'),
  limit(
    'namespaces.sponsorshipsBytes',
    SPONSORSHIPS_MAX_BYTES,
    'bytes',
    'the same, apart from other notices',
  ),
  limit(
    'namespaces.operatorSponsorships',
    OPERATOR_SPONSORSHIPS_MAX,
    'count',
    'of one operator: one does not fill a node',
  ),
  limit(
    'namespaces.holderSponsorships',
    HOLDER_SPONSORSHIPS_MAX,
    'count',
    'of one holder by one operator: one holder does not use up its operator',
  ),
  limit('namespaces.answerBytes', ANSWER_MAX_BYTES, 'bytes', 'one answer to a peer that asks for notices'),
  limit('namespaces.questionsPerSecond', QUESTIONS_PER_SECOND, 'per second', 'that one peer is answered'),
  limit('namespaces.questionsBurst', QUESTIONS_BURST, 'count', 'the same at once'),
  limit(
    'namespaces.verifiedPerSecond',
    VERIFIED_PER_SECOND,
    'per second',
    'notices pushed by one peer whose chains are verified',
  ),
];

function limit(name: string, value: number, unit: Limit['unit'], reason: string): Limit {
  return { name, value, unit, reason };
}
