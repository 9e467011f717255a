import * as cbor from '../../support/cbor.ts';
import { didOf } from '../../support/did.ts';
import {
  AUTHOR,
  bodyOf,
  EXAMPLE,
  EXAMPLE_SHARD,
  envelope,
  type Items,
  itemBytes,
  OTHER_AUTHOR,
  shardTopic,
  signatureOf,
  TIME,
  wireOf,
} from '../../support/envelopes.ts';
import { largest, messages } from './valid.ts';
import { type Vector, written } from './vector.ts';

const LIMIT = 2n ** 53n;
const GOSSIP_TOPIC = shardTopic(EXAMPLE_SHARD);

function vector(name: string, code: string | undefined, bytes: Buffer, place: Partial<Vector> = {}): Vector {
  const why = code === undefined ? {} : { code };
  return { name, ...written(bytes), valid: false, ...why, gossipTopic: GOSSIP_TOPIC, now: TIME, ...place };
}

/** A field out of its rule, all else right and the signature over it. */
function field(name: string, items: Partial<Items>): Vector {
  return vector(name, 'envelope_field', envelope(items));
}

/** Not DAG-CBOR, or not the one form of it: which of the two a decoder says first is its own matter. */
function uncanonical(name: string, items: Partial<Items>): Vector {
  return vector(name, undefined, envelope(items));
}

function names(): Vector[] {
  const controls = ['\u0000', '\u001f', '\u007f', '\n'];
  return [
    field('an empty owner', { owner: cbor.text('') }),
    field('an owner of 257 bytes', { owner: cbor.text('d'.repeat(257)) }),
    field('an owner of 256 characters and 257 bytes', { owner: cbor.text(`${'d'.repeat(255)}é`) }),
    field('an owner that is bytes', { owner: cbor.bytes(Buffer.from('did:x')) }),
    field('an owner that is null', { owner: cbor.NULL }),
    field('an empty namespace', { namespace: cbor.text('') }),
    field('a namespace of 65 characters', { namespace: cbor.text('n'.repeat(65)) }),
    field('a namespace with a capital', { namespace: cbor.text('Default') }),
    field('a namespace with an underscore', { namespace: cbor.text('a_b') }),
    field('a namespace with a line feed behind it', { namespace: cbor.text('default\n') }),
    field('a namespace that is not ASCII', { namespace: cbor.text('défaut') }),
    field('a namespace that is bytes', { namespace: cbor.bytes(Buffer.from('default')) }),
    field('an empty topic', { topic: cbor.text('') }),
    field('a topic of 257 bytes', { topic: cbor.text('t'.repeat(257)) }),
    field('a topic of 129 characters and 258 bytes', { topic: cbor.text('é'.repeat(129)) }),
    field('a topic that is bytes', { topic: cbor.bytes(Buffer.from('hello')) }),
    field('a topic that is a list', { topic: cbor.list([]) }),
    ...controls.flatMap((control) => [
      field(`an owner with ${JSON.stringify(control)}`, { owner: cbor.text(`did:${control}`) }),
      field(`a topic with ${JSON.stringify(control)}`, { topic: cbor.text(`a${control}b`) }),
    ]),
  ];
}

/** Text decoders drop a byte order mark at the beginning. */
function byteOrderMarks(): Vector[] {
  const twins = cbor.map([
    ['a', cbor.integer(1)],
    ['\uFEFFa', cbor.integer(2)],
  ]);
  return [
    uncanonical('a topic that begins with a byte order mark', { topic: cbor.text('\uFEFFhello') }),
    // a decoder that drops it finds an empty topic, one that keeps it a topic that begins so
    field('a topic that is a byte order mark and no more', { topic: cbor.text('\uFEFF') }),
    uncanonical('an owner that begins with a byte order mark', { owner: cbor.text('\uFEFFdid:x') }),
    uncanonical('ext with text that begins with a byte order mark', {
      ext: cbor.map([['a', cbor.text('\uFEFFb')]]),
    }),
    uncanonical('ext with two keys, told apart by a byte order mark', { ext: twins }),
  ];
}

/** Libraries take a map with this key for a link. */
function links(): Vector[] {
  const like = cbor.map([
    ['/', cbor.text('a')],
    ['bytes', cbor.text('a')],
  ]);
  return [
    field('ext with the keys / and bytes, equal', { ext: like }),
    field('ext with the key / in a map within', {
      ext: cbor.map([['a', cbor.map([['/', cbor.text('a')]])]]),
    }),
  ];
}

