import {
  addressList,
  announcement,
  bodyOf,
  circuit,
  dns4,
  EXAMPLE,
  HALF_HOUR_MS,
  type Items,
  OPERATOR,
  operatorItems,
  ownId,
  signatureOf,
  tcp4,
  wireOf,
} from '../../support/announcements.ts';
import * as cbor from '../../support/cbor.ts';
import { AUTHOR, OTHER_AUTHOR, TIME } from '../../support/envelopes.ts';
import { ip6, longName, TCP_4411, UDP_4411 } from './valid.ts';
import type { Vector } from './vector.ts';

const LIMIT = 2n ** 53n;

function vector(name: string, code: string | undefined, bytes: Buffer, rest: Partial<Vector> = {}): Vector {
  const why = code === undefined ? {} : { code };
  return { name, hex: bytes.toString('hex'), valid: false, ...why, now: TIME, ...rest };
}

/** A field out of its rule, all else right and the signature over it. */
function field(name: string, items: Partial<Items>): Vector {
  return vector(name, 'announcement_field', announcement(items));
}

function address(name: string, bytes: Buffer): Vector {
  return field(`an address ${name}`, { addresses: addressList(bytes) });
}

/** Not DAG-CBOR, or not the one form of it: which of the two a decoder says first is its own matter. */
function uncanonical(name: string, items: Partial<Items>): Vector {
  return vector(name, undefined, announcement(items));
}

function addresses(): Vector[] {
  const ip4 = tcp4('192.0.2.1', 4411);
  const host = ip4.subarray(0, 5);
  const many = Array.from({ length: 17 }, (_, i) => tcp4('192.0.2.1', i + 1));
  return [
    field('17 addresses', { addresses: addressList(...many) }),
    field('addresses that are text', { addresses: cbor.list([cbor.text('/ip4/192.0.2.1/tcp/1')]) }),
    field('addresses that are no list', { addresses: cbor.bytes(ip4) }),
    address('that is empty', Buffer.alloc(0)),
    address('of 257 bytes', dns4(longName(251), 1)),
    address('that ends in the node’s own id', Buffer.concat([ip4, ownId(AUTHOR)])),
    address('that ends in another one’s id', Buffer.concat([ip4, ownId(OTHER_AUTHOR)])),
    address('with something behind p2p-circuit', Buffer.concat([circuit(ip4, OTHER_AUTHOR), ownId(AUTHOR)])),
    address('through two relays', circuit(circuit(ip4, OTHER_AUTHOR), OTHER_AUTHOR)),
    address(
      'through a relay named by its SHA-256',
      Buffer.concat([ip4, Buffer.from('a503221220', 'hex'), Buffer.alloc(32, 1), Buffer.of(0xa2, 0x02)]),
    ),
    address('through a relay without a host', Buffer.concat([ownId(OTHER_AUTHOR), Buffer.of(0xa2, 0x02)])),
    address('without a transport', host),
    address('that ends within its port', ip4.subarray(0, -1)),
    address('with port 0', tcp4('192.0.2.1', 0)),
    address('of 0.0.0.0', tcp4('0.0.0.0', 4411)),
    address('of ::', Buffer.concat([ip6(''), TCP_4411])),
    address('that is UDP and no more', Buffer.concat([host, UDP_4411])),
    address('that is the older QUIC', Buffer.concat([host, UDP_4411, Buffer.of(0xcc, 0x03)])),
    address('that is QUIC over TCP', Buffer.concat([ip4, Buffer.of(0xcd, 0x03)])),
    address('that is TLS and no more', Buffer.concat([ip4, Buffer.of(0xc0, 0x03)])),
    address('that is WebRTC', Buffer.concat([host, UDP_4411, Buffer.of(0x98, 0x02)])),
    address('that is a dnsaddr', Buffer.concat([Buffer.of(0x38), dns4('a.example', 1).subarray(1)])),
    address('that is a file', Buffer.from('9003022f61', 'hex')),
    address('with an IPv6 zone', Buffer.concat([Buffer.from('2a0130', 'hex'), ip6('fe80'), TCP_4411])),
    address('with a capital in its name', dns4('A.example', 1)),
    address('with an empty label', dns4('a..example', 1)),
    address('with a dot at the end of its name', dns4('a.example.', 1)),
    address('with an underscore in its name', dns4('a_b.example', 1)),
    address('with a hyphen at the end of a label', dns4('a-.example', 1)),
    address('with a label of 64', dns4(`${'a'.repeat(64)}.example`, 1)),
    address('with an IPv4 address for a name', dns4('192.0.2.1', 1)),
    address('with an empty name', dns4('', 1)),
    address('with the length of its name in two bytes where one does', Buffer.from('3681006106113b', 'hex')),
    address('with TCP in two bytes', Buffer.concat([host, Buffer.of(0x86, 0x00, 0x11, 0x3b)])),
  ];
}

