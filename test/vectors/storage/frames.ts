import * as cbor from '../../support/cbor.ts';
import { TIME } from '../../support/envelopes.ts';
import { session } from '../../support/identities.ts';
import { LEAF, NODE, RECORD_CID } from './cids.ts';
import {
  answer,
  answerOf,
  BAD,
  BLOB,
  BLOCK,
  bytes,
  DIGEST,
  EMPTY,
  ENTRIES,
  FALSE,
  FETCH,
  FINGERPRINT,
  frame,
  GET,
  GONE,
  HANDOVER,
  HAS,
  ID,
  ITEM,
  int,
  KEY,
  LIST,
  list,
  MESSAGE,
  NAMES,
  NAMESPACE,
  NULL,
  OWNER,
  PARTITIONS,
  PREFETCH,
  PUT,
  RECONCILE,
  RECORD,
  raw,
  request,
  SHORT_FINGERPRINT,
  STAMP,
  STANDING,
  STATE,
  TRUE,
  text,
  VERSIONS,
  VIEW,
} from './frame.ts';
import type { FrameVector } from './vector.ts';

function heads(): FrameVector[] {
  const items = [...NAMES, KEY];
  return [
    raw('nothing', Buffer.alloc(0), BAD),
    raw('a map', cbor.map([]), BAD),
    raw('an array of two', list([int(1), ID]), BAD),
    raw('an array of 24', list(Array.from({ length: 24 }, () => int(1))), BAD),
    raw('another version', list([int(2), ID, int(GET), ...items]), 'frame_version'),
    raw('a version that is text', list([text('1'), ID, int(GET), ...items]), BAD),
    raw('the highest id', list([int(1), int(2 ** 32 - 1), int(GET), ...items])),
    raw('an id of 2^32', list([int(1), int(2 ** 32), int(GET), ...items]), BAD),
    raw('an id of -1', list([int(1), int(-1), int(GET), ...items]), BAD),
    raw('an id in a longer form', list([int(1), int(7, 1), int(GET), ...items]), BAD),
    raw('type 0', frame(0, items), 'frame_type'),
    raw('a type of a later version', frame(99, [NULL]), 'frame_type'),
    raw('a type that is text', list([int(1), ID, text('get'), ...items]), BAD),
    raw('one byte too few', frame(GET, items).subarray(0, -1), BAD),
    raw('one byte too many', Buffer.concat([frame(GET, items), Buffer.of(0)]), BAD),
    raw('a get of 4 097 bytes', frame(GET, [...NAMES, bytes(Buffer.alloc(4024))]), 'frame_too_large'),
    raw('a get of many items', frame(GET, [...NAMES, list(Array.from({ length: 25 }, () => EMPTY))]), BAD),
  ];
}

function condition(items: readonly Buffer[], code?: string): FrameVector {
  return request(
    `a put with a condition ${list(items).toString('hex')}`,
    PUT,
    [list(items), FALSE, RECORD],
    code,
  );
}

function named(key: Buffer): readonly Buffer[] {
  return [...NAMES, key];
}