function numbers(): Vector[] {
  const keys = ['epoch', 'sequence', 'time'] as const;
  return [
    ...keys.flatMap((key) => [
      field(`${key} of 2^53`, { [key]: cbor.integer(LIMIT) }),
      field(`${key} of 2^64 - 1`, { [key]: cbor.integer(2n ** 64n - 1n) }),
      field(`${key} that is null`, { [key]: cbor.NULL }),
      field(`${key} that is text`, { [key]: cbor.text('1') }),
      field(`${key} that is a fraction`, { [key]: cbor.float64(1.5) }),
      field(`${key} that is true`, { [key]: cbor.TRUE }),
    ]),
    field('epoch of -1', { epoch: cbor.integer(-1) }),
    field('sequence of 0', { sequence: cbor.integer(0) }),
    field('sequence of -1', { sequence: cbor.integer(-1) }),
    field('sequence and one message above 2^53 - 1', { sequence: cbor.integer(LIMIT - 1n) }),
    field('sequence and three messages above 2^53 - 1', {
      sequence: cbor.integer(LIMIT - 3n),
      messages: messages(1, 1, 1),
    }),
    field('expiry at the time', { expiry: cbor.integer(TIME) }),
    field('expiry before the time', { expiry: cbor.integer(TIME - 1) }),
    field('expiry of 0', { expiry: cbor.integer(0) }),
    field('expiry of 2^53', { expiry: cbor.integer(LIMIT) }),
    field('expiry that is false', { expiry: cbor.FALSE }),
    field('expiry that is a fraction', { expiry: cbor.float64(TIME + 0.5) }),
  ];
}

function link(size: number): Buffer {
  return cbor.bytes(Buffer.alloc(size, 0x63));
}

function ones(count: number): number[] {
  return Array.from({ length: count }, () => 1);
}

function lists(): Vector[] {
  return [
    field('an author of 33 bytes', { author: cbor.bytes(AUTHOR.multikey.subarray(0, 33)) }),
    field('an author of 35 bytes', { author: cbor.bytes(Buffer.concat([AUTHOR.multikey, Buffer.of(0)])) }),
    field('an author that is a bare key', { author: cbor.bytes(AUTHOR.publicKey) }),
    field('an author of another kind of key', {
      author: cbor.bytes(Buffer.concat([Buffer.of(0xe7, 0x01), AUTHOR.publicKey])),
    }),
    field('an author whose prefix is not the shortest varint', {
      author: cbor.bytes(Buffer.concat([Buffer.of(0xed, 0x81, 0x00), AUTHOR.publicKey.subarray(1)])),
    }),
    field('an author that is text', { author: cbor.text('a'.repeat(34)) }),
    field('no message', { messages: messages() }),
    field('1 025 messages', { messages: messages(...ones(1025)) }),
    field('a message of 147 457 bytes', { messages: messages(147_457) }),
    field('messages of 147 457 bytes together', { messages: messages(147_400, 57) }),
    field('messages that are not in a list', { messages: cbor.bytes(Buffer.from('hi')) }),
    field('a message that is text', { messages: cbor.list([cbor.text('hi')]) }),
    field('a message that is null', { messages: cbor.list([cbor.NULL]) }),
    field('a chain of 9 links', { chain: cbor.list(ones(9).map(link)) }),
    field('a link of 2 049 bytes', { chain: cbor.list([link(2049)]) }),
    field('an empty link', { chain: cbor.list([link(0)]) }),
    field('links of 4 097 bytes together', { chain: cbor.list([link(2048), link(2048), link(1)]) }),
    field('a link that is text', { chain: cbor.list([cbor.text('x')]) }),
    field('a chain that is null', { chain: cbor.NULL }),
    field('a chain that is a map', { chain: cbor.map([]) }),
  ];
}

/** Items with an ext of one value. */
function single(value: Buffer): Partial<Items> {
  return { ext: cbor.map([['a', value]]) };
}

