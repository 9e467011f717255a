/** Node announcements made from nodes/SPEC.md alone, with node:crypto: nothing of the code under test is in here. */
import { sign } from 'node:crypto';
import * as cbor from './cbor.ts';
import { base58, didOf } from './did.ts';
import { AUTHOR, type Author, SWARM, sha256, TIME } from './envelopes.ts';
import { delegation, OWNER, type Session, session, texts } from './identities.ts';

export const HALF_HOUR_MS = 30 * 60_000;

/** The 15 items of a body, each as its bytes on the wire. */
export interface Items {
  readonly version: Buffer;
  readonly author: Buffer;
  readonly time: Buffer;
  readonly expiry: Buffer;
  readonly role: Buffer;
  readonly addresses: Buffer;
  readonly software: Buffer;
  readonly generation: Buffer;
  readonly shards: Buffer;
  readonly storageBytes: Buffer;
  readonly connections: Buffer;
  readonly operator: Buffer;
  readonly chain: Buffer;
  readonly isReady: Buffer;
  readonly ext: Buffer;
}

/** `/ip4/…/tcp/…` */
export function tcp4(ip: string, port: number): Buffer {
  const bytes = ip.split('.').map(Number);
  return Buffer.from([0x04, ...bytes, 0x06, port >> 8, port & 0xff]);
}

/** `/dns4/…/tcp/…` */
export function dns4(name: string, port: number): Buffer {
  return Buffer.concat([
    Buffer.of(0x36),
    lengthOf(name.length),
    Buffer.from(name),
    Buffer.of(0x06, port >> 8, port & 0xff),
  ]);
}

function lengthOf(length: number): Buffer {
  return length < 0x80 ? Buffer.of(length) : Buffer.of((length & 0x7f) | 0x80, length >> 7);
}

/** `/p2p/<relay>/p2p-circuit` behind `address`. */
export function circuit(address: Buffer, relay: Author): Buffer {
  return Buffer.concat([address, ownId(relay), Buffer.of(0xa2, 0x02)]);
}

/** `/p2p/<peer>` */
export function ownId(author: Author): Buffer {
  return Buffer.concat([Buffer.from('a50326002408011220', 'hex'), author.publicKey]);
}

/** The peer id of a key: base58btc of the identity multihash `00 24` of `08 01 12 20` and the key. */
export function peerIdOf({ publicKey }: Author): string {
  return base58(Buffer.concat([Buffer.from('002408011220', 'hex'), publicKey]));
}

export function addressList(...addresses: readonly Buffer[]): Buffer {
  return cbor.list(addresses.map((address) => cbor.bytes(address)));
}

/** The SPEC's example. */
export const EXAMPLE: Items = {
  version: cbor.integer(2),
  author: cbor.bytes(AUTHOR.multikey),
  time: cbor.integer(TIME),
  expiry: cbor.integer(TIME + HALF_HOUR_MS),
  role: cbor.text('full'),
  addresses: addressList(
    tcp4('192.0.2.1', 4411),
    Buffer.concat([tcp4('192.0.2.1', 4412), Buffer.of(0xdd, 0x03)]),
  ),
  software: cbor.text('0.1.0'),
  generation: cbor.integer(0),
  shards: cbor.list([0, 1, 2, 3, 4, 5, 6, 7].map((shard) => cbor.integer(shard))),
  storageBytes: cbor.integer(0),
  connections: cbor.integer(300),
  operator: cbor.text(''),
  chain: cbor.list([]),
  isReady: cbor.FALSE,
  ext: cbor.map([]),
};

/** Operator that the author of a vector claims to belong to. */
export const OPERATOR = session(9);

/** The items by which an author belongs to an operator, whose delegation may grant something else. */
export function operatorItems(
  other: {
    readonly operator?: Session;
    readonly actions?: string;
    readonly namespace?: string;
    readonly audience?: Author;
    readonly expiry?: number;
    readonly swarm?: string;
  } = {},
): Pick<Items, 'operator' | 'chain'> {
  const { operator = OPERATOR, actions = 'sponsor', namespace = '*' } = other;
  const { audience = AUTHOR, expiry, swarm = SWARM } = other;
  const resources = texts(`maillon://${swarm}/${operator.did}/${namespace}/${actions}/`);
  const end = expiry === undefined ? cbor.NULL : cbor.integer(expiry);
  const to = { did: didOf(audience), sign: operator.sign };
  const link = delegation(operator, to, { resources, expiry: end }, swarm);
  return { operator: cbor.text(operator.did), chain: cbor.list([cbor.bytes(link)]) };
}

/** The items of a body one after another, in the order of the SPEC. */
function itemBytes(items: Items): Buffer {
  const { version, author, time, expiry, role, addresses, software, generation, shards } = items;
  const { storageBytes, connections, operator, chain, isReady, ext } = items;
  const first = [version, author, time, expiry, role, addresses, software, generation, shards];
  return Buffer.concat([...first, storageBytes, connections, operator, chain, isReady, ext]);
}

export function bodyOf(items: Items): Buffer {
  return Buffer.concat([Buffer.of(0x8f), itemBytes(items)]);
}

/** Bytes the author of `body` signs. */
export function signedBytes(body: Uint8Array, swarm = SWARM): Buffer {
  const domain = 'maillon/node-announcement/2';
  return cbor.list([cbor.text(domain), cbor.text(swarm), cbor.bytes(sha256(body))]);
}

export function signatureOf(body: Uint8Array, author = AUTHOR, swarm = SWARM): Buffer {
  return sign(null, signedBytes(body, swarm), author.key);
}

/** An announcement of `items` with `signature` behind it. */
export function wireOf(items: Items, signature: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0x90), itemBytes(items), cbor.bytes(signature)]);
}

/** The example with other items, signed. Non-canonical items are signed as they stand. */
export function announcement(
  other: Partial<Items> = {},
  by: { author?: Author; swarm?: string } = {},
): Buffer {
  const { author = AUTHOR, swarm = SWARM } = by;
  const items = { ...EXAMPLE, author: cbor.bytes(author.multikey), ...other };
  return wireOf(items, signatureOf(bodyOf(items), author, swarm));
}

/** An announcement made at `time` by somebody who is at `addresses`. */
export function announcementAt(time: number, author: Author, ...addresses: readonly Buffer[]): Buffer {
  const times = { time: cbor.integer(time), expiry: cbor.integer(time + HALF_HOUR_MS) };
  return announcement({ ...times, addresses: addressList(...addresses) }, { author });
}

/** An announcement of now by a replica of the tests' owner that listens on a port of this machine. */
export function replicaAnnouncement(author: Author, port: number): Buffer {
  const now = Date.now();
  return announcement(
    {
      time: cbor.integer(now),
      expiry: cbor.integer(now + HALF_HOUR_MS),
      addresses: addressList(tcp4('127.0.0.1', port)),
      storageBytes: cbor.integer(2 ** 30),
      ...operatorItems({ operator: OWNER, audience: author }),
      isReady: cbor.TRUE,
    },
    { author },
  );
}