function requests(): FrameVector[] {
  return [
    request('a get', GET, named(KEY)),
    request('a get of a key with NUL', GET, named(text('\u0000'))),
    request('a get of no key', GET, named(text('')), BAD),
    request('a get of a key of 1 025 bytes', GET, named(text('k'.repeat(1025))), BAD),
    request('a get of a key that begins with U+FEFF', GET, named(text('\uFEFFa')), BAD),
    request('a get of a key that is no UTF-8', GET, named(text(Buffer.of(0xff))), BAD),
    request('a get of an owner', GET, [text('did:key:z'), text('default'), KEY]),
    request('a get of an owner with a line feed', GET, [text('a\n'), text('default'), KEY], BAD),
    request('a get of an owner of 257 bytes', GET, [text('a'.repeat(257)), text('default'), KEY], BAD),
    request('a get without an owner', GET, [NULL, text('default'), KEY], BAD),
    request('a get of an owner without a name', GET, [text(''), text('default'), KEY], BAD),
    request('a get of a namespace that is none', GET, [OWNER, text('A'), KEY], BAD),
    request('a get by the id of a namespace', GET, [NAMESPACE, KEY], BAD),
    request('a get with an item too many', GET, [...NAMES, KEY, NULL], BAD),
    request('a put', PUT, [NULL, FALSE, RECORD]),
    request('a put to a fallback replica', PUT, [NULL, TRUE, RECORD]),
    request('a put of nothing', PUT, [NULL, FALSE, bytes(Buffer.alloc(0))], BAD),
    request('a put to a fallback replica that is a number', PUT, [NULL, int(1), RECORD], BAD),
    condition([int(0)]),
    condition([int(1), ...STAMP]),
    condition([int(2), ...STAMP]),
    condition([], BAD),
    condition([int(3), ...STAMP], BAD),
    condition([int(0), ...STAMP], BAD),
    condition([int(1)], BAD),
    condition([int(2), int(TIME), int(0)], BAD),
    condition([int(2), int(TIME), int(65_536), DIGEST], BAD),
    condition([int(2), int(TIME), int(0), bytes(Buffer.alloc(31))], BAD),
    request('a list', LIST, [...NAMES, int(0), text(''), NULL, int(1)]),
    request('a list of a prefix from a key on', LIST, [
      ...NAMES,
      int(15),
      text('a/'),
      text('a/b'),
      int(1000),
    ]),
    request('a list of partition 16', LIST, [...NAMES, int(16), text(''), NULL, int(1)], BAD),
    request('a list of 0', LIST, [...NAMES, int(0), text(''), NULL, int(0)], BAD),
    request('a list of 1 001', LIST, [...NAMES, int(0), text(''), NULL, int(1001)], BAD),
    request('a list after no key', LIST, [...NAMES, int(0), text(''), text(''), int(1)], BAD),
    request('a list of no prefix', LIST, [...NAMES, int(0), NULL, NULL, int(1)], BAD),
    request('a list by the id of a namespace', LIST, [NAMESPACE, int(0), text(''), NULL, int(1)], BAD),
    request(
      'a list of a namespace that is none',
      LIST,
      [OWNER, text('A'), int(0), text(''), NULL, int(1)],
      BAD,
    ),
    request('a type that is retired', VERSIONS, [NAMESPACE, int(0), NULL, int(1000)], 'frame_type'),
    request('a fetch', FETCH, [NAMESPACE, int(3), list([KEY, text('a')])]),
    request('a fetch of 64', FETCH, [NAMESPACE, int(3), list(Array.from({ length: 64 }, () => KEY))]),
    request('a fetch of none', FETCH, [NAMESPACE, int(3), EMPTY], BAD),
    request('a fetch of 65', FETCH, [NAMESPACE, int(3), list(Array.from({ length: 65 }, () => KEY))], BAD),
    request('partitions', PARTITIONS, [NULL, int(1000)]),
    request('partitions from one on', PARTITIONS, [list([NAMESPACE, int(15)]), int(1)]),
    request('partitions from half of one on', PARTITIONS, [list([NAMESPACE]), int(1)], BAD),
    request('state', STATE, [...NAMES, int(15)]),
    request('state of an owner', STATE, [text('did:key:z'), text('default'), int(0)]),
    request('state of partition 16', STATE, [...NAMES, int(16)], BAD),
    request('state of a namespace that is none', STATE, [OWNER, text('A'), int(0)], BAD),
    request('state by the id of a namespace', STATE, [NAMESPACE, int(15)], BAD),
    request('a reconciliation', RECONCILE, [NAMESPACE, int(3), MESSAGE]),
    request('a reconciliation with the longest message', RECONCILE, [
      NAMESPACE,
      int(3),
      bytes(Buffer.alloc(16_384, 0x61)),
    ]),
    request(
      'a reconciliation with a message too long',
      RECONCILE,
      [NAMESPACE, int(3), bytes(Buffer.alloc(16_385, 0x61))],
      BAD,
    ),
    request(
      'a reconciliation without a message',
      RECONCILE,
      [NAMESPACE, int(3), bytes(Buffer.alloc(0))],
      BAD,
    ),
    request('a reconciliation of partition 16', RECONCILE, [NAMESPACE, int(16), MESSAGE], BAD),
    request('entries', ENTRIES, [NAMESPACE, int(3), list([ITEM])]),
    request('entries of 256', ENTRIES, [NAMESPACE, int(3), list(Array.from({ length: 256 }, () => ITEM))]),
    request(
      'entries of 257',
      ENTRIES,
      [NAMESPACE, int(3), list(Array.from({ length: 257 }, () => ITEM))],
      BAD,
    ),
    request('entries of none', ENTRIES, [NAMESPACE, int(3), EMPTY], BAD),
    request(
      'entries of an id of 31 bytes',
      ENTRIES,
      [NAMESPACE, int(3), list([bytes(Buffer.alloc(31))])],
      BAD,
    ),
    request('a hand-over', HANDOVER, [text('did:key:z'), text('default'), int(0)]),
    request('a hand-over of a namespace that is none', HANDOVER, [OWNER, text('A'), int(0)], BAD),
  ];
}

