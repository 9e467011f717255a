import { announcement } from '../../support/announcements.ts';
import * as cbor from '../../support/cbor.ts';
import { AUTHOR } from '../../support/envelopes.ts';
import type { FrameVector } from './vector.ts';

const NOBODY = cbor.bytes(Buffer.alloc(0));
const KEY = cbor.bytes(AUTHOR.multikey);
const ONE = cbor.integer(1);

function request(name: string, items: readonly Buffer[], code?: string): FrameVector {
  return {
    name,
    hex: cbor.list(items).toString('hex'),
    kind: 'request',
    ...(code === undefined ? {} : { code }),
  };
}

function answer(name: string, items: readonly Buffer[], code?: string): FrameVector {
  return { ...request(name, items, code), kind: 'answer' };
}

export function frameVectors(): FrameVector[] {
  const bad = 'frame_malformed';
  const one = cbor.list([cbor.bytes(announcement())]);
  const none = cbor.list([]);
  const fine = cbor.text('');
  const many = cbor.list(Array.from({ length: 513 }, () => cbor.bytes(Buffer.of(1))));
  return [
    request('a question from the beginning', [ONE, NOBODY, cbor.integer(512)]),
    request('a question from a key on', [ONE, KEY, ONE]),
    request('a question for none', [ONE, NOBODY, cbor.integer(0)], bad),
    request('a question with a cursor of 33 bytes', [ONE, cbor.bytes(Buffer.alloc(33)), ONE], bad),
    request('a question with a cursor that is null', [ONE, cbor.NULL, ONE], bad),
    request('a question of another version', [cbor.integer(2), NOBODY], 'frame_version'),
    request('a question with an item too many', [ONE, NOBODY, ONE, ONE], bad),
    request('a question with a longer integer than it needs', [ONE, NOBODY, cbor.integer(1, 1)], bad),
    answer('the last page', [ONE, one, NOBODY, fine]),
    answer('a page that goes on', [ONE, one, KEY, fine]),
    answer('a refusal', [ONE, none, NOBODY, cbor.text('rate_limited')]),
    answer('a page of 513', [ONE, many, NOBODY, fine], bad),
    answer(
      'a page with an announcement of 12 289 bytes',
      [ONE, cbor.list([cbor.bytes(Buffer.alloc(12_289))]), NOBODY, fine],
      bad,
    ),
    answer('a page with an announcement of no bytes', [ONE, cbor.list([NOBODY]), NOBODY, fine], bad),
    answer('a refusal that is no code', [ONE, none, NOBODY, cbor.text('No way!')], bad),
    answer('an answer of another version', [cbor.integer(0), none, NOBODY, fine], 'frame_version'),
  ];
}