function exts(): Vector[] {
  const cid = Buffer.concat([Buffer.of(0, 0x01, 0x71, 0x12, 0x20), Buffer.alloc(32, 1)]);
  return [
    field('ext that is null', { ext: cbor.NULL }),
    field('ext that is a list', { ext: cbor.list([]) }),
    field('ext of 513 bytes', single(cbor.bytes(Buffer.alloc(507, 0x65)))),
    field('ext nested 5 deep', single(cbor.nested(4))),
    field(
      'ext nested 5 deep by maps',
      single(cbor.map([['a', cbor.map([['a', cbor.map([['a', cbor.map([])]])]])]])),
    ),
    field('ext with a fraction', single(cbor.float64(0.5))),
    field('ext with 2^53', single(cbor.integer(LIMIT))),
    field('ext with a link', single(cbor.tag(42, cbor.bytes(cid)))),
  ];
}

/** Forms that DAG-CBOR forbids or writes differently. */
function forms(): Vector[] {
  const hi = cbor.bytes(Buffer.from('hi'));
  const time = cbor.integer(TIME);
  const one = cbor.integer(1);
  const two = (...keys: readonly string[]): Buffer => cbor.map(keys.map((key) => [key, one] as const));
  return [
    uncanonical('sequence in two bytes', { sequence: cbor.integer(1, 1) }),
    uncanonical('sequence in nine bytes', { sequence: cbor.integer(1, 8) }),
    uncanonical('sequence as a float', { sequence: cbor.float64(1) }),
    uncanonical('time as a float', { time: cbor.float64(TIME) }),
    uncanonical('epoch as a float of 4 bytes', { epoch: Buffer.from('fa3f800000', 'hex') }),
    uncanonical('epoch as a float of 2 bytes', { epoch: Buffer.from('f93c00', 'hex') }),
    uncanonical('epoch as a bignum', { epoch: cbor.tag(2, cbor.bytes(Buffer.of(1))) }),
    uncanonical('time in a tag', { time: cbor.tag(1, time) }),
    uncanonical('owner with a long head', { owner: cbor.text(didOf(AUTHOR), 2) }),
    uncanonical('namespace with a long head', { namespace: cbor.text('default', 2) }),
    uncanonical('topic with a long head', { topic: cbor.text('hello', 8) }),
    uncanonical('author with a long head', { author: cbor.bytes(AUTHOR.multikey, 2) }),
    uncanonical('a message with a long head', { messages: cbor.list([cbor.bytes(Buffer.from('hi'), 1)]) }),
    uncanonical('messages with a long head', { messages: cbor.list([hi], 1) }),
    uncanonical('chain with a long head', { chain: cbor.list([], 1) }),
    uncanonical('ext with a long head', { ext: cbor.map([], 1) }),
    uncanonical('messages of indefinite length', {
      messages: Buffer.concat([cbor.indefinite(cbor.ARRAY), hi, cbor.BREAK]),
    }),
    uncanonical('a message of indefinite length', {
      messages: cbor.list([Buffer.concat([cbor.indefinite(cbor.BYTES), hi, cbor.BREAK])]),
    }),
    uncanonical('a topic of indefinite length', {
      topic: Buffer.concat([cbor.indefinite(cbor.TEXT), cbor.text('hello'), cbor.BREAK]),
    }),
    uncanonical('ext of indefinite length', { ext: Buffer.concat([cbor.indefinite(cbor.MAP), cbor.BREAK]) }),
    uncanonical('expiry undefined', { expiry: cbor.UNDEFINED }),
    uncanonical('ext with undefined', single(cbor.UNDEFINED)),
    uncanonical('ext with a simple value', single(Buffer.of(0xe0))),
    uncanonical('ext with a float of an integer', single(cbor.float64(1))),
    uncanonical('ext with NaN', single(Buffer.from('fb7ff8000000000000', 'hex'))),
    uncanonical('ext with infinity', single(Buffer.from('fb7ff0000000000000', 'hex'))),
    uncanonical('ext with a tag', single(cbor.tag(0, cbor.text('x')))),
    uncanonical('ext with keys out of order', { ext: two('b', 'a') }),
    uncanonical('ext with the longer key first', { ext: two('aa', 'b') }),
    uncanonical('ext with a key twice', { ext: two('a', 'a') }),
    uncanonical('ext with a number for a key', { ext: Buffer.of(0xa1, 0x01, 0x01) }),
    uncanonical('ext with bytes for a key', { ext: Buffer.of(0xa1, 0x41, 0x61, 0x01) }),
    uncanonical('a topic that is not UTF-8', { topic: cbor.text(Buffer.of(0x61, 0xff)) }),
    uncanonical('a topic with an overlong form', { topic: cbor.text(Buffer.of(0xc1, 0xa1)) }),
    uncanonical('a topic with a surrogate', { topic: cbor.text(Buffer.of(0xed, 0xa0, 0x80)) }),
    uncanonical('a topic cut within a character', { topic: cbor.text(Buffer.of(0x61, 0xe2, 0x82)) }),
  ];
}

