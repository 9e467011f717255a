import type { Crypto } from '../../../protocols/common/crypto.ts';
import {
  byDistance,
  countsAsReplica,
  fallbacksOf,
  type Member,
  type PartitionId,
  partitionKey,
  placeOf,
  replicaSetIdOf,
  replicasOf,
  type SignedRecord,
  type SponsorSet,
} from '../../../protocols/storage/index.ts';
import type { NamespaceRef } from '../api/interface.ts';
import { CANDIDATES_MAX, PLACES_MAX } from '../api/limits.ts';
import type { PartitionPlace } from '../store/interface.ts';
import type { Members } from './members.ts';

/** The operators that sponsor namespaces, as this node knows them now. */
export interface Sponsors {
  /** Those of the present holder, then those of the holders before, so that a transfer leaves nobody without replicas. */
  of(namespace: NamespaceRef): readonly ReadonlySet<string>[];
  /** Grows when that may be others. */
  readonly version: number;
}

export interface ReplicaPlacementComponents {
  readonly members: Pick<Members, 'list' | 'version'>;
  readonly crypto: Crypto;
  readonly sponsors: Sponsors;
  /** The names of a namespace; null of one that this node never heard of. */
  readonly namesOf: (namespaceId: Uint8Array) => NamespaceRef | null;
}

export interface ReplicaPlacementInit {
  /** Peer id of this node. */
  readonly self: string;
  readonly replicas: number;
  readonly distinctPrefixes: boolean;
}

/** Where a partition belongs, as this node sees the swarm now. */
export interface ReplicaSet {
  /** In the key space of the DHT. */
  readonly position: Uint8Array;
  /** The closest first. */
  readonly replicas: readonly Member[];
  readonly setId: string;
  readonly isReplica: boolean;
  readonly sponsors: SponsorSet;
  /** Whether the replicas are sponsors: what they acknowledge is durable. Otherwise all copies are best effort. */
  readonly isSponsored: boolean;
}

const NOBODY: ReadonlySet<string> = new Set();

/** Finds the replicas of partitions without asking anybody, and remembers them while members and sponsors are the same. */
export class ReplicaPlacement {
  readonly #components: ReplicaPlacementComponents;
  readonly #init: ReplicaPlacementInit;
  readonly #known = new Map<string, ReplicaSet>();
  #version = '';

  constructor(components: ReplicaPlacementComponents, init: ReplicaPlacementInit) {
    this.#components = components;
    this.#init = init;
  }

  of(partition: PartitionId): ReplicaSet {
    const { members, sponsors } = this.#components;
    const version = `${members.version}.${sponsors.version}`;
    if (this.#version !== version) {
      this.#known.clear();
      this.#version = version;
    }
    const key = partitionKey(partition);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const names = this.#components.namesOf(partition.namespaceId);
    const place = this.#find(partition, names, members.list);
    // a namespace that was never heard of may be another's a moment later
    if (names === null) return place;
    if (this.#known.size >= PLACES_MAX) this.#known.clear();
    this.#known.set(key, place);
    return place;
  }

  /** The same if this node had its share of what its operator sponsors. */
  onceReady(partition: PartitionId): ReplicaSet {
    const { members, namesOf } = this.#components;
    const self = members.list.find(({ id }) => id === this.#init.self);
    const others = members.list.filter(({ id }) => id !== this.#init.self);
    const list = self === undefined ? others : [...others, { ...self, isReady: true }];
    return this.#find(partition, namesOf(partition.namespaceId), list);
  }

  /** How many replicas there would be without this node: a majority of these has all that was acknowledged before it came. */
  othersOf({ position, sponsors }: ReplicaSet): number {
    const { members } = this.#components;
    const others = members.list.filter(({ id }) => id !== this.#init.self);
    return replicasOf(position, others, sponsors, this.#init).length;
  }

  /** Fallback replicas: they hold copies besides the live and complete replicas while these are fewer than wanted. */
  fallbacks({ position, replicas, sponsors }: ReplicaSet, lacking: ReadonlySet<string> = NOBODY): Member[] {
    const whole = replicas.map((replica) =>
      lacking.has(replica.id) ? { ...replica, isLive: false } : replica,
    );
    return fallbacksOf(position, this.#components.members.list, whole, sponsors, this.#init);
  }

  /** Sponsors that are there, whether they count as replicas or not. */
  sponsorsOf({ sponsors }: ReplicaSet): Member[] {
    const { list } = this.#components.members;
    return list.filter(({ isLive, operator }) => isLive && sponsors.has(operator)).slice(0, CANDIDATES_MAX);
  }

  /** Others that may hold the partition: replicas first, then sponsors that are not ready, then the closest ones. */
  candidates(place: ReplicaSet): Member[] {
    const replicaSet = new Set(place.replicas.map(({ id }) => id));
    return this.#ranked(place)
      .filter(({ id, isAbandoned }) => id !== this.#init.self && (isAbandoned !== true || replicaSet.has(id)))
      .slice(0, CANDIDATES_MAX);
  }

  /** Whether this node is among the `count` members that would hold copies first. */
  isAmong(place: ReplicaSet, count: number): boolean {
    return this.#ranked(place)
      .slice(0, count)
      .some(({ id }) => id === this.#init.self);
  }

  #ranked({ position, sponsors }: ReplicaSet): Member[] {
    const { list } = this.#components.members;
    const rank = (member: Member): number => {
      if (countsAsReplica(member, sponsors)) return 0;
      return sponsors.has(member.operator) ? 1 : 2;
    };
    return [0, 1, 2].flatMap((wanted) =>
      byDistance(
        position,
        list.filter((one) => rank(one) === wanted),
      ),
    );
  }

  #find(partition: PartitionId, names: NamespaceRef | null, members: readonly Member[]): ReplicaSet {
    const position = placeOf(this.#components.crypto, partition);
    const sponsors = this.#sponsorsOf(names, members);
    const replicas = replicasOf(position, members, sponsors, this.#init);
    const isReplica = replicas.some(({ id }) => id === this.#init.self);
    const isSponsored = replicas.some((replica) => countsAsReplica(replica, sponsors));
    const setId = replicaSetIdOf(this.#components.crypto, replicas);
    return { position, replicas, setId, isReplica, sponsors, isSponsored };
  }

  /** Sponsor set of the most recent holder that any member sponsors. */
  #sponsorsOf(names: NamespaceRef | null, members: readonly Member[]): SponsorSet {
    if (names === null) return NOBODY;
    const holders = this.#components.sponsors.of(names);
    const served = holders.find((set) => members.some((member) => countsAsReplica(member, set)));
    return served ?? holders[0] ?? NOBODY;
  }
}

/** How many of `count` are more than half of them. */
export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1;
}

/** Where a record is in a store. */
export function placeOfRecord(
  { namespaceId, partition }: PartitionId,
  { owner, namespace }: Pick<SignedRecord, 'owner' | 'namespace'>,
): PartitionPlace {
  return { owner, namespace, namespaceId, partition };
}
