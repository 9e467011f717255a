import type { Limit } from '../common/limits.ts';
import {
  ADDRESSES_MAX,
  INVITE_MAX_BYTES,
  MEMBER_NAME_MAX_LENGTH,
  REQUEST_MAX_BYTES,
  REQUESTS_BURST,
  REQUESTS_PER_SECOND,
} from './constants.ts';

/** The limits of joining: the same at every node of a swarm. */
export const JOIN_LIMITS: readonly Limit[] = [
  limit('join.inviteBytes', INVITE_MAX_BYTES, 'bytes', 'an invite with every field at its largest'),
  limit('join.requestBytes', REQUEST_MAX_BYTES, 'bytes', 'a request to renew holds a chain'),
  limit('join.addresses', ADDRESSES_MAX, 'count', 'addresses in an invite or an answer'),
  limit('join.nameLength', MEMBER_NAME_MAX_LENGTH, 'count', 'characters of a member’s name: a host name'),
  limit(
    'join.requestsPerSecond',
    REQUESTS_PER_SECOND,
    'per second',
    'requests of one peer, over longer times',
  ),
  limit(
    'join.requestsBurst',
    REQUESTS_BURST,
    'count',
    'requests of one peer at once: a user who tries again',
  ),
];

function limit(name: string, value: number, unit: Limit['unit'], reason: string): Limit {
  return { name, value, unit, reason };
}