function join(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts);
}

/** The list itself: its head, its length, what stands behind it. */
function frames(): Vector[] {
  const whole = envelope();
  const items = itemBytes(EXAMPLE);
  const signature = signatureOf(bodyOf(EXAMPLE));
  const end = cbor.bytes(signature);
  const malformed = (name: string, bytes: Buffer): Vector => vector(name, 'envelope_malformed', bytes);
  return [
    malformed('nothing', Buffer.alloc(0)),
    malformed('one byte', Buffer.of(0x8d)),
    malformed('a head and a version', Buffer.of(0x8d, 0x01)),
    malformed('a map', join(Buffer.of(0xad), items, end)),
    malformed('a list with a long head', join(Buffer.of(0x98, 0x0d), items, end)),
    malformed('a list of indefinite length', join(Buffer.of(0x9f), items, end, cbor.BREAK)),
    malformed('an envelope in a tag', join(Buffer.of(0xd8, 0x2a), whole)),
    malformed('the body alone', bodyOf(EXAMPLE)),
    malformed('the body with the envelope’s head', join(Buffer.of(0x8d), items)),
    malformed('the envelope with the body’s head', join(Buffer.of(0x8c), items, end)),
    malformed('14 items', join(Buffer.of(0x8e), items, end, cbor.NULL)),
    malformed('a version of two bytes', envelope({ version: cbor.integer(1, 1) })),
    malformed('version 24', envelope({ version: cbor.integer(24) })),
    malformed('version -1', envelope({ version: cbor.integer(-1) })),
    malformed('version null', envelope({ version: cbor.NULL })),
    malformed('version "1"', envelope({ version: cbor.text('1') })),
    malformed('version 1.0', envelope({ version: cbor.float64(1) })),
    malformed('a byte missing', whole.subarray(0, -1)),
    malformed('a byte behind it', join(whole, Buffer.of(0))),
    malformed('another envelope behind it', join(whole, whole)),
    malformed('a topic longer than what is left', envelope({ topic: cbor.head(cbor.TEXT, 2n ** 32n - 1n) })),
    malformed('a list longer than what is left', envelope({ chain: cbor.head(cbor.ARRAY, 2n ** 32n - 1n) })),
    malformed('a reserved argument', envelope({ sequence: Buffer.of(0x1c) })),
    vector('a signature with a long head', undefined, join(Buffer.of(0x8d), items, cbor.bytes(signature, 2))),
    vector(
      'a signature of indefinite length',
      undefined,
      join(Buffer.of(0x8d), items, Buffer.of(0x5f), end, cbor.BREAK),
    ),
    vector('a signature of 63 bytes', 'envelope_field', wireOf(EXAMPLE, signature.subarray(0, 63))),
    vector('a signature of 65 bytes', 'envelope_field', wireOf(EXAMPLE, join(signature, Buffer.of(0)))),
    vector('a signature that is null', 'envelope_field', join(Buffer.of(0x8d), items, cbor.NULL)),
  ];
}

function unknown(name: string, bytes: Buffer): Vector {
  return vector(name, 'envelope_version', bytes);
}

function versions(): Vector[] {
  return [
    unknown('version 0', envelope({ version: cbor.integer(0) })),
    unknown('version 2', envelope({ version: cbor.integer(2) })),
    unknown('version 23', envelope({ version: cbor.integer(23) })),
    unknown('version 2 of one item', Buffer.of(0x81, 0x02)),
    unknown('version 2 of 23 items that are not there', Buffer.of(0x97, 0x02)),
    unknown('version 2 and then no CBOR', Buffer.of(0x8d, 0x02, 0xff, 0xff, 0x1c)),
    unknown('version 2 of a list of none', Buffer.of(0x80, 0x02)),
  ];
}

/** 2^252 + 27742317777372353535851937790883648493: the order of the group, in the order of a signature's bytes. */
const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

function addOrder(signature: Buffer): Buffer {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + GROUP_ORDER;
  const malleated = Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse();
  return Buffer.concat([signature.subarray(0, 32), malleated]);
}

