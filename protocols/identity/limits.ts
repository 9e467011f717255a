import type { Limit } from '../common/limits.ts';
import {
  CHAIN_MAX_BYTES,
  CHAIN_MAX_LINKS,
  LINK_MAX_BYTES,
  RESOURCE_MAX_LENGTH,
  RESOURCES_MAX,
  STATEMENT_MAX_LENGTH,
} from './constants.ts';

/** The limits of delegations: the same at every node of a swarm. */
export const IDENTITY_LIMITS: readonly Limit[] = [
  limit('identity.chainLinks', CHAIN_MAX_LINKS, 'count', 'every link is a signature to verify'),
  limit('identity.chainBytes', CHAIN_MAX_BYTES, 'bytes', 'a chain goes with every object it stands behind'),
  limit('identity.linkBytes', LINK_MAX_BYTES, 'bytes', 'a sign-in message with several resources'),
  limit('identity.resources', RESOURCES_MAX, 'count', 'resources that one link grants'),
  limit('identity.resourceBytes', RESOURCE_MAX_LENGTH, 'bytes', 'the longest names and a long prefix'),
  limit('identity.statementBytes', STATEMENT_MAX_LENGTH, 'bytes', 'a sentence in a sign-in message'),
];

function limit(name: string, value: number, unit: Limit['unit'], reason: string): Limit {
  return { name, value, unit, reason };
}
