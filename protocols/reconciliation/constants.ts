/** First byte of every message: version 1 of the protocol. */
export const PROTOCOL_VERSION = 0x61;
/** Version bytes that the protocol has set aside for itself: of another one of these the other side is told ours. */
export const VERSION_FIRST = 0x60;
export const VERSION_LAST = 0x6f;

export const ID_BYTES = 32;
export const FINGERPRINT_BYTES = 16;
/** Numbers are doubles here. An offset stands on the wire plus one, and that must be exact, too. */
export const TIMESTAMP_MAX = Number.MAX_SAFE_INTEGER - 1;
/** Digits of seven bits that hold the largest timestamp. */
export const VARINT_MAX_BYTES = 8;

/** The largest message that is read: some 3 000 fingerprints, a few hundredths of a second of work. */
export const MESSAGE_MAX_BYTES = 64 * 1024;
/** The least that a sender may be bound to: every range fits, and so does what ends a message early. */
export const MESSAGE_LIMIT_MIN_BYTES = 4096;

/** Parts a range is split into. More make a message larger, fewer make more messages. */
export const BUCKETS = 16;

/** Own items compared with the other side's lists in one turn: what is beyond that is for the next one. */
export const COMPARED_MAX = 16_384;
/** Own items of one range that are compared with a list. A larger range is split once more. */
export const COMPARED_RANGE_MAX = 4096;

/** A bound at its largest: timestamp, length, a whole id. */
const BOUND_MAX_BYTES = VARINT_MAX_BYTES + 1 + ID_BYTES;
/** A range with a fingerprint at its largest. */
const FINGERPRINT_RANGE_MAX_BYTES = BOUND_MAX_BYTES + 1 + FINGERPRINT_BYTES;
/** Largest end of a full message: a skip of the ranges before, then a fingerprint of all the rest. */
export const TAIL_MAX_BYTES = BOUND_MAX_BYTES + 1 + FINGERPRINT_RANGE_MAX_BYTES;

function assertRelation(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`reconciliation limits: ${relation}`);
}
assertRelation(
  MESSAGE_LIMIT_MIN_BYTES > 1 + BUCKETS * FINGERPRINT_RANGE_MAX_BYTES + 2 * TAIL_MAX_BYTES,
  'every message gets on',
);
assertRelation(MESSAGE_MAX_BYTES >= MESSAGE_LIMIT_MIN_BYTES, 'what may be sent is read');
assertRelation(COMPARED_MAX >= COMPARED_RANGE_MAX, 'every range can be compared');