function bad(name: string, bytes: Buffer): Vector {
  return vector(name, 'envelope_signature', bytes);
}

function signatures(): Vector[] {
  const body = bodyOf(EXAMPLE);
  const good = signatureOf(body);
  const flipped = Buffer.from(good);
  flipped[40] = (flipped[40] ?? 0) ^ 1;
  const neutral = Buffer.concat([Buffer.of(0xed, 0x01, 0x01), Buffer.alloc(31)]);
  const neutralSignature = Buffer.concat([Buffer.of(0x01), Buffer.alloc(63)]);
  const changed = { ...EXAMPLE, messages: cbor.list([cbor.bytes(Buffer.from('ho'))]) };
  return [
    bad('a bit of the signature changed', wireOf(EXAMPLE, flipped)),
    bad('a message changed after it was signed', wireOf(changed, good)),
    bad('a signature of zeros', wireOf(EXAMPLE, Buffer.alloc(64))),
    bad('the signature of another author', wireOf(EXAMPLE, signatureOf(body, OTHER_AUTHOR))),
    bad('signed for another swarm', envelope({}, { swarm: 'other' })),
    bad('S above the order of the group', wireOf(EXAMPLE, addOrder(good))),
    bad('an author of small order', wireOf({ ...EXAMPLE, author: cbor.bytes(neutral) }, neutralSignature)),
  ];
}

function contexts(): Vector[] {
  const whole = envelope();
  const expiring = envelope({ expiry: cbor.integer(TIME + 100) });
  const forged = wireOf(EXAMPLE, Buffer.alloc(64));
  return [
    vector('on another shard', 'envelope_shard', whole, { gossipTopic: shardTopic(6) }),
    vector('on a topic of another generation', 'envelope_shard', whole, {
      gossipTopic: '/maillon/relay/1/1/7',
    }),
    vector('20 001 ms late', 'envelope_clock', whole, { now: TIME + 20_001 }),
    vector('20 001 ms early', 'envelope_clock', whole, { now: TIME - 20_001 }),
    vector('at its expiry', 'envelope_expired', expiring, { now: TIME + 100 }),
    vector('after its expiry', 'envelope_expired', expiring, { now: TIME + 101 }),
    vector('a second time', 'envelope_duplicate', whole, { after: 'the example of the SPEC' }),
    vector('a second time, forged', 'envelope_duplicate', forged, { after: 'the example of the SPEC' }),
    vector('late and forged: late is said first', 'envelope_clock', forged, { now: TIME + 20_001 }),
    vector('late and expired: late is said first', 'envelope_clock', expiring, { now: TIME + 30_000 }),
    vector('late and on another shard: the shard is said first', 'envelope_shard', whole, {
      now: TIME + 30_000,
      gossipTopic: shardTopic(0),
    }),
  ];
}

/** The first of several faults decides. */
function sizesAndOrder(): Vector[] {
  const tooLarge = (name: string, bytes: Buffer): Vector => vector(name, 'envelope_too_large', bytes);
  return [
    tooLarge('153 601 bytes', envelope(largest(153_601))),
    tooLarge('153 601 bytes of zeros', Buffer.alloc(153_601)),
    tooLarge('153 601 bytes of another version', Buffer.alloc(153_601, 0x82)),
    tooLarge('a megabyte', envelope({ messages: messages(2 ** 20) })),
    vector('153 600 bytes of zeros', 'envelope_malformed', Buffer.alloc(153_600)),
    vector(
      '153 600 lists in each other',
      'envelope_malformed',
      Buffer.concat([Buffer.of(0x8d, 1), Buffer.alloc(153_598, 0x81)]),
    ),
    vector(
      'a field before the form',
      'envelope_field',
      envelope({ namespace: cbor.text('A'), ext: cbor.map([['a', cbor.float64(1)]]) }),
    ),
    vector('a field before the shard', 'envelope_field', envelope({ sequence: cbor.integer(0) }), {
      gossipTopic: shardTopic(0),
    }),
  ];
}

export function invalidVectors(): Vector[] {
  return [
    ...sizesAndOrder(),
    ...frames(),
    ...versions(),
    ...names(),
    ...byteOrderMarks(),
    ...links(),
    ...numbers(),
    ...lists(),
    ...exts(),
    ...forms(),
    ...signatures(),
    ...contexts(),
  ];
}
