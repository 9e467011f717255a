import { peerIdFromString } from '@libp2p/peer-id';
import type { Crypto } from '../../../protocols/common/crypto.ts';
import { GONE_MAX, type GoneMember, type Member } from '../../../protocols/storage/index.ts';
import { PROBE_MS } from '../api/limits.ts';
import type { KeptMember } from './members-file.ts';

/** A member whose presence changes. Placement sees it as a `Member`. */
export interface Known extends Member {
  prefix: string;
  isLive: boolean;
  operator: string;
  isReady: boolean;
  /** It had its share once, as this node knew it last; whether it has it still others say. */
  wasReady: boolean;
  isAbandoned?: boolean;
  lastSeen: number;
  /** When it was found gone for the first time since it was there; null while it is there or that is not known. */
  goneSince: number | null;
  probeAt: number;
}

/** Between two dials of one that is gone for longer than the down timeout: when it returns it announces itself. */
const ABANDONED_PROBE_MS = 300_000;
/** Limit of remembered down sponsors without a successor: more operators than any node deals with. */
const ABANDONED_MAX = 1024;

/** Whether a sponsor of the operator is there that can go on with what the others held. */
export function hasSuccessor(members: Iterable<Known>, operator: string): boolean {
  if (operator === '') return true;
  return [...members].some((one) => one.isLive && one.isReady && one.operator === operator);
}

/** Notes whether others continue without a member where they can; returns whether that changed. */
export function abandon(known: Known, isAbandoned: boolean): boolean {
  if ((known.isAbandoned === true) === isAbandoned) return false;
  known.isAbandoned = isAbandoned;
  return true;
}

/** Member fields that outlive a restart: that it had its share, whether or not it is ready now. */
export function keptOf({ id, prefix, operator, wasReady }: Known): KeptMember {
  return { id, prefix, operator: wasReady ? operator : '' };
}

/** Those that are gone, for the shortest time first: as many as are told others. */
export function goneOf(members: Iterable<Known>, now: number): GoneMember[] {
  const gone = [...members].flatMap(({ id, prefix, operator, isReady, isLive, goneSince }) => {
    if (isLive || goneSince === null) return [];
    return [{ id, prefix, operator: isReady ? operator : '', forMs: Math.max(0, now - goneSince) }];
  });
  return gone.toSorted((a, b) => a.forMs - b.forMs).slice(0, GONE_MAX);
}

/** When a member that is not connected is dialled again. */
export function probeAfter(downTimeoutMs: number, isAbandoned = false): number {
  return isAbandoned ? ABANDONED_PROBE_MS : Math.min(PROBE_MS, downTimeoutMs / 4);
}

/** Sponsors down for good beyond the bound, oldest first, since a stranger may have made them up; never those of `own`. */
export function tooManyAbandoned(
  members: Iterable<Known>,
  { now, downTimeoutMs, own }: { readonly now: number; readonly downTimeoutMs: number; readonly own: string },
): Known[] {
  const abandoned = [...members].filter(({ goneSince, operator }) => {
    return goneSince !== null && now - goneSince > downTimeoutMs && operator !== own;
  });
  const oldest = abandoned.toSorted((a, b) => (a.goneSince ?? 0) - (b.goneSince ?? 0));
  return oldest.slice(0, Math.max(0, abandoned.length - ABANDONED_MAX));
}

/** Where a node stands in the key space of the DHT. */
export function kadIdOf(crypto: Crypto, id: string): Uint8Array {
  return crypto.sha256(peerIdFromString(id).toMultihash().bytes);
}
