import {
  addressList,
  announcement,
  circuit,
  dns4,
  HALF_HOUR_MS,
  type Items,
  operatorItems,
  peerIdOf,
  tcp4,
} from '../../support/announcements.ts';
import * as cbor from '../../support/cbor.ts';
import { didOf } from '../../support/did.ts';
import { AUTHOR, OTHER_AUTHOR, TIME } from '../../support/envelopes.ts';
import type { Vector } from './vector.ts';

const SAFE_MAX = Number.MAX_SAFE_INTEGER;
const PEER_ID = peerIdOf(AUTHOR);
const OTHER_PEER_ID = peerIdOf(OTHER_AUTHOR);

const WS = Buffer.of(0xdd, 0x03);
const WSS = Buffer.of(0xde, 0x03);
const TLS_WS = Buffer.of(0xc0, 0x03, 0xdd, 0x03);
const QUIC = Buffer.of(0xcd, 0x03);
export const UDP_4411 = Buffer.of(0x91, 0x02, 0x11, 0x3b);
export const TCP_4411 = Buffer.of(0x06, 0x11, 0x3b);

export function ip6(hex: string): Buffer {
  return Buffer.concat([Buffer.of(0x29), Buffer.from(hex.padEnd(32, '0'), 'hex')]);
}

/** A DNS name of an even or odd `length`, of many labels; the last two are `a.ab` or `a.a`. */
export function longName(length: number): string {
  return 'a.'.repeat(Math.ceil(length / 2)).slice(0, length - 1) + (length % 2 === 0 ? 'b' : 'a');
}

function vector(name: string, items: Partial<Items>, rest: Partial<Vector> = {}): Vector {
  return { name, hex: announcement(items).toString('hex'), valid: true, peerId: PEER_ID, now: TIME, ...rest };
}

function at(name: string, bytes: Buffer, address: string, prefix: string): Vector {
  const items = { addresses: addressList(bytes) };
  return vector(name, items, { addresses: [address], prefixes: [prefix] });
}

/** The same name under another of the codes for names. */
function dns(code: number): Buffer {
  return Buffer.concat([Buffer.of(code), dns4('a.b.example', 4411).subarray(1)]);
}

function addresses(): Vector[] {
  const relay = `/p2p/${OTHER_PEER_ID}/p2p-circuit`;
  const ip4 = tcp4('203.0.113.9', 4411);
  const udp4 = Buffer.concat([ip4.subarray(0, 5), UDP_4411, QUIC]);
  const v6 = Buffer.concat([ip6('20010db80001ffff000000000000000a'), TCP_4411]);
  const mapped = Buffer.concat([ip6('00000000000000000000ffffcb007109'), TCP_4411]);
  const nat64 = Buffer.concat([ip6('0064ff9b0000000000000000cb007109'), TCP_4411]);
  const sixToFour = Buffer.concat([ip6('2002cb0071090000'), TCP_4411]);
  return [
    at('IPv4 and TCP', ip4, '/ip4/203.0.113.9/tcp/4411', '203.0.113.0/24'),
    at('WebSocket', Buffer.concat([ip4, WS]), '/ip4/203.0.113.9/tcp/4411/ws', '203.0.113.0/24'),
    at('WSS', Buffer.concat([ip4, WSS]), '/ip4/203.0.113.9/tcp/4411/wss', '203.0.113.0/24'),
    at(
      'TLS and WebSocket',
      Buffer.concat([ip4, TLS_WS]),
      '/ip4/203.0.113.9/tcp/4411/tls/ws',
      '203.0.113.0/24',
    ),
    at('QUIC', udp4, '/ip4/203.0.113.9/udp/4411/quic-v1', '203.0.113.0/24'),
    at('IPv6', v6, '/ip6/2001:db8:1:ffff::a/tcp/4411', '2001:db8:1::/48'),
    at('dns', dns(0x35), '/dns/a.b.example/tcp/4411', 'b.example'),
    at('dns4', dns(0x36), '/dns4/a.b.example/tcp/4411', 'b.example'),
    at('dns6', dns(0x37), '/dns6/a.b.example/tcp/4411', 'b.example'),
    at('a name of one label', dns4('localhost', 1), '/dns4/localhost/tcp/1', 'localhost'),
    at('a name of 200 characters', dns4(longName(200), 1), `/dns4/${longName(200)}/tcp/1`, 'a.ab'),
    at('through a relay', circuit(ip4, OTHER_AUTHOR), `/ip4/203.0.113.9/tcp/4411${relay}`, '203.0.113.0/24'),
    at('loopback', tcp4('127.1.2.3', 1), '/ip4/127.1.2.3/tcp/1', 'loopback'),
    at(
      'loopback of IPv6',
      Buffer.concat([ip6('0'.repeat(31) + '1'), TCP_4411]),
      '/ip6/::1/tcp/4411',
      'loopback',
    ),
    at('IPv4 mapped into IPv6', mapped, '/ip6/::ffff:cb00:7109/tcp/4411', '203.0.113.0/24'),
    at('IPv4 behind NAT64', nat64, '/ip6/64:ff9b::cb00:7109/tcp/4411', '203.0.113.0/24'),
    at('6to4', sixToFour, '/ip6/2002:cb00:7109::/tcp/4411', '203.0.113.0/24'),
  ];
}

