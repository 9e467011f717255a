import type { Crypto } from '../../protocols/common/crypto.ts';
import {
  byDistance,
  homesOf,
  type Member,
  type PartitionId,
  partitionKey,
  placeOf,
  standInsOf,
  viewOf,
} from '../../protocols/storage/index.ts';
import { CANDIDATES_MAX, PLACES_MAX } from './limits.ts';
import type { Members } from './members.ts';

export interface PlacesInit {
  /** Peer id of this node. */
  readonly self: string;
  readonly replicas: number;
  readonly distinctPrefixes: boolean;
}

/** Where a partition belongs, as this node sees the swarm now. */
export interface Place {
  /** In the key space of the DHT. */
  readonly at: Uint8Array;
  /** The closest first. */
  readonly homes: readonly Member[];
  readonly view: string;
  readonly isHome: boolean;
}

/** Finds the homes of partitions without asking anybody, and remembers them while the members are the same. */
export class Places {
  readonly #members: Members;
  readonly #crypto: Crypto;
  readonly #init: PlacesInit;
  readonly #known = new Map<string, Place>();
  #version = 0;

  constructor(components: { readonly members: Members; readonly crypto: Crypto }, init: PlacesInit) {
    this.#members = components.members;
    this.#crypto = components.crypto;
    this.#init = init;
  }

  of(partition: PartitionId): Place {
    if (this.#version !== this.#members.version) {
      this.#known.clear();
      this.#version = this.#members.version;
    }
    const key = partitionKey(partition);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const place = this.#find(partition);
    if (this.#known.size >= PLACES_MAX) this.#known.clear();
    this.#known.set(key, place);
    return place;
  }

  /** Who stands in for the homes that are gone now. */
  standIns(place: Place): Member[] {
    if (place.homes.every(({ isLive }) => isLive)) return [];
    return standInsOf(place.at, this.#members.list, place.homes, this.#init);
  }

  /** Others that may hold the partition, the closest first. */
  candidates(place: Place): Member[] {
    const others = this.#members.list.filter(({ id }) => id !== this.#init.self);
    return byDistance(place.at, others).slice(0, CANDIDATES_MAX);
  }

  /** Whether this node is among the `count` members that are closest to a place. */
  isAmong(place: Place, count: number): boolean {
    const closest = byDistance(place.at, this.#members.list).slice(0, count);
    return closest.some(({ id }) => id === this.#init.self);
  }

  #find(partition: PartitionId): Place {
    const at = placeOf(this.#crypto, partition);
    const homes = homesOf(at, this.#members.list, this.#init);
    const isHome = homes.some(({ id }) => id === this.#init.self);
    return { at, homes, view: viewOf(this.#crypto, homes), isHome };
  }
}

/** How many of `count` are more than half of them. */
export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1;
}
