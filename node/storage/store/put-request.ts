import { KIND_TOMBSTONE, type SignedRecord, type Stamp } from '../../../protocols/storage/index.ts';
import { UNSPONSORED_LIFE_MS } from './constants.ts';

/** A record without a sponsor expires after a day. */
export function unsponsoredExpiry({ kind, time, expiry }: SignedRecord): number | null {
  if (kind === KIND_TOMBSTONE) return expiry;
  return Math.min(expiry ?? Infinity, time + UNSPONSORED_LIFE_MS);
}

/** With a copied digest: a view would transfer its whole buffer to the other thread. */
export function ownStamp<T extends { readonly stamp: Stamp }>(condition: T): T {
  const { ms, counter, digest } = condition.stamp;
  return { ...condition, stamp: { ms, counter, digest: digest.slice() } };
}