function leaves(count: number): Buffer {
  return list(Array.from({ length: count }, () => LEAF));
}

function blockRequests(): FrameVector[] {
  return [
    request('a question for a block of each kind', HAS, [list([LEAF, NODE])]),
    request('a question for 256 blocks', HAS, [leaves(256)]),
    request('a question for 257 blocks', HAS, [leaves(257)], BAD),
    request('a question for no block', HAS, [EMPTY], BAD),
    request('a question for what is no block', HAS, [list([RECORD_CID])], BAD),
    request('a block', BLOCK, [LEAF, FALSE]),
    request('a block that is a node', BLOCK, [NODE, FALSE]),
    request('a block if it is public', BLOCK, [LEAF, TRUE]),
    request('a block if it is public, as a number', BLOCK, [LEAF, int(1)], BAD),
    request('a block, public or not', BLOCK, [LEAF], BAD),
    request('a block by the CID of a record', BLOCK, [RECORD_CID, FALSE], BAD),
    request('a block by a CID of 35 bytes', BLOCK, [bytes(Buffer.alloc(35)), FALSE], BAD),
    request('a block by nothing', BLOCK, [NULL, FALSE], BAD),
    answer('one of the blocks is there', HAS, [list([TRUE, FALSE])]),
    answer('fewer than were asked about', HAS, [list([TRUE])], BAD),
    answer('more than were asked about', HAS, [list([TRUE, TRUE, TRUE])], BAD),
    answer('a number of blocks', HAS, [list([int(1), int(0)])], BAD),
    answer('the bytes of a block', BLOCK, [bytes(Buffer.from('hello world'))]),
    answer('the bytes of an empty block', BLOCK, [bytes(Buffer.alloc(0))]),
    answer('no block', BLOCK, [NULL]),
    answer('a block that is text', BLOCK, [text('hello world')], BAD),
  ];
}

function blobRequests(): FrameVector[] {
  return [
    request('to prefetch for a record', PREFETCH, [RECORD]),
    request('to prefetch for nothing', PREFETCH, [bytes(Buffer.alloc(0))], BAD),
    request('to prefetch for a record of 16 449 bytes', PREFETCH, [bytes(Buffer.alloc(16_449))], BAD),
    request('what there is of a blob', BLOB, [NODE]),
    request('what there is of a record', BLOB, [RECORD_CID], BAD),
    answer('a blob that is coming', PREFETCH, [int(12), FALSE]),
    answer('a blob that is there', BLOB, [int(13), TRUE]),
    answer('a blob of -1 blocks', BLOB, [int(-1), FALSE], BAD),
    answer('a blob that is there or not', BLOB, [int(13), NULL], BAD),
  ];
}

function entry(key: string, other: { expiry?: Buffer; contentType?: string } = {}): Buffer {
  return list([text(key), ...STAMP, int(2), other.expiry ?? NULL, text(other.contentType ?? '')]);
}

function version(key: string, kind: number): Buffer {
  return list([text(key), ...STAMP, int(kind)]);
}

function page(entries: readonly Buffer[], next: Buffer = NULL): Buffer[] {
  return [...STANDING, list(entries), next];
}

