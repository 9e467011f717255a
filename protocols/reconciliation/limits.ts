import type { Limit } from '../common/limits.ts';
import { BUCKETS, COMPARED_MAX, MESSAGE_MAX_BYTES } from './constants.ts';

/** The limits of reconciliation: what one message may cost whoever takes it. */
export const RECONCILIATION_LIMITS: readonly Limit[] = [
  limit('reconciliation.messageBytes', MESSAGE_MAX_BYTES, 'bytes', 'one message is worked at as a whole'),
  limit('reconciliation.buckets', BUCKETS, 'count', 'parts that a range is split into'),
  limit('reconciliation.compared', COMPARED_MAX, 'count', 'own items held against lists in one turn'),
];

function limit(name: string, value: number, unit: Limit['unit'], reason: string): Limit {
  return { name, value, unit, reason };
}
