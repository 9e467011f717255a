import { RECONCILIATION_ERRORS, type ReconciliationErrorCode } from './errors.ts';

/** Counters of the protocol, of both sides together. True counters: they only grow. */
export interface ReconciliationMetrics {
  /** Reconciliations begun here. */
  sessions: number;
  messagesSent: number;
  messagesReceived: number;
  bytesSent: number;
  bytesReceived: number;
  /** Messages not taken, by reason. */
  readonly refused: Record<ReconciliationErrorCode, number>;
}

export function createReconciliationMetrics(): ReconciliationMetrics {
  const refused = Object.fromEntries(Object.keys(RECONCILIATION_ERRORS).map((code) => [code, 0]));
  return {
    sessions: 0,
    messagesSent: 0,
    messagesReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    refused: refused as Record<ReconciliationErrorCode, number>,
  };
}
