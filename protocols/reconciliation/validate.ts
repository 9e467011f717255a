import { ID_BYTES, TIMESTAMP_MAX } from './constants.ts';
import { ReconciliationError } from './errors.ts';
import { type Bound, compareBounds, type Item } from './item.ts';

/** Throws `RangeError`: an item is this node's own. */
export function checkItem({ timestamp, id }: Item): void {
  if (!Number.isSafeInteger(timestamp) || timestamp < 0 || timestamp > TIMESTAMP_MAX) {
    throw new RangeError('timestamp must be an integer from 0 to 2^53 - 2');
  }
  if (id.byteLength !== ID_BYTES) throw new RangeError(`id must be ${ID_BYTES} bytes`);
}

/** The upper bound of a range against that of the range before it. */
export function checkOrder(lower: Bound, upper: Bound): void {
  if (lower.timestamp === Number.POSITIVE_INFINITY) throw malformed('nothing comes behind the end');
  if (compareBounds(upper, lower) < 0) throw malformed('bounds must be ascending');
}

export function malformed(message: string): ReconciliationError {
  return new ReconciliationError('message_malformed', message);
}
