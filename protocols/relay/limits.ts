import type { Limit } from '../common/limits.ts';
import { NAMESPACE_MAX_BYTES, OWNER_MAX_BYTES, TOPIC_MAX_BYTES } from '../common/names.ts';
import {
  CHAIN_MAX_BYTES,
  CHAIN_MAX_LINKS,
  CLOCK_SKEW_MS,
  ENVELOPE_MAX_BYTES,
  ENVELOPE_MAX_MESSAGES,
  EXT_MAX_BYTES,
  MESSAGE_MAX_BYTES,
} from './constants.ts';

/** The limits of the relay protocol: the same at every node of a swarm. */
export const RELAY_LIMITS: readonly Limit[] = [
  limit('relay.envelopeBytes', ENVELOPE_MAX_BYTES, 'bytes', 'gossip copies an envelope D times at each hop'),
  limit('relay.messageBytes', MESSAGE_MAX_BYTES, 'bytes', 'what an envelope holds beside its other fields'),
  limit(
    'relay.envelopeMessages',
    ENVELOPE_MAX_MESSAGES,
    'messages',
    'bounds the work one signature can cause',
  ),
  limit('relay.topicBytes', TOPIC_MAX_BYTES, 'bytes', 'a topic is repeated in every envelope'),
  limit('relay.namespaceBytes', NAMESPACE_MAX_BYTES, 'bytes', 'a namespace is repeated in every envelope'),
  limit('relay.ownerBytes', OWNER_MAX_BYTES, 'bytes', 'longer than any DID that can own a namespace'),
  limit('relay.clockSkew', CLOCK_SKEW_MS, 'milliseconds', 'bounds how long an envelope can be replayed'),
  limit('relay.chainLinks', CHAIN_MAX_LINKS, 'count', 'every link is a signature to verify'),
  limit('relay.chainBytes', CHAIN_MAX_BYTES, 'bytes', 'leaves a full message its room'),
  limit('relay.extBytes', EXT_MAX_BYTES, 'bytes', 'room for fields to come'),
];

function limit(name: string, value: number, unit: Limit['unit'], reason: string): Limit {
  return { name, value, unit, reason };
}
