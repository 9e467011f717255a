import * as dagCbor from '@ipld/dag-cbor';
import { bytesKey, compareBytes } from '../common/bytes.ts';
import type { Crypto } from '../common/crypto.ts';
import { namespaceId } from '../common/names.ts';
import { PARTITIONS, PLACE_VERSION } from './constants.ts';
import type { PartitionId, RecordName } from './record.ts';

const encoder = new TextEncoder();

/** The partition of a key: the first 4 bytes, big-endian, of SHA-256 of its UTF-8, modulo the number of partitions. */
export function partitionOf(crypto: Crypto, key: string): number {
  const digest = crypto.sha256(encoder.encode(key));
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0) % PARTITIONS;
}

/** A partition's place in the key space of the DHT, 32 bytes: SHA-256 of DAG-CBOR `[1, namespace id, partition]`. */
export function placeOf(crypto: Crypto, { namespaceId, partition }: PartitionId): Uint8Array {
  return crypto.sha256(dagCbor.encode([PLACE_VERSION, namespaceId, partition]));
}

/** Map key of a partition. */
export function partitionKey({ namespaceId, partition }: PartitionId): string {
  return bytesKey(namespaceId) + String.fromCharCode(partition);
}

/** The order of partitions: by the id of their namespace, then by number. */
export function comparePartitions(a: PartitionId, b: PartitionId): number {
  return compareBytes(a.namespaceId, b.namespaceId) || a.partition - b.partition;
}

/** Most namespace ids remembered: as many as are busy at once, at some 500 bytes each. */
const NAMESPACES_MAX = 10_000;

/** Finds partitions, remembering recent namespaces: a hash less for each record. */
export class Partitions {
  readonly #crypto: Crypto;
  readonly #swarm: string;
  readonly #ids = new Map<string, Uint8Array>();
  #names = new Map<string, Omit<RecordName, 'key'>>();
  /** Those of before the last clearing: who asked for one a moment ago still knows its names. */
  #olderNames: ReadonlyMap<string, Omit<RecordName, 'key'>> = new Map();

  constructor(components: { readonly crypto: Crypto }, init: { readonly swarm: string }) {
    this.#crypto = components.crypto;
    this.#swarm = init.swarm;
  }

  /** The partition of a record. The names must have been checked. */
  of(name: RecordName): PartitionId {
    return { namespaceId: this.namespaceId(name), partition: partitionOf(this.#crypto, name.key) };
  }

  namespaceId({ owner, namespace }: Omit<RecordName, 'key'>): Uint8Array {
    // a namespace holds no line feed, so different names never give the same key
    const name = `${namespace}\n${owner}`;
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = namespaceId(this.#crypto, this.#swarm, owner, namespace);
    if (this.#ids.size >= NAMESPACES_MAX) {
      this.#ids.clear();
      this.#olderNames = this.#names;
      this.#names = new Map();
    }
    this.#ids.set(name, id);
    this.#names.set(bytesKey(id), { owner, namespace });
    return id;
  }

  /** The same of one that this node was just asked about. Throws when it is forgotten. */
  named(id: Uint8Array): Omit<RecordName, 'key'> {
    const names = this.namesOf(id);
    if (names === null) throw new Error('the names of a namespace are not known any more');
    return names;
  }

  /** The names of a recent namespace; null when they are not known. */
  namesOf(id: Uint8Array): Omit<RecordName, 'key'> | null {
    const key = bytesKey(id);
    return this.#names.get(key) ?? this.#olderNames.get(key) ?? null;
  }
}
