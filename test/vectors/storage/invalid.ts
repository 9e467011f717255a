import * as cbor from '../../support/cbor.ts';
import { AUTHOR, OTHER_AUTHOR, TIME } from '../../support/envelopes.ts';
import {
  bodyOf,
  EXAMPLE,
  type Items,
  record,
  signatureOf,
  TOMBSTONE,
  wireOf,
} from '../../support/records.ts';
import { written } from '../relay/vector.ts';
import { LEAF, NODE, RECORD_CID } from './cids.ts';
import { blob, VALUE_MAX, value } from './valid.ts';
import type { Vector } from './vector.ts';

const LIMIT = 2n ** 53n;
const BYTE_ORDER_MARK = '\uFEFF';
const RECORD_MAX = VALUE_MAX + 16 * 1024;

function vector(name: string, code: string | undefined, bytes: Buffer, now = TIME): Vector {
  const why = code === undefined ? {} : { code };
  return { name, ...written(bytes), valid: false, ...why, now };
}

/** A field out of its rule, all else right and the signature over it. */
function field(name: string, items: Partial<Items>): Vector {
  return vector(name, 'record_field', record(items));
}

/** Not DAG-CBOR, or not the one form of it: which of the two a decoder says first is its own matter. */
function uncanonical(name: string, items: Partial<Items>): Vector {
  return vector(name, undefined, record(items));
}

function names(): Vector[] {
  return [
    field('an empty owner', { owner: cbor.text('') }),
    field('an owner of 257 bytes', { owner: cbor.text('d'.repeat(257)) }),
    field('an owner with a control character', { owner: cbor.text('did:\n') }),
    field('an owner that is bytes', { owner: cbor.bytes(Buffer.from('did:x')) }),
    field('an empty namespace', { namespace: cbor.text('') }),
    field('a namespace of 65 characters', { namespace: cbor.text('n'.repeat(65)) }),
    field('a namespace with a capital', { namespace: cbor.text('Default') }),
    field('an empty key', { key: cbor.text('') }),
    field('a key of 1 025 bytes', { key: cbor.text('k'.repeat(1025)) }),
    field('a key of 513 characters and 1 026 bytes', { key: cbor.text('é'.repeat(513)) }),
    field('a key that is bytes', { key: cbor.bytes(Buffer.from('greeting')) }),
    field('a key that is null', { key: cbor.NULL }),
    field('a key that is a list', { key: cbor.list([]) }),
    // a decoder that keeps U+FEFF sees the field, one that drops it sees another form
    uncanonical('a key that begins with U+FEFF', { key: cbor.text(`${BYTE_ORDER_MARK}a`) }),
    field('a key that begins with U+FEFF twice', { key: cbor.text(BYTE_ORDER_MARK.repeat(2)) }),
    uncanonical('a key that is no UTF-8', { key: cbor.text(Buffer.of(0x61, 0xff)) }),
    uncanonical('a key with a surrogate', { key: cbor.text(Buffer.of(0xed, 0xa0, 0x80)) }),
    uncanonical('a key with a NUL of two bytes', { key: cbor.text(Buffer.of(0xc0, 0x80)) }),
    field('an author of 33 bytes', { author: cbor.bytes(AUTHOR.multikey.subarray(0, 33)) }),
    field('an author of another kind of key', {
      author: cbor.bytes(Buffer.concat([Buffer.of(0xe7, 0x01), AUTHOR.publicKey])),
    }),
  ];
}

function numbers(): Vector[] {
  const fields = ['ms', 'counter', 'time'] as const;
  return [
    ...fields.flatMap((key) => [
      field(`${key} of -1`, { [key]: cbor.integer(-1) }),
      field(`${key} of 2^53`, { [key]: cbor.integer(LIMIT) }),
      field(`${key} that is null`, { [key]: cbor.NULL }),
      field(`${key} that is a fraction`, { [key]: cbor.float64(1.5) }),
      uncanonical(`${key} that is a float`, { [key]: cbor.float64(5) }),
      uncanonical(`${key} in a longer form`, { [key]: cbor.integer(5, 8) }),
    ]),
    field('a counter of 65 536', { counter: cbor.integer(65_536) }),
    field('an expiry at the time', { expiry: cbor.integer(TIME) }),
    field('an expiry before the time', { expiry: cbor.integer(TIME - 1) }),
    field('an expiry that is text', { expiry: cbor.text('never') }),
    field('an expiry of 2^53', { expiry: cbor.integer(LIMIT) }),
  ];
}

function links(...sizes: readonly number[]): Partial<Items> {
  return { chain: cbor.list(sizes.map((size) => value(size))) };
}