function pages(): FrameVector[] {
  const typed = [entry('abc', { expiry: int(TIME + 1), contentType: 'text/plain' })];
  return [
    answer('the last page of a list', LIST, page(typed)),
    answer('a page of a list that goes on', LIST, page([entry('abc')], text('abc'))),
    answer('a page of none that goes on', LIST, page([], text('abc'))),
    answer('a page of none that goes on where it began', LIST, page([], text('ab')), BAD),
    answer('a page that goes on before its end', LIST, page([entry('ac')], text('abc')), BAD),
    answer('a page of too many', LIST, page(['ac', 'ad', 'ae', 'af'].map((key) => entry(key))), BAD),
    answer('a page with a key twice', LIST, page([entry('ac'), entry('ac')]), BAD),
    answer('a page out of order', LIST, page([entry('ad'), entry('ac')]), BAD),
    answer('a page from before its beginning', LIST, page([entry('aa')]), BAD),
    answer('a page with another prefix', LIST, page([entry('b')]), BAD),
    answer('a page with a content type that is none', LIST, page([entry('ac', { contentType: '\n' })]), BAD),
    answer('a page in the order of UTF-16', LIST, page([entry('a\u{10000}'), entry('a\uE000')]), BAD),
  ];
}

function cursor(byte: number, number: number): Buffer {
  return list([bytes(Buffer.alloc(32, byte)), int(number)]);
}

function answers(): FrameVector[] {
  const partition = list([...NAMES, int(3), int(10), int(1000)]);
  return [
    answer('a record', GET, [...STANDING, RECORD, NULL]),
    answer('a record that is kept for a day', GET, [...STANDING, RECORD, int(TIME + 86_400_000)]),
    answer('a record that is kept until before 1970', GET, [...STANDING, RECORD, int(-1)], BAD),
    answer('a record, and nobody knows how long', GET, [...STANDING, RECORD], BAD),
    answer('a floor', GET, [...STANDING, list(STAMP), NULL]),
    answer('a floor that expires', GET, [...STANDING, list(STAMP), int(TIME)], BAD),
    answer('nothing held', GET, [VIEW, FALSE, NULL, NULL]),
    answer('nothing held, and it expires', GET, [VIEW, FALSE, NULL, int(TIME)], BAD),
    answer('a view of 15 digits', GET, [text('0123456789abcde'), TRUE, NULL, NULL], BAD),
    answer('a view in capitals', GET, [text('0123456789ABCDEF'), TRUE, NULL, NULL], BAD),
    answer('a record that is empty', GET, [...STANDING, bytes(Buffer.alloc(0)), NULL], BAD),
    answer('a floor without its digest', GET, [...STANDING, list(STAMP.slice(0, 2)), NULL], BAD),
    answer('an answer to a get with an item too few', GET, STANDING, BAD),
    answer('stored', PUT, [...STANDING, int(0), NULL, TRUE]),
    answer('held, for a while', PUT, [...STANDING, int(1), NULL, FALSE]),
    answer('stale', PUT, [...STANDING, int(2), list(STAMP), TRUE]),
    answer('a condition that something held stands against', PUT, [...STANDING, int(3), list(STAMP), TRUE]),
    answer('a condition that nothing held meets', PUT, [...STANDING, int(3), NULL, TRUE]),
    answer('stored, with what stands in the way', PUT, [...STANDING, int(0), list(STAMP), TRUE], BAD),
    answer('stale, without what stands in the way', PUT, [...STANDING, int(2), NULL, TRUE], BAD),
    answer('an outcome of a later version', PUT, [...STANDING, int(4), NULL, TRUE], BAD),
    answer('stored, for nobody knows how long', PUT, [...STANDING, int(0), NULL, NULL], BAD),
    answer('a page of records', FETCH, [list([RECORD, NULL])]),
    answer('a page of the first record', FETCH, [list([RECORD])]),
    answer('a page of no record', FETCH, [EMPTY], BAD),
    answer('a page of more records than keys', FETCH, [list([NULL, NULL, NULL])], BAD),
    answer('the last page of partitions', PARTITIONS, [list([partition]), NULL]),
    answer('a page of partitions that goes on', PARTITIONS, [list([partition]), cursor(9, 4)]),
    answer('a page of partitions that does not get on', PARTITIONS, [list([partition]), cursor(9, 3)], BAD),
    answer('a page of too many partitions', PARTITIONS, [list([partition, partition, partition]), NULL], BAD),
    answer('state', STATE, [...STANDING, TRUE, VIEW, int(10), int(1000), FINGERPRINT]),
    answer('state of one synced under other homes', STATE, [
      ...STANDING,
      TRUE,
      NULL,
      int(0),
      int(0),
      FINGERPRINT,
    ]),
    answer(
      'state with an origin that is no view',
      STATE,
      [...STANDING, TRUE, text('x'), int(0), int(0), FINGERPRINT],
      BAD,
    ),
    answer(
      'state with a short fingerprint',
      STATE,
      [...STANDING, TRUE, NULL, int(0), int(0), SHORT_FINGERPRINT],
      BAD,
    ),
    answer('a message', RECONCILE, [...STANDING, MESSAGE]),
    answer('a message of none', RECONCILE, [...STANDING, bytes(Buffer.alloc(0))], BAD),
    answer('a message without a view', RECONCILE, [MESSAGE], BAD),
    answer('entries of each kind', ENTRIES, [list([version('a', 0), version('b', 1)])]),
    answer('an entry of a floor', ENTRIES, [list([version('c', 16)])]),
    answer('an entry that is not held', ENTRIES, [list([NULL, version('a', 0)])]),
    answer('an entry of a blob', ENTRIES, [list([version('a', 2)])]),
    answer('an entry of another kind', ENTRIES, [list([version('a', 3)])], BAD),
    answer('no entry', ENTRIES, [EMPTY], BAD),
    answer('more entries than ids', ENTRIES, [list([NULL, NULL, NULL])], BAD),
    answer('a hand-over that is done', HANDOVER, STANDING),
    answerOf('a refusal', GET, frame(1, [text('no_room'), text('the disk is full')]), 'no_room'),
    answerOf('a refusal of a later version', GET, frame(1, [text('too_late'), text('')]), 'too_late'),
    answerOf('a refusal that is no code', GET, frame(1, [text('No room'), text('')]), BAD),
    answerOf('a refusal with a line feed', GET, frame(1, [text('no_room'), text('a\nb')]), BAD),
    answerOf('a refusal of 257 characters', GET, frame(1, [text('no_room'), text('a'.repeat(257))]), BAD),
    answerOf('an answer that is neither', GET, frame(2, [...STANDING, NULL]), BAD),
  ];
}