function fields(): Vector[] {
  const numbers = ['generation', 'storageBytes', 'connections'] as const;
  return [
    ...numbers.flatMap((key) => [
      field(`${key} of -1`, { [key]: cbor.integer(-1) }),
      field(`${key} of 2^53`, { [key]: cbor.integer(LIMIT) }),
      field(`${key} that is null`, { [key]: cbor.NULL }),
      field(`${key} that is a fraction`, { [key]: cbor.float64(1.5) }),
    ]),
    field('time of -1', { time: cbor.integer(-1) }),
    field('time of 2^53', { time: cbor.integer(LIMIT), expiry: cbor.integer(LIMIT) }),
    field('expiry at the time', { expiry: cbor.integer(TIME) }),
    field('expiry before the time', { expiry: cbor.integer(TIME - 1) }),
    field('expiry an hour and 1 ms after the time', { expiry: cbor.integer(TIME + 3_600_001) }),
    field('expiry that is null', { expiry: cbor.NULL }),
    field('another role', { role: cbor.text('bootstrap') }),
    field('a role that is empty', { role: cbor.text('') }),
    field('a role that is a number', { role: cbor.integer(1) }),
    field('software that is empty', { software: cbor.text('') }),
    field('software of 65 characters', { software: cbor.text('v'.repeat(65)) }),
    field('software with a line feed', { software: cbor.text('0.1\n') }),
    field('software that is not ASCII', { software: cbor.text('0.1é') }),
    field('shards out of order', { shards: cbor.list([cbor.integer(1), cbor.integer(0)]) }),
    field('a shard twice', { shards: cbor.list([cbor.integer(1), cbor.integer(1)]) }),
    field('a shard of 65 536', { shards: cbor.list([cbor.integer(65_536)]) }),
    field('a shard of -1', { shards: cbor.list([cbor.integer(-1)]) }),
    field('256 shards', { shards: cbor.list(Array.from({ length: 256 }, (_, i) => cbor.integer(i))) }),
    field('shards that are no list', { shards: cbor.integer(8) }),
    field('an author of 33 bytes', { author: cbor.bytes(AUTHOR.multikey.subarray(0, 33)) }),
    field('an author of another kind of key', {
      author: cbor.bytes(Buffer.concat([Buffer.of(0xe7, 0x01), AUTHOR.publicKey])),
    }),
    field('an operator that is no DID', { operator: cbor.text('alice') }),
    field('an operator without a chain', { operator: cbor.text(OPERATOR.did) }),
    field('a chain without an operator', { chain: cbor.list([cbor.bytes(Buffer.alloc(8))]) }),
    field('a chain of 9 links', chainOf(Array.from({ length: 9 }, () => Buffer.alloc(8)))),
    field('a chain of 4 097 bytes', chainOf([Buffer.alloc(2048), Buffer.alloc(2048), Buffer.alloc(1)])),
    field('a link of 2 049 bytes', chainOf([Buffer.alloc(2049)])),
    field('ready that is a number', { isReady: cbor.integer(1) }),
    field('ext of 513 bytes', { ext: cbor.map([['a', cbor.bytes(Buffer.alloc(513 - 6, 0x65))]]) }),
    field('ext that is a list', { ext: cbor.list([]) }),
    field('ext with the key /', { ext: cbor.map([['/', cbor.text('a')]]) }),
    field('ext with a fraction', { ext: cbor.map([['a', cbor.float64(0.5)]]) }),
  ];
}

