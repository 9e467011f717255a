import * as cbor from '../../support/cbor.ts';
import { AUTHOR, sha256, TIME } from '../../support/envelopes.ts';
import { OWNER } from '../../support/identities.ts';
import type { JoinVector } from './vector.ts';

const ONE = cbor.integer(1);
const NONE = cbor.bytes(Buffer.alloc(0));
const EMPTY = cbor.list([]);
const ID = Buffer.from('0102030405060708', 'hex');
const SECRET = Buffer.from(Array.from({ length: 32 }, (_, i) => 0xa0 + i));
/** `/ip4/192.0.2.1/tcp/4411`. */
const ADDRESS = Buffer.from('04c000020106113b', 'hex');
const LINK = cbor.bytes(Buffer.from('a link is not looked at'));
const NAME = cbor.text('host.example');

/** Fields of an invite, each as its bytes on the wire, in their order. */
const INVITE = {
  version: ONE,
  id: cbor.bytes(ID),
  secret: cbor.bytes(SECRET),
  role: cbor.text('node'),
  swarm: cbor.text('maillon'),
  owner: cbor.text(OWNER.did),
  issuer: cbor.bytes(AUTHOR.multikey),
  addresses: cbor.list([cbor.bytes(ADDRESS)]),
  networkKey: NONE,
  expiry: cbor.integer(TIME),
  chain: EMPTY,
};
type Fields = { readonly [Name in keyof typeof INVITE]: Buffer };

function textOf(bytes: Buffer): string {
  const checksum = sha256(bytes).subarray(0, 4);
  return `maillon_invite_${Buffer.concat([bytes, checksum]).toString('base64url')}`;
}

function hashOf(id: Buffer, secret: Buffer): string {
  const domain = cbor.text('maillon/invite-secret/1');
  return sha256(cbor.list([domain, cbor.bytes(id), cbor.bytes(secret)])).toString('hex');
}

function valid(name: string, change: Partial<Fields> = {}): JoinVector {
  const bytes = cbor.list(Object.values({ ...INVITE, ...change }));
  const secretHash = change.secret === undefined ? { secretHash: hashOf(ID, SECRET) } : {};
  return { name, kind: 'invite', hex: bytes.toString('hex'), text: textOf(bytes), ...secretHash };
}

function invalid(name: string, change: Partial<Fields>, code = 'invite_malformed'): JoinVector {
  return {
    name,
    kind: 'invite',
    hex: cbor.list(Object.values({ ...INVITE, ...change })).toString('hex'),
    code,
  };
}

function frame(
  kind: 'request' | 'answer',
  name: string,
  items: readonly Buffer[],
  code?: string,
): JoinVector {
  return { name, kind, hex: cbor.list(items).toString('hex'), ...(code === undefined ? {} : { code }) };
}

function invites(): JoinVector[] {
  const many = cbor.list(Array.from({ length: 17 }, () => cbor.bytes(ADDRESS)));
  const whole = Object.values(INVITE);
  return [
    valid('an invite for a node'),
    valid('an invite for a gateway', { role: cbor.text('gateway') }),
    valid('an invite into a private network', { networkKey: cbor.bytes(Buffer.alloc(32, 9)) }),
    valid('an invite for one machine', { secret: NONE, chain: cbor.list([LINK]) }),
    valid('an invite without an address', { addresses: EMPTY }),
    invalid('another version', { version: cbor.integer(2) }, 'invite_version'),
    invalid('an id of 7 bytes', { id: cbor.bytes(ID.subarray(1)) }),
    invalid('a secret of 31 bytes', { secret: cbor.bytes(SECRET.subarray(1)) }),
    invalid('neither a secret nor a chain', { secret: NONE }),
    invalid('both a secret and a chain', { chain: cbor.list([LINK]) }),
    invalid('an unknown role', { role: cbor.text('admin') }),
    invalid('a swarm that is no name', { swarm: cbor.text('My Swarm') }),
    invalid('an owner that is no DID', { owner: cbor.text('me') }),
    invalid('an issuer that is no Ed25519 key', { issuer: cbor.bytes(Buffer.alloc(34)) }),
    invalid('an address that no node has', { addresses: cbor.list([cbor.bytes(Buffer.of(4, 0, 0, 0, 0))]) }),
    invalid('17 addresses', { addresses: many }),
    invalid('a network key of 16 bytes', { networkKey: cbor.bytes(Buffer.alloc(16)) }),
    invalid('an expiry that is negative', { expiry: cbor.integer(-1) }),
    invalid('a chain with an empty link', { secret: NONE, chain: cbor.list([NONE]) }),
    invalid('a chain of 4 097 bytes', { secret: NONE, chain: cbor.list([cbor.bytes(Buffer.alloc(4097))]) }),
    invalid('an expiry that is longer than it needs', { expiry: cbor.integer(1, 8) }),
    {
      name: 'an item too many',
      kind: 'invite',
      hex: cbor.list([...whole, ONE]).toString('hex'),
      code: 'invite_malformed',
    },
  ];
}

