import { checkLimit, received } from './client.ts';
import { versionOf } from './codec.ts';
import { PROTOCOL_VERSION } from './constants.ts';
import type { ReconciliationMetrics } from './metrics.ts';
import type { ReconcileSet } from './ordered-set.ts';
import { Turn } from './turn.ts';

export interface ResponderComponents {
  readonly set: ReconcileSet;
  readonly metrics: ReconciliationMetrics;
}

export interface ResponderInit {
  /** The largest message that is read, and that is sent. */
  readonly maxBytes: number;
}

/** A list that the asking side gets ends a range at once: up to so many ids cost less than to split further. */
const SHAPE = { listMax: 8, partItems: 4 } as const;

/** The answer of the side that is asked: it keeps nothing between two messages. Throws `ReconciliationError`. */
export function respond(
  { set, metrics }: ResponderComponents,
  message: Uint8Array,
  { maxBytes }: ResponderInit,
): Uint8Array {
  checkLimit(maxBytes);
  const answer = isOtherVersion(message, maxBytes)
    ? Uint8Array.of(PROTOCOL_VERSION)
    : new Turn(set, { ...SHAPE, maxBytes }).answer(received(metrics, message, maxBytes));
  metrics.messagesSent += 1;
  metrics.bytesSent += answer.byteLength;
  return answer;
}

/** It is told which version is the highest one here, and may ask again. */
function isOtherVersion(message: Uint8Array, maxBytes: number): boolean {
  return message.byteLength > 0 && message.byteLength <= maxBytes && versionOf(message) !== PROTOCOL_VERSION;
}