function gone(id: string, prefix: string, forMs = int(5000), operator = text('')): Buffer {
  return list([text(id), text(prefix), operator, forMs]);
}

function goneFrames(): FrameVector[] {
  const one = gone('12D3KooWGone', '192.0.2.0/24');
  const many = (count: number): Buffer => list(Array.from({ length: count }, () => one));
  return [
    request('a question who is gone', GONE, []),
    request('a question who is gone, with an item', GONE, [NULL], BAD),
    answer('nobody is gone', GONE, [EMPTY]),
    answer('one is gone', GONE, [list([one])]),
    answer('a sponsor is gone', GONE, [list([gone('a', 'loopback', int(1), text(session(7).did))])]),
    answer(
      'one of an operator that is no DID is gone',
      GONE,
      [list([gone('a', 'loopback', int(1), text('alice'))])],
      BAD,
    ),
    answer(
      'one of an operator that is null is gone',
      GONE,
      [list([gone('a', 'loopback', int(1), NULL)])],
      BAD,
    ),
    answer(
      'one without an operator is gone',
      GONE,
      [list([list([text('a'), text('loopback'), int(1)])])],
      BAD,
    ),
    answer('64 are gone', GONE, [many(64)]),
    answer('65 are gone', GONE, [many(65)], BAD),
    answer('one without a name is gone', GONE, [list([gone('', 'loopback')])], BAD),
    answer('one of a name too long is gone', GONE, [list([gone('a'.repeat(129), 'loopback')])], BAD),
    answer('one of a name with a space is gone', GONE, [list([gone('a b', 'loopback')])], BAD),
    answer('one of no group is gone', GONE, [list([gone('a', '')])], BAD),
    answer('one is gone for less than no time', GONE, [list([gone('a', 'loopback', int(-1))])], BAD),
    answer('one is gone for nobody knows how long', GONE, [list([gone('a', 'loopback', NULL)])], BAD),
  ];
}

export function frameVectors(): FrameVector[] {
  return [
    ...heads(),
    ...requests(),
    ...answers(),
    ...pages(),
    ...blockRequests(),
    ...blobRequests(),
    ...goneFrames(),
  ];
}
