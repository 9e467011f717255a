import * as cbor from '../../support/cbor.ts';
import { didOf } from '../../support/did.ts';
import { AUTHOR, type Author, OTHER_AUTHOR, TIME } from '../../support/envelopes.ts';
import {
  bodyOf,
  EXAMPLE,
  etagOf,
  type Items,
  namespaceIdOf,
  partitionNumber,
  placeOfPartition,
  record,
  TOMBSTONE,
} from '../../support/records.ts';
import { written } from '../relay/vector.ts';
import { LEAF, NODE } from './cids.ts';
import type { Vector } from './vector.ts';

const SAFE_MAX = Number.MAX_SAFE_INTEGER;
export const VALUE_MAX = 1_048_576;

interface Names {
  readonly owner?: string;
  readonly namespace?: string;
  readonly key?: string;
}
interface Signed {
  readonly ms?: number;
  readonly counter?: number;
  readonly author?: Author;
}

export function value(size: number): Buffer {
  return cbor.bytes(Buffer.alloc(size, 0x61));
}

/** A record whose value is a link of these items. */
export function blob(...items: readonly Buffer[]): Partial<Items> {
  return { kind: cbor.integer(2), value: cbor.bytes(cbor.list(items)) };
}

function vector(
  name: string,
  other: Partial<Items> = {},
  { owner = didOf(AUTHOR), namespace = 'default', key = 'greeting' }: Names = {},
  { ms = TIME, counter = 0, author = AUTHOR }: Signed = {},
): Vector {
  const names = { owner: cbor.text(owner), namespace: cbor.text(namespace), key: cbor.text(key) };
  const items = {
    ...EXAMPLE,
    author: cbor.bytes(author.multikey),
    ...names,
    ms: cbor.integer(ms),
    counter: cbor.integer(counter),
    ...other,
  };
  const partition = partitionNumber(key);
  return {
    name,
    ...written(record(items, { author })),
    valid: true,
    etag: etagOf(bodyOf(items), ms, counter),
    partition,
    place: placeOfPartition(namespaceIdOf(owner, namespace), partition).toString('hex'),
    now: TIME,
  };
}

function keys(): Vector[] {
  return [
    vector('a key of one byte', {}, { key: 'k' }),
    vector('a key of 1 024 bytes with characters of 1 to 4 bytes', {}, { key: `${'aé€😀'.repeat(102)}abcd` }),
    vector('a key of NUL alone', {}, { key: '\u0000' }),
    vector('a key with control characters', {}, { key: 'a\u0000\n\u001f\u007f\u0080b' }),
    vector('a key with slashes and spaces', {}, { key: '/a//b / ' }),
    vector('a key with the replacement character', {}, { key: 'a\uFFFD' }),
    vector('a key with U+FEFF that is not the first', {}, { key: 'a\uFEFF' }),
    vector('a key composed', {}, { key: '\u00e9' }),
    vector('the same decomposed: another key', {}, { key: 'e\u0301' }),
    vector('a key of a noncharacter', {}, { key: '\uFFFF' }),
  ];
}

function fields(): Vector[] {
  const far = { time: cbor.integer(TIME + 20_000) };
  return [
    vector('the example of the SPEC'),
    vector('by another author', {}, {}, { author: OTHER_AUTHOR }),
    vector('another owner', {}, { owner: 'did:key:zé' }),
    vector('another namespace', {}, { namespace: 'n'.repeat(64) }),
    vector('an empty value', { value: value(0) }),
    vector('a value of 1 048 576 bytes', { value: value(VALUE_MAX) }),
    vector('a value that is CBOR', { value: cbor.bytes(cbor.list([cbor.NULL])) }),
    vector('no content type', { contentType: cbor.text('') }),
    vector('a content type of one character', { contentType: cbor.text('!') }),
    vector('a content type with parameters', { contentType: cbor.text('text/html; charset="utf-8"') }),
    vector('a content type of 255 characters', { contentType: cbor.text(`a${' '.repeat(253)}~`) }),
    vector('an expiry 1 ms after the time and the clock', { expiry: cbor.integer(TIME + 1) }),
    vector('the latest expiry', { expiry: cbor.integer(SAFE_MAX) }),
    vector('version 0', {}, {}, { ms: 0 }),
    vector('the highest counter', {}, {}, { counter: 65_535 }),
    vector('a version 20 000 ms ahead of the clock', {}, {}, { ms: TIME + 20_000 }),
    vector('a time 20 000 ms ahead of the clock', far),
    vector('a time and a version long ago', { time: cbor.integer(0) }, {}, { ms: 0 }),
    vector('a version 60 000 ms ahead of its time', { time: cbor.integer(TIME - 60_000) }),
    vector('a tombstone', TOMBSTONE),
    vector('a blob of one block', blob(cbor.integer(1), LEAF, cbor.integer(2 ** 20))),
    vector('an empty blob', blob(cbor.integer(1), LEAF, cbor.integer(0))),
    vector(
      'the smallest blob of more than one block',
      blob(cbor.integer(1), NODE, cbor.integer(2 ** 20 + 1)),
    ),
    vector('the largest blob', blob(cbor.integer(1), NODE, cbor.integer(2 ** 40))),
    vector('8 chain links', {
      chain: cbor.list([2048, 2042, 1, 1, 1, 1, 1, 1].map((size) => value(size))),
    }),
    vector('ext with a value', { ext: cbor.map([['a', cbor.list([cbor.integer(-1), cbor.TRUE])]]) }),
    vector('ext of 512 bytes, of which every one is an item', {
      ext: cbor.map([['a', cbor.list(Array.from({ length: 506 }, () => cbor.NULL))]]),
    }),
  ];
}

/** Every field as large as it may be. */
export function largest(): Partial<Items> {
  return {
    time: cbor.integer(TIME + 20_000),
    expiry: cbor.integer(SAFE_MAX),
    contentType: cbor.text('c'.repeat(255)),
    value: value(VALUE_MAX),
    chain: cbor.list([2048, 2042, 1, 1, 1, 1, 1, 1].map((size) => value(size))),
    ext: cbor.map([['a', value(512 - 6)]]),
  };
}

export function validVectors(): Vector[] {
  const names = { owner: `did:key:${'z'.repeat(248)}`, namespace: 'n'.repeat(64), key: 'k'.repeat(1024) };
  const version = { ms: TIME + 20_000, counter: 65_535 };
  return [...fields(), ...keys(), vector('every field at its largest', largest(), names, version)];
}
