import { type Fault, refusalBy } from '../common/refusal.ts';

/** Every reason for which a message is not taken, and whose fault it is. */
export const RECONCILIATION_ERRORS = {
  message_too_large: 'sender',
  message_malformed: 'sender',
  message_version: 'context',
} as const satisfies Record<string, Fault>;

export type ReconciliationErrorCode = keyof typeof RECONCILIATION_ERRORS;

export class ReconciliationError extends refusalBy(RECONCILIATION_ERRORS) {}
