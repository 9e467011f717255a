import * as dagCbor from '@ipld/dag-cbor';
import { LOOPBACK_PREFIX } from '../common/address-prefix.ts';
import type { Crypto } from '../common/crypto.ts';

/** A node that may hold records. */
export interface Member {
  /** Its peer id, as text. */
  readonly id: string;
  /** Where it stands in the key space of the DHT: SHA-256 of its peer id's bytes. */
  readonly kadId: Uint8Array;
  /** The group of addresses it is in. */
  readonly prefix: string;
  /** Whether it is there now. */
  readonly isLive: boolean;
}

export interface PlacementInit {
  /** At most one of a prefix, loopback excepted. */
  readonly distinctPrefixes: boolean;
}

export interface HomesInit extends PlacementInit {
  /** How many homes at most. */
  readonly replicas: number;
}

/** Bytes of the digest that a view is. */
const VIEW_BYTES = 8;

/**
 * The homes of a place: the closest members, live or not, the closest first; fewer than asked for when there are no more
 * members or prefixes. The same for the same members in any order.
 */
export function homesOf(
  place: Uint8Array,
  members: readonly Member[],
  { replicas, distinctPrefixes }: HomesInit,
): Member[] {
  return pickClosest(place, members, { count: replicas, distinctPrefixes, taken: [] });
}

/**
 * Who stands in for the homes that are not live: the next closest live members, one for each, the closest first. The
 * prefix of a home that is gone is free, as it will be when that one is no member any more: who stands in for it now is
 * who becomes home then.
 */
export function standInsOf(
  place: Uint8Array,
  members: readonly Member[],
  homes: readonly Member[],
  { distinctPrefixes }: PlacementInit,
): Member[] {
  const homeIds = new Set(homes.map(({ id }) => id));
  const candidates = members.filter(({ id, isLive }) => isLive && !homeIds.has(id));
  const taken = homes.filter(({ isLive }) => isLive);
  return pickClosest(place, candidates, { count: homes.length - taken.length, distinctPrefixes, taken });
}

/**
 * One short name for these homes in this order, hex: two nodes that name the same view agree who is home. The first 8 bytes
 * of SHA-256 of DAG-CBOR of the list of their peer ids.
 */
export function viewOf(crypto: Crypto, homes: readonly Member[]): string {
  const digest = crypto.sha256(dagCbor.encode(homes.map(({ id }) => id)));
  return Array.from(digest.subarray(0, VIEW_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The members by their XOR distance from `place`, the closest first, each one once. */
export function byDistance<T extends Pick<Member, 'id' | 'kadId'>>(
  place: Uint8Array,
  members: readonly T[],
): T[] {
  const unique = new Map(members.map((member) => [member.id, member]));
  return [...unique.values()].sort((a, b) => compareDistances(place, a, b));
}

interface PickInit extends PlacementInit {
  readonly count: number;
  /** Members whose prefixes are taken already. */
  readonly taken: readonly Member[];
}

function pickClosest(place: Uint8Array, members: readonly Member[], pick: PickInit): Member[] {
  const { count, distinctPrefixes, taken } = pick;
  const prefixes = new Set(taken.map(({ prefix }) => prefix));
  const picked: Member[] = [];
  for (const member of byDistance(place, members)) {
    if (picked.length >= count) break;
    const isFree = !distinctPrefixes || member.prefix === LOOPBACK_PREFIX || !prefixes.has(member.prefix);
    if (!isFree) continue;
    prefixes.add(member.prefix);
    picked.push(member);
  }
  return picked;
}

function compareDistances(
  place: Uint8Array,
  a: Pick<Member, 'id' | 'kadId'>,
  b: Pick<Member, 'id' | 'kadId'>,
): number {
  for (let i = 0; i < place.byteLength; i++) {
    const at = place[i] ?? 0;
    const difference = (at ^ (a.kadId[i] ?? 0)) - (at ^ (b.kadId[i] ?? 0));
    if (difference !== 0) return difference;
  }
  return a.id < b.id ? -1 : 1;
}
