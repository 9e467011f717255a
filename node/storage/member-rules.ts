import { peerIdFromString } from '@libp2p/peer-id';
import type { Crypto } from '../../protocols/common/crypto.ts';
import type { Member } from '../../protocols/storage/index.ts';

/** A member whose presence changes. Placement sees it as a `Member`. */
export interface Known extends Member {
  prefix: string;
  isLive: boolean;
  operator: string;
  isReady: boolean;
  /** It had its share once, as this node knew it last; whether it has it still others say. */
  wasReady: boolean;
  lastSeen: number;
  /** When it was found gone for the first time since it was there; null while it is there or that is not known. */
  goneSince: number | null;
  probeAt: number;
}

/** Between two dials of one that is gone for longer than the down timeout: when it returns it announces itself. */
export const ABANDONED_PROBE_MS = 300_000;
/** Sponsors without a successor that are remembered though they are gone: more operators than anybody has to do with. */
const ABANDONED_MAX = 1024;

/** Whether a sponsor of the operator is there that can go on with what the others held. */
export function hasSuccessor(members: Iterable<Known>, operator: string): boolean {
  if (operator === '') return true;
  return [...members].some((one) => one.isLive && one.isReady && one.operator === operator);
}

/** Of the sponsors that are gone for good those beyond the bound, which a stranger may have made up; never those of `own`. */
export function tooManyAbandoned(
  members: Iterable<Known>,
  { now, graceMs, own }: { readonly now: number; readonly graceMs: number; readonly own: string },
): Known[] {
  const abandoned = [...members].filter(({ goneSince, operator }) => {
    return goneSince !== null && now - goneSince > graceMs && operator !== own;
  });
  const oldest = abandoned.toSorted((a, b) => (a.goneSince ?? 0) - (b.goneSince ?? 0));
  return oldest.slice(0, Math.max(0, abandoned.length - ABANDONED_MAX));
}

/** Where a node stands in the key space of the DHT. */
export function kadIdOf(crypto: Crypto, id: string): Uint8Array {
  return crypto.sha256(peerIdFromString(id).toMultihash().bytes);
}