function chainOf(links: readonly Buffer[]): Partial<Items> {
  return { operator: cbor.text(OPERATOR.did), chain: cbor.list(links.map((link) => cbor.bytes(link))) };
}

/** Chains that do not show that the author is a sponsor of the operator. */
function operators(): Vector[] {
  const code = 'announcement_operator';
  const grants = (name: string, other: Parameters<typeof operatorItems>[0]): Vector =>
    vector(name, code, announcement(operatorItems(other)));
  return [
    grants('a chain that grants no sponsor', { actions: 'publish,read,write' }),
    grants('a chain for one namespace', { namespace: 'default' }),
    grants('a chain to another key', { audience: OTHER_AUTHOR }),
    grants('a chain that has ended', { expiry: TIME }),
    grants('a chain of another swarm', { swarm: 'other' }),
    vector('a chain of no links', code, announcement(chainOf([Buffer.alloc(8)]))),
  ];
}

function forms(): Vector[] {
  const whole = announcement();
  return [
    vector('nothing', 'announcement_malformed', Buffer.alloc(0)),
    vector('a map', 'announcement_malformed', cbor.map([])),
    vector('an array of 15 items', 'announcement_malformed', bodyOf(EXAMPLE)),
    vector(
      '12 289 bytes',
      'announcement_too_large',
      Buffer.concat([whole, Buffer.alloc(12_289 - whole.byteLength)]),
    ),
    vector('version 3', 'announcement_version', announcement({ version: cbor.integer(3) })),
    vector('version 3 with nothing behind it', 'announcement_version', Buffer.of(0x90, 0x03)),
    vector('one byte too few', 'announcement_malformed', whole.subarray(0, -1)),
    vector('one byte too many', 'announcement_malformed', Buffer.concat([whole, Buffer.of(0)])),
    uncanonical('a time in a longer form', { storageBytes: cbor.integer(0, 1) }),
    uncanonical('a list of indefinite length', {
      shards: Buffer.concat([cbor.indefinite(cbor.ARRAY), cbor.BREAK]),
    }),
    uncanonical('an integer as a float', { connections: cbor.float64(300) }),
    uncanonical('undefined in ext', { ext: cbor.map([['a', cbor.UNDEFINED]]) }),
    uncanonical('a tag', { software: cbor.tag(0, cbor.text('0.1.0')) }),
    vector('a signature of 63 bytes', 'announcement_field', wireOf(EXAMPLE, Buffer.alloc(63))),
    vector('a signature that is wrong', 'announcement_signature', wireOf(EXAMPLE, Buffer.alloc(64, 1))),
    vector('a signature for another swarm', 'announcement_signature', announcement({}, { swarm: 'other' })),
    vector(
      'signed by somebody else',
      'announcement_signature',
      wireOf(EXAMPLE, signatureOf(bodyOf(EXAMPLE), OTHER_AUTHOR)),
    ),
  ];
}

function times(): Vector[] {
  const whole = announcement();
  return [
    vector('20 001 ms ahead of the clock', 'announcement_clock', whole, { now: TIME - 20_001 }),
    vector('expired, skew included', 'announcement_expired', whole, { now: TIME + HALF_HOUR_MS + 20_000 }),
    vector('the one known', 'announcement_old', whole, { known: TIME }),
    vector('older than the one known', 'announcement_old', whole, { known: TIME + 1 }),
    vector('999 ms after the one known', 'announcement_too_soon', whole, { known: TIME - 999 }),
  ];
}

export function invalidVectors(): Vector[] {
  return [...forms(), ...fields(), ...operators(), ...addresses(), ...times()];
}