/** Every field as large as it may be. */
function largest(): Partial<Items> {
  const far = dns4(longName(200), 65_535);
  return {
    time: cbor.integer(SAFE_MAX - 60 * 60_000),
    expiry: cbor.integer(SAFE_MAX),
    role: cbor.text('light'),
    addresses: addressList(...Array.from({ length: 16 }, () => circuit(far, OTHER_AUTHOR))),
    software: cbor.text('v'.repeat(64)),
    generation: cbor.integer(SAFE_MAX),
    shards: cbor.list(Array.from({ length: 255 }, (_, i) => cbor.integer(65_281 + i))),
    storageBytes: cbor.integer(SAFE_MAX),
    connections: cbor.integer(SAFE_MAX),
    ext: cbor.map([['a', cbor.bytes(Buffer.alloc(512 - 6, 0x65))]]),
    ...operatorItems(),
  };
}

export function validVectors(): Vector[] {
  const other = announcement({}, { author: OTHER_AUTHOR }).toString('hex');
  return [
    vector(
      'the example of the SPEC',
      {},
      {
        addresses: ['/ip4/192.0.2.1/tcp/4411', '/ip4/192.0.2.1/tcp/4412/ws'],
        prefixes: ['192.0.2.0/24', '192.0.2.0/24'],
      },
    ),
    vector('by another author', {}, { hex: other, peerId: OTHER_PEER_ID }),
    vector('a light node without addresses', { role: cbor.text('light'), addresses: addressList() }),
    vector('of an operator, ready', { ...operatorItems(), isReady: cbor.TRUE }),
    vector(
      'of an operator, everything granted',
      operatorItems({ actions: 'admin,publish,read,sponsor,write' }),
    ),
    vector('of an operator whose delegation has ended', operatorItems({ expiry: TIME })),
    vector('its own operator', { operator: cbor.text(didOf(AUTHOR)), isReady: cbor.TRUE }),
    vector('no shards', { shards: cbor.list([]) }),
    vector('every field at its largest', largest(), { now: SAFE_MAX - 60 * 60_000 }),
    vector('an expiry 1 ms after the time', { expiry: cbor.integer(TIME + 1) }),
    vector('an expiry an hour after the time', { expiry: cbor.integer(TIME + 60 * 60_000) }),
    vector('20 000 ms ahead of the clock', {}, { now: TIME - 20_000 }),
    vector('1 ms before it expires, skew included', {}, { now: TIME + HALF_HOUR_MS + 19_999 }),
    vector('1 000 ms after the one known', {}, { known: TIME - 1000 }),
    vector('ext with a value', { ext: cbor.map([['a', cbor.list([cbor.integer(-1), cbor.TRUE])]]) }),
    ...addresses(),
  ];
}
