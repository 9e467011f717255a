/**
 * Range-based set reconciliation: the message format of Negentropy, version 1. SPEC.md has the bytes.
 *
 * Everything here is pure: callers decide what the items are, which peers talk and how messages travel.
 */
export { Initiator, type InitiatorComponents, type InitiatorInit, type Step } from './client.ts';
export { decodeMessage, encodeVarint, MODE_FINGERPRINT, MODE_IDS, MODE_SKIP, type Range } from './codec.ts';
export * from './constants.ts';
export { RECONCILIATION_ERRORS, ReconciliationError, type ReconciliationErrorCode } from './errors.ts';
export { type Bound, boundBetween, compareBounds, END, type Item, START } from './item.ts';
export { createReconciliationMetrics, type ReconciliationMetrics } from './metrics.ts';
export { OrderedSet, type ReconcileSet } from './ordered-set.ts';
export { type ResponderComponents, type ResponderInit, respond } from './server.ts';
export type { Differences } from './turn.ts';
