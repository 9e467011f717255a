/** Records made from storage/SPEC.md alone, with node:crypto: nothing of the code under test is in here. */
import { sign } from 'node:crypto';
import * as cbor from './cbor.ts';
import { didOf } from './did.ts';
import { AUTHOR, type Author, cidOf, SWARM, sha256, TIME } from './envelopes.ts';

/** The 14 items of a body, each as its bytes on the wire. */
export interface Items {
  readonly version: Buffer;
  readonly owner: Buffer;
  readonly namespace: Buffer;
  readonly key: Buffer;
  readonly author: Buffer;
  readonly ms: Buffer;
  readonly counter: Buffer;
  readonly time: Buffer;
  readonly expiry: Buffer;
  readonly kind: Buffer;
  readonly contentType: Buffer;
  readonly value: Buffer;
  readonly chain: Buffer;
  readonly ext: Buffer;
}

/** The SPEC's example. */
export const EXAMPLE: Items = {
  version: cbor.integer(1),
  owner: cbor.text(didOf(AUTHOR)),
  namespace: cbor.text('default'),
  key: cbor.text('greeting'),
  author: cbor.bytes(AUTHOR.multikey),
  ms: cbor.integer(TIME),
  counter: cbor.integer(0),
  time: cbor.integer(TIME),
  expiry: cbor.NULL,
  kind: cbor.integer(0),
  contentType: cbor.text('text/plain'),
  value: cbor.bytes(Buffer.from('hi')),
  chain: cbor.list([]),
  ext: cbor.map([]),
};

/** Fields of a tombstone besides its names. */
export const TOMBSTONE: Partial<Items> = {
  kind: cbor.integer(1),
  contentType: cbor.text(''),
  value: cbor.bytes(Buffer.alloc(0)),
};

/** The items of a body one after another, in the order of the SPEC. */
function itemBytes(items: Items): Buffer {
  const { version, owner, namespace, key, author, ms, counter, time, expiry } = items;
  const { kind, contentType, value, chain, ext } = items;
  const names = [version, owner, namespace, key, author, ms, counter, time, expiry];
  return Buffer.concat([...names, kind, contentType, value, chain, ext]);
}

export function bodyOf(items: Items): Buffer {
  return Buffer.concat([Buffer.of(0x8e), itemBytes(items)]);
}

/** Bytes the author of `body` signs. */
export function signedBytes(body: Uint8Array, swarm = SWARM): Buffer {
  return cbor.list([cbor.text('maillon/record/1'), cbor.text(swarm), cbor.bytes(sha256(body))]);
}

export function signatureOf(body: Uint8Array, author = AUTHOR, swarm = SWARM): Buffer {
  return sign(null, signedBytes(body, swarm), author.key);
}

/** A record of `items` with `signature` behind it. */
export function wireOf(items: Items, signature: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0x8f), itemBytes(items), cbor.bytes(signature)]);
}

/** The example with other items, signed. Non-canonical items are signed as they stand. */
export function record(other: Partial<Items> = {}, by: { author?: Author; swarm?: string } = {}): Buffer {
  const { author = AUTHOR, swarm = SWARM } = by;
  const items = { ...EXAMPLE, author: cbor.bytes(author.multikey), ...other };
  return wireOf(items, signatureOf(bodyOf(items), author, swarm));
}

/** The entity tag of a body, by the SPEC. */
export function etagOf(body: Uint8Array, ms: number, counter: number): string {
  return `"${ms}-${counter}-${cidOf(body)}"`;
}

export function namespaceIdOf(owner: string, namespace: string, swarm = SWARM): Buffer {
  return sha256(cbor.list([cbor.integer(1), cbor.text(swarm), cbor.text(owner), cbor.text(namespace)]));
}

/** The partition of a key, 0 to 15. */
export function partitionNumber(key: string): number {
  return sha256(Buffer.from(key)).readUInt32BE(0) % 16;
}

/** A partition's place in the key space of the DHT. */
export function placeOfPartition(namespaceId: Uint8Array, partition: number): Buffer {
  return sha256(cbor.list([cbor.integer(1), cbor.bytes(namespaceId), cbor.integer(partition)]));
}
