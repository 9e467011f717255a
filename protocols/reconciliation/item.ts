/** One element of a set. */
export interface Item {
  /** 0 to TIMESTAMP_MAX. Items are ordered by it, then by id. */
  readonly timestamp: number;
  /** 32 bytes. */
  readonly id: Uint8Array;
}

/** A place between items: those below it are of the range that it ends. */
export interface Bound {
  /** `Infinity` is above every item. */
  readonly timestamp: number;
  /** First bytes of an id; those that are missing are zero. */
  readonly prefix: Uint8Array;
}

const NO_PREFIX = new Uint8Array();
/** Below every item. */
export const START: Bound = { timestamp: 0, prefix: NO_PREFIX };
/** Above every item. */
export const END: Bound = { timestamp: Number.POSITIVE_INFINITY, prefix: NO_PREFIX };

/** The shortest bound that parts two neighbours. */
export function boundBetween(below: Item, above: Item): Bound {
  if (below.timestamp !== above.timestamp) return { timestamp: above.timestamp, prefix: NO_PREFIX };
  let shared = 0;
  while (shared < above.id.byteLength && below.id[shared] === above.id[shared]) shared += 1;
  return { timestamp: above.timestamp, prefix: above.id.slice(0, shared + 1) };
}

/** Below zero where `a` comes before `b`. */
export function compareBounds(a: Bound, b: Bound): number {
  if (a.timestamp !== b.timestamp) return a.timestamp < b.timestamp ? -1 : 1;
  const length = Math.max(a.prefix.byteLength, b.prefix.byteLength);
  for (let i = 0; i < length; i++) {
    const difference = (a.prefix[i] ?? 0) - (b.prefix[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
