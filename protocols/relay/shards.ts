import * as dagCbor from '@ipld/dag-cbor';
import type { Crypto } from '../common/crypto.ts';
import { namespaceId } from '../common/names.ts';
import { GOSSIP_TOPIC_PREFIX, SHARD_COUNT, SHARD_GENERATION } from './constants.ts';

/** The gossip topic of a shard: `/maillon/relay/1/<generation>/<shard>`. */
export function gossipTopic(shard: number): string {
  return `${GOSSIP_TOPIC_PREFIX}${SHARD_GENERATION}/${shard}`;
}

/** The gossip topics of every shard. */
export function gossipTopics(): string[] {
  return Array.from({ length: SHARD_COUNT }, (_, shard) => gossipTopic(shard));
}

/**
 * The shard of a topic: the first 4 bytes, big-endian, of SHA-256 of DAG-CBOR `[generation, namespace id,
 * topic]`, modulo the shard count.
 */
export function shardOf(crypto: Crypto, namespaceId: Uint8Array, topic: string): number {
  const digest = crypto.sha256(dagCbor.encode([SHARD_GENERATION, namespaceId, topic]));
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0) % SHARD_COUNT;
}

/** Where a topic lives: its namespace's id and its gossip topic. */
export interface TopicPlace {
  /** One string for one topic of one namespace of one owner. */
  readonly key: string;
  readonly gossipTopic: string;
}

/** Most places remembered: as many topics as are busy at once, at some 300 bytes each. */
const PLACES_MAX = 10_000;

/** Finds places, remembering the recent ones: two hashes less for each envelope. */
export class TopicPlaces {
  readonly #crypto: Crypto;
  readonly #swarm: string;
  readonly #places = new Map<string, TopicPlace>();

  constructor(components: { crypto: Crypto }, init: { swarm: string }) {
    this.#crypto = components.crypto;
    this.#swarm = init.swarm;
  }

  /** The place of a topic. The names must have been checked. */
  of(name: { owner: string; namespace: string; topic: string }): TopicPlace {
    // neither a namespace nor an owner holds a line feed, so different names never give the same key
    const key = `${name.namespace}\n${name.owner}\n${name.topic}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const id = namespaceId(this.#crypto, this.#swarm, name.owner, name.namespace);
    const place = { key, gossipTopic: gossipTopic(shardOf(this.#crypto, id, name.topic)) };
    if (this.#places.size >= PLACES_MAX) this.#places.clear();
    this.#places.set(key, place);
    return place;
  }
}