function frames(): JoinVector[] {
  const bad = 'frame_malformed';
  const [redeem, renew] = [cbor.text('redeem'), cbor.text('renew')];
  const [id, secret] = [cbor.bytes(ID), cbor.bytes(SECRET)];
  const chain = cbor.list([LINK]);
  const point = cbor.list([cbor.bytes(AUTHOR.multikey), cbor.bytes(ADDRESS)]);
  const none = cbor.text('');
  const points = (count: number): Buffer => cbor.list(Array.from({ length: count }, () => point));
  return [
    frame('request', 'redeeming', [ONE, redeem, id, secret, NAME]),
    frame('request', 'redeeming without a name', [ONE, redeem, id, secret, none]),
    frame('request', 'renewing', [ONE, renew, chain, NAME]),
    frame('request', 'renewing nothing', [ONE, renew, EMPTY, NAME]),
    frame('request', 'another version', [cbor.integer(2), redeem, id, secret, NAME], 'frame_version'),
    frame('request', 'an unknown kind', [ONE, cbor.text('steal'), id, secret, NAME], bad),
    frame('request', 'a secret of 31 bytes', [ONE, redeem, id, cbor.bytes(SECRET.subarray(1)), NAME], bad),
    frame('request', 'a name with a control character', [ONE, renew, chain, cbor.text('a\u001bb')], bad),
    frame('request', 'a name of 65 characters', [ONE, renew, chain, cbor.text('a'.repeat(65))], bad),
    frame('request', 'an item too many', [ONE, renew, chain, NAME, ONE], bad),
    frame(
      'request',
      'a chain of 9 links',
      [ONE, renew, cbor.list(Array.from({ length: 9 }, () => LINK)), NAME],
      bad,
    ),
    frame('answer', 'a grant', [ONE, none, chain, points(1)]),
    frame('answer', 'a grant with 16 entry points', [ONE, none, chain, points(16)]),
    frame('answer', 'a refusal', [ONE, cbor.text('invite_used'), EMPTY, EMPTY]),
    frame('answer', 'a refusal that is not known', [ONE, cbor.text('no_way'), EMPTY, EMPTY], bad),
    frame('answer', 'a refusal with a chain', [ONE, cbor.text('invite_used'), chain, EMPTY], bad),
    frame('answer', 'a grant without a chain', [ONE, none, EMPTY, points(1)], bad),
    frame('answer', '17 entry points', [ONE, none, chain, points(17)], bad),
    frame(
      'answer',
      'an entry point without an address',
      [ONE, none, chain, cbor.list([cbor.list([id])])],
      bad,
    ),
    frame('answer', 'another version', [cbor.integer(0), none, chain, EMPTY], 'frame_version'),
  ];
}

export function joinVectors(): JoinVector[] {
  return [...invites(), ...frames()];
}
