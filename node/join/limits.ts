import { type Limit, limitsIn } from '../../protocols/common/limits.ts';
import {
  ANSWER_MAX_BYTES,
  JOIN_PROTOCOL,
  REQUEST_MAX_BYTES,
  REQUEST_TIMEOUT_MS,
} from '../../protocols/join/constants.ts';
import type { QuestionsInit } from '../transport/questions.ts';

const published: Limit[] = [];
const limit = limitsIn(published);

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export const OPEN_INVITES_MAX = limit(
  'join.openInvites',
  32,
  'count',
  'invites that can be used: each is a secret that somebody carries about',
);
export const MEMBERS_MAX = limit(
  'join.members',
  512,
  'count',
  'machines of one owner that are listed, revoked ones included; the file is written as a whole at each change',
);
/** How long an invite can be used unless said, and at most. */
export const INVITE_LIFETIME_MS = HOUR_MS;
export const INVITE_LIFETIME_MAX_MS = limit(
  'join.inviteLifetimeMax',
  30 * DAY_MS,
  'milliseconds',
  'an invite is a secret in transit',
);
export const INVITE_LIFETIME_MIN_MS = MINUTE_MS;

export const DELEGATION_LIFETIME_MS = limit(
  'join.delegationLifetime',
  90 * DAY_MS,
  'milliseconds',
  'how long a delegation to an invited machine lasts: a machine may be off for two months and need no new invite',
);
/** Remaining lifetime when it is renewed. */
export const RENEWAL_LEFT_MS = limit(
  'join.renewalLeft',
  60 * DAY_MS,
  'milliseconds',
  'what is left of a delegation when it is renewed',
);
/** Remaining lifetime when the node is reported as not ready: somebody has to act. */
export const RENEWAL_ALARM_MS = 7 * DAY_MS;
/** Between two attempts to renew, since a node that has just started has no peer yet: doubled after each failure, up to the second. */
export const RENEWAL_RETRY_MS = 5 * SECOND_MS;
export const RENEWAL_RETRY_MAX_MS = 6 * HOUR_MS;
/** How often it is looked whether a renewal is due: a clock may jump. */
export const RENEWAL_CHECK_MS = 5 * SECOND_MS;
/** Connected peers that are asked to renew, beside the issuer. */
export const RENEWAL_PEERS_MAX = 8;
/** How long connecting to the issuer may take. */
export const ISSUER_DIAL_TIMEOUT_MS = 20 * SECOND_MS;

/** How requests to join are carried. */
export const JOIN_QUESTIONS: QuestionsInit = {
  protocol: JOIN_PROTOCOL,
  questionMaxBytes: REQUEST_MAX_BYTES,
  answerMaxBytes: ANSWER_MAX_BYTES,
  timeoutMs: REQUEST_TIMEOUT_MS,
  // each that is granted syncs the disk: more would wait for that anyway
  answersAtOnce: 16,
  streamsPerConnection: 2,
};

/** For the info document. */
export const MEMBERS_LIMITS: readonly Limit[] = published;

/** Relations between the limits, asserted where they are defined so that a change cannot break them. */
function assertRelation(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`membership limits: ${relation}`);
}
assertRelation(RENEWAL_LEFT_MS < DELEGATION_LIFETIME_MS, 'a new delegation is not due for renewal');
assertRelation(RENEWAL_ALARM_MS < RENEWAL_LEFT_MS, 'it is tried for weeks before anybody is alarmed');
assertRelation(RENEWAL_RETRY_MAX_MS * 4 < RENEWAL_ALARM_MS, 'it is tried often before anybody is alarmed');
