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
  /** DID of the operator whose sponsor it is, by a delegation that was verified; empty for nobody's. */
  readonly operator: string;
  /** Whether it has its share of what that operator sponsors: before, it counts as a replica of nothing. */
  readonly isReady: boolean;
  /** Whether it has been gone for longer than the down timeout, as its operator's last: it counts where no other sponsor is left. */
  readonly isAbandoned?: boolean;
}

/** The operators that sponsor a namespace. */
export type SponsorSet = ReadonlySet<string>;

export interface PlacementInit {
  /** Replicas of different prefixes are preferred, loopback excepted; none is done without for it. */
  readonly distinctPrefixes: boolean;
}

export interface ReplicasInit extends PlacementInit {
  /** How many replicas at most. */
  readonly replicas: number;
}

/** Bytes of the digest that a view is. */
const VIEW_BYTES = 8;

/**
 * The replicas of a place: of the sponsors that are ready the closest ones, live or not, the closest first; fewer than asked for
 * when there are no more. Where nobody sponsors, of all members. The same for the same members in any order.
 */
export function replicasOf(
  place: Uint8Array,
  members: readonly Member[],
  sponsors: SponsorSet,
  { replicas, distinctPrefixes }: ReplicasInit,
): Member[] {
  const chosen = members.filter((member) => countsAsReplica(member, sponsors));
  const groups = [chosen.filter(isExpected), chosen, members.filter(isExpected)];
  const candidates = groups.find((group) => group.length > 0) ?? members;
  return pickClosest(place, candidates, { count: replicas, distinctPrefixes, taken: [] });
}

function isExpected({ isAbandoned }: Member): boolean {
  return isAbandoned !== true;
}

/** Whether a member counts as a replica of what these operators sponsor. */
export function countsAsReplica({ operator, isReady }: Member, sponsors: SponsorSet): boolean {
  return isReady && sponsors.has(operator);
}

/**
 * Members that hold copies beside the replicas that are there, as many as are missing of the replicas: first the next sponsors,
 * which become replicas if those that are gone do not return, then others. The closest first.
 */
export function fallbacksOf(
  place: Uint8Array,
  members: readonly Member[],
  replicaSet: readonly Member[],
  sponsors: SponsorSet,
  { replicas, distinctPrefixes }: ReplicasInit,
): Member[] {
  const replicaIds = new Set(replicaSet.map(({ id }) => id));
  const candidates = members.filter(({ id, isLive }) => isLive && !replicaIds.has(id));
  const live = replicaSet.filter(({ isLive }) => isLive);
  const count = Math.max(0, replicas - live.length);
  const own = candidates.filter((member) => countsAsReplica(member, sponsors));
  const next = pickClosest(place, own, { count, distinctPrefixes, taken: live });
  const rest = candidates.filter((member) => !countsAsReplica(member, sponsors));
  const taken = [...live, ...next];
  return [...next, ...pickClosest(place, rest, { count: count - next.length, distinctPrefixes, taken })];
}

/**
 * One short name for these replicas in this order, hex: two nodes that name the same view agree who is a replica. The first 8 bytes
 * of SHA-256 of DAG-CBOR of the list of their peer ids.
 */
export function replicaSetIdOf(crypto: Crypto, replicaSet: readonly Member[]): string {
  const digest = crypto.sha256(dagCbor.encode(replicaSet.map(({ id }) => id)));
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

/** The closest ones of prefixes that are free; where these are too few the closest of the others fill up. */
function pickClosest(place: Uint8Array, members: readonly Member[], pick: PickInit): Member[] {
  const { count, distinctPrefixes, taken } = pick;
  const prefixes = new Set(taken.map(({ prefix }) => prefix));
  const picked: Member[] = [];
  const passed: Member[] = [];
  for (const member of byDistance(place, members)) {
    if (picked.length >= count) break;
    const isFree = !distinctPrefixes || member.prefix === LOOPBACK_PREFIX || !prefixes.has(member.prefix);
    if (isFree) prefixes.add(member.prefix);
    (isFree ? picked : passed).push(member);
  }
  const filled = [...picked, ...passed.slice(0, Math.max(0, count - picked.length))];
  return byDistance(place, filled);
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