function values(): Vector[] {
  return [
    field('a blob whose value is no link', { kind: cbor.integer(2) }),
    field('a link of a later version', blob(cbor.integer(2), LEAF, cbor.integer(5))),
    field(
      'a link to a leaf that is larger than a chunk',
      blob(cbor.integer(1), LEAF, cbor.integer(2 ** 20 + 1)),
    ),
    field('a link to a node of a single chunk', blob(cbor.integer(1), NODE, cbor.integer(2 ** 20))),
    field('a link of more than 1 TiB', blob(cbor.integer(1), NODE, cbor.integer(2 ** 40 + 1))),
    field('a link to a record', blob(cbor.integer(1), RECORD_CID, cbor.integer(5))),
    field('a link with an item more', blob(cbor.integer(1), LEAF, cbor.integer(5), cbor.NULL)),
    field('a value that is a link', {
      ...blob(cbor.integer(1), LEAF, cbor.integer(5)),
      kind: cbor.integer(4),
    }),
    field('kind 3', { kind: cbor.integer(3) }),
    field('kind 16, a floor', { kind: cbor.integer(16) }),
    field('kind -1', { kind: cbor.integer(-1) }),
    field('a kind that is false', { kind: cbor.FALSE }),
    field('a tombstone with a value', { ...TOMBSTONE, value: value(1) }),
    field('a tombstone with a content type', { ...TOMBSTONE, contentType: cbor.text('text/plain') }),
    field('a tombstone with an expiry', { ...TOMBSTONE, expiry: cbor.integer(TIME + 1) }),
    field('a value of 1 048 577 bytes', { value: value(VALUE_MAX + 1) }),
    field('a value that is text', { value: cbor.text('hi') }),
    field('a value that is null', { value: cbor.NULL }),
    field('a content type of 256 characters', { contentType: cbor.text('c'.repeat(256)) }),
    field('a content type with a line feed', { contentType: cbor.text('text/plain\r\nx: y') }),
    field('a content type with a space at its end', { contentType: cbor.text('text/plain ') }),
    field('a content type of a space', { contentType: cbor.text(' ') }),
    field('a content type that is not ASCII', { contentType: cbor.text('téxt') }),
    field('a content type that is null', { contentType: cbor.NULL }),
    field('9 chain links', links(1, 1, 1, 1, 1, 1, 1, 1, 1)),
    field('an empty chain link', links(0)),
    field('a chain link of 2 049 bytes', links(2049)),
    field('a chain of 4 097 bytes', links(2048, 2048, 1)),
    field('a chain that is null', { chain: cbor.NULL }),
    field('ext of 513 bytes', { ext: cbor.map([['a', value(513 - 6)]]) }),
    field('ext that is a list', { ext: cbor.list([]) }),
    field('ext with the key /', { ext: cbor.map([['/', cbor.text('a')]]) }),
    field('ext with a fraction', { ext: cbor.map([['a', cbor.float64(0.5)]]) }),
  ];
}

function forms(): Vector[] {
  const whole = record();
  const manyItems = cbor.list(Array.from({ length: 100_000 }, () => cbor.list([])));
  return [
    vector('nothing', 'record_malformed', Buffer.alloc(0)),
    vector('a map', 'record_malformed', cbor.map([])),
    vector('an array of 14 items', 'record_malformed', bodyOf(EXAMPLE)),
    vector(
      '1 064 961 bytes',
      'record_too_large',
      Buffer.concat([whole, Buffer.alloc(RECORD_MAX + 1 - whole.byteLength)]),
    ),
    vector('version 2', 'record_version', record({ version: cbor.integer(2) })),
    vector('version 2 with nothing behind it', 'record_version', Buffer.of(0x8f, 0x02)),
    vector('one byte too few', 'record_malformed', whole.subarray(0, -1)),
    vector('one byte too many', 'record_malformed', Buffer.concat([whole, Buffer.of(0)])),
    vector('100 000 items', 'record_malformed', record({ chain: manyItems })),
    uncanonical('a list of indefinite length', {
      chain: Buffer.concat([cbor.indefinite(cbor.ARRAY), cbor.BREAK]),
    }),
    uncanonical('a value of indefinite length', {
      value: Buffer.concat([cbor.indefinite(cbor.BYTES), cbor.bytes(Buffer.from('hi')), cbor.BREAK]),
    }),
    uncanonical('a value with a longer head', { value: cbor.bytes(Buffer.from('hi'), 4) }),
    uncanonical('undefined in ext', { ext: cbor.map([['a', cbor.UNDEFINED]]) }),
    uncanonical('ext out of order', {
      ext: cbor.map([
        ['b', cbor.NULL],
        ['a', cbor.NULL],
      ]),
    }),
    uncanonical('a tag', { value: cbor.tag(0, cbor.bytes(Buffer.from('hi'))) }),
    vector('a signature of 63 bytes', 'record_field', wireOf(EXAMPLE, Buffer.alloc(63))),
    vector('a signature that is wrong', 'record_signature', wireOf(EXAMPLE, Buffer.alloc(64, 1))),
    vector('a signature for another swarm', 'record_signature', record({}, { swarm: 'other' })),
    vector(
      'signed by somebody else',
      'record_signature',
      wireOf(EXAMPLE, signatureOf(bodyOf(EXAMPLE), OTHER_AUTHOR)),
    ),
    vector(
      'the signature of another value',
      'record_signature',
      wireOf({ ...EXAMPLE, value: value(2) }, signatureOf(bodyOf(EXAMPLE))),
    ),
    vector(
      'the signature of another version',
      'record_signature',
      wireOf({ ...EXAMPLE, counter: cbor.integer(1) }, signatureOf(bodyOf(EXAMPLE))),
    ),
  ];
}

function times(): Vector[] {
  const ahead = TIME - 20_001;
  const expiring = record({ expiry: cbor.integer(TIME + 1) });
  return [
    vector(
      'a version 20 001 ms ahead of the clock',
      'record_clock',
      record({ time: cbor.integer(TIME - 60_000) }),
      ahead,
    ),
    vector('a time 20 001 ms ahead of the clock', 'record_clock', record({ ms: cbor.integer(0) }), ahead),
    vector(
      'a version 60 001 ms ahead of its time',
      'record_field',
      record({ time: cbor.integer(TIME - 60_001) }),
    ),
    vector('expired this very millisecond', 'record_expired', expiring, TIME + 1),
    vector('expired', 'record_expired', expiring, TIME + 1_000_000),
  ];
}

export function invalidVectors(): Vector[] {
  return [...forms(), ...names(), ...numbers(), ...values(), ...times()];
}
