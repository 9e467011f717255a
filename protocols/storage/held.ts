import { RECORD_MAX_BYTES } from './constants.ts';
import { check, malformed, readExpiry, readStampList, stampItems } from './frame.ts';
import type { Stamp } from './record.ts';

/** State of a key at a replica: a record as its bytes, a floor, or nothing. */
export type Held =
  | {
      readonly kind: 'record';
      readonly record: Uint8Array;
      /** When the answerer drops it, in ms of Unix time; null: never. A replica that nobody chose does so after a day. */
      readonly expiry: number | null;
    }
  | { readonly kind: 'floor'; readonly stamp: Stamp }
  | null;

export function heldItems(held: Held): readonly unknown[] {
  if (held?.kind === 'record') return [held.record, held.expiry];
  return [held && stampItems(held.stamp), null];
}

export function readHeld(value: unknown, expiry: unknown): Held {
  if (value !== null && !Array.isArray(value)) {
    const record = check.bytes('record', value, RECORD_MAX_BYTES, 1);
    return { kind: 'record', record, expiry: readExpiry(expiry) };
  }
  if (expiry !== null) throw malformed('only a record has an expiry');
  return value && { kind: 'floor', stamp: readStampList('floor', value) };
}
