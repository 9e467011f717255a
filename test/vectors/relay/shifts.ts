import * as cbor from '../../support/cbor.ts';
import { didOf } from '../../support/did.ts';
import { AUTHOR, bodyOf, EXAMPLE, type Items, signatureOf, wireOf } from '../../support/envelopes.ts';
import type { ShiftVector } from './vector.ts';

/** An envelope whose shifted form is right in every field, so that only the signature tells. */
function shift(
  name: string,
  original: Partial<Items>,
  shifted: Partial<Items>,
  code = 'envelope_signature',
): ShiftVector {
  const first = { ...EXAMPLE, ...original };
  const signature = signatureOf(bodyOf(first));
  const second = { ...EXAMPLE, ...shifted };
  const hex = (items: Items): string => wireOf(items, signature).toString('hex');
  return { name, original: hex(first), shifted: hex(second), code };
}

const { text, integer, bytes } = cbor;

function list(...items: readonly string[]): Buffer {
  return cbor.list(items.map((item) => bytes(Buffer.from(item))));
}

/** The example with one byte less or more in its topic, and the author's 34 bytes shifted likewise. */
function towardsAuthor(): ShiftVector[] {
  const key = EXAMPLE.author.subarray(2);
  return [
    shift(
      'topic to author',
      {},
      { topic: text('hell'), author: bytes(Buffer.concat([Buffer.from('o'), key])) },
      'envelope_field',
    ),
    shift(
      'author to topic',
      { topic: text('hello') },
      { topic: text(Buffer.from(`hello${String.fromCharCode(0x6d)}`)), author: bytes(key.subarray(1)) },
      'envelope_field',
    ),
  ];
}

export function shiftVectors(): ShiftVector[] {
  return [
    shift(
      'owner to namespace',
      { owner: text('did:a') },
      { owner: text('did:'), namespace: text('adefault') },
    ),
    shift('namespace to owner', {}, { owner: text(`${didOf(AUTHOR)}d`), namespace: text('efault') }),
    shift('namespace to topic', {}, { namespace: text('defaul'), topic: text('thello') }),
    shift('topic to namespace', {}, { namespace: text('defaulth'), topic: text('ello') }),
    ...towardsAuthor(),
    shift(
      'epoch and sequence exchanged',
      { epoch: integer(3), sequence: integer(5) },
      { epoch: integer(5), sequence: integer(3) },
    ),
    shift(
      'a digit from epoch to sequence',
      { epoch: integer(12), sequence: integer(3) },
      { epoch: integer(1), sequence: integer(23) },
    ),
    shift(
      'sequence to the number of messages',
      { sequence: integer(2) },
      { sequence: integer(1), messages: list('', 'hi') },
    ),
    shift('expiry taken away', { expiry: integer(1_763_683_200_001) }, { expiry: cbor.NULL }),
    shift('expiry put off', { expiry: integer(1_763_683_200_001) }, { expiry: integer(1_763_683_200_002) }),
    shift('first message to second', { messages: list('ab', 'c') }, { messages: list('a', 'bc') }),
    shift('second message to first', { messages: list('a', 'bc') }, { messages: list('ab', 'c') }),
    shift('one message to two', { messages: list('abc') }, { messages: list('ab', 'c') }),
    shift('two messages to one', { messages: list('ab', 'c') }, { messages: list('abc') }),
    shift('an empty message more', { messages: list('abc') }, { messages: list('abc', '') }),
    shift('messages exchanged', { messages: list('a', 'b') }, { messages: list('b', 'a') }),
    shift(
      'message to link',
      { messages: list('abc'), chain: list('d') },
      { messages: list('ab'), chain: list('cd') },
    ),
    shift(
      'last message to first link',
      { messages: list('a', 'b') },
      { messages: list('a'), chain: list('b') },
    ),
    shift('first link to second', { chain: list('ab', 'c') }, { chain: list('a', 'bc') }),
    shift('link to ext', { chain: list('ab') }, { chain: list('a'), ext: cbor.map([['b', cbor.NULL]]) }),
  ];
}
