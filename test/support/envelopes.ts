/** Envelopes made from relay/SPEC.md alone, with node:crypto: nothing of the code under test is in here. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import * as cbor from './cbor.ts';
import { didOf } from './did.ts';

export const SWARM = 'maillon';
/** The time of the SPEC's example. */
export const TIME = 1_763_683_200_000;

export interface Author {
  readonly key: KeyObject;
  /** 32 bytes. */
  readonly publicKey: Buffer;
  /** `ed 01` and the public key. */
  readonly multikey: Buffer;
}

export function authorOf(seed: Uint8Array): Author {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  return { key, publicKey, multikey: Buffer.concat([Buffer.of(0xed, 0x01), publicKey]) };
}

/** The 32 bytes that `authorOf` makes this author of. */
export function seedOf({ key }: Author): Buffer {
  return key.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
}

/** The author of the SPEC's example: seed 00 01 … 1f. */
export const AUTHOR = authorOf(Buffer.from(Array.from({ length: 32 }, (_, i) => i)));
export const OTHER_AUTHOR = authorOf(Buffer.alloc(32, 7));

/** The 12 items of a body, each as its bytes on the wire. */
export interface Items {
  readonly version: Buffer;
  readonly owner: Buffer;
  readonly namespace: Buffer;
  readonly topic: Buffer;
  readonly author: Buffer;
  readonly epoch: Buffer;
  readonly sequence: Buffer;
  readonly time: Buffer;
  readonly expiry: Buffer;
  readonly messages: Buffer;
  readonly chain: Buffer;
  readonly ext: Buffer;
}

/** The SPEC's example. */
export const EXAMPLE: Items = {
  version: cbor.integer(1),
  owner: cbor.text(didOf(AUTHOR)),
  namespace: cbor.text('default'),
  topic: cbor.text('hello'),
  author: cbor.bytes(AUTHOR.multikey),
  epoch: cbor.integer(TIME),
  sequence: cbor.integer(1),
  time: cbor.integer(TIME),
  expiry: cbor.NULL,
  messages: cbor.list([cbor.bytes(Buffer.from('hi'))]),
  chain: cbor.list([]),
  ext: cbor.map([]),
};

/** The items of a body one after another, in the order of the SPEC, without the head of the list. */
export function itemBytes(items: Items): Buffer {
  const { version, owner, namespace, topic, author, epoch, sequence, time, expiry, messages, chain, ext } =
    items;
  const order = [
    version,
    owner,
    namespace,
    topic,
    author,
    epoch,
    sequence,
    time,
    expiry,
    messages,
    chain,
    ext,
  ];
  return Buffer.concat(order);
}

export function bodyOf(items: Items): Buffer {
  return Buffer.concat([Buffer.of(0x8c), itemBytes(items)]);
}

export function sha256(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}

/** Bytes the author of `body` signs. */
export function signedBytes(body: Uint8Array, swarm = SWARM): Buffer {
  return cbor.list([cbor.text('maillon/envelope/1'), cbor.text(swarm), cbor.bytes(sha256(body))]);
}

export function signatureOf(body: Uint8Array, author = AUTHOR, swarm = SWARM): Buffer {
  return sign(null, signedBytes(body, swarm), author.key);
}

/** An envelope of `items` with `signature` behind it. */
export function wireOf(items: Items, signature: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0x8d), itemBytes(items), cbor.bytes(signature)]);
}

/** The example with other items, signed. Non-canonical items are signed as they stand. */
export function envelope(other: Partial<Items> = {}, by: { author?: Author; swarm?: string } = {}): Buffer {
  const { author = AUTHOR, swarm = SWARM } = by;
  const items = { ...EXAMPLE, author: cbor.bytes(author.multikey), ...other };
  return wireOf(items, signatureOf(bodyOf(items), author, swarm));
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** CIDv1 (dag-cbor, sha2-256) in base32: RFC 4648 in lower case without padding, behind a `b`. */
export function cidOf(body: Uint8Array): string {
  const cid = Buffer.concat([Buffer.of(0x01, 0x71, 0x12, 0x20), sha256(body)]);
  const bits = [...cid].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const groups = bits.match(/.{1,5}/g) ?? [];
  return `b${groups.map((group) => BASE32[Number.parseInt(group.padEnd(5, '0'), 2)]).join('')}`;
}

/** The shard of a topic, 0 to 7, by the SPEC. */
export function shardNumber(
  { owner = didOf(AUTHOR), namespace, topic }: { owner?: string; namespace: string; topic: string },
  swarm = SWARM,
): number {
  const genesis = [cbor.integer(1), cbor.text(swarm), cbor.text(owner), cbor.text(namespace)];
  const namespaceId = sha256(cbor.list(genesis));
  const place = sha256(cbor.list([cbor.integer(0), cbor.bytes(namespaceId), cbor.text(topic)]));
  return place.readUInt32BE(0) % 8;
}

/** Fields of the SPEC's example. */
export const EXAMPLE_SHARD = shardNumber({ namespace: 'default', topic: 'hello' });

export function shardTopic(shard: number): string {
  return `/maillon/relay/1/0/${shard}`;
}
