import { createHash } from 'node:crypto';
import type { AnswerVector, FingerprintVector, MessageVector, RangeVector } from './vector.ts';

const VERSION = '61';
const LIMIT = 65_536;
const MALFORMED = 'message_malformed';

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** An id that begins with the hex digits given. */
function id(start: string): string {
  return start.padEnd(64, '0');
}

/** Base 128, the most significant digit first. */
function varint(value: bigint | number): string {
  const digits: number[] = [];
  let rest = BigInt(value);
  do {
    digits.unshift(Number(rest % 128n) + (digits.length > 0 ? 128 : 0));
    rest /= 128n;
  } while (rest > 0n);
  return Buffer.from(digits).toString('hex');
}

function fingerprint(ids: readonly string[]): string {
  const sum = ids.reduce((all, one) => all + littleEndian(one), 0n) % 2n ** 256n;
  const bytes = Buffer.from(sum.toString(16).padStart(64, '0'), 'hex').reverse();
  return sha256(Buffer.concat([bytes, Buffer.from(varint(ids.length), 'hex')])).slice(0, 32);
}

function littleEndian(hex: string): bigint {
  return BigInt(`0x${Buffer.from(hex, 'hex').reverse().toString('hex')}`);
}

const END = '0000';

/** A bound whose timestamp is so much above the last one. */
function bound(offset: bigint | number, prefix = ''): string {
  return varint(BigInt(offset) + 1n) + varint(prefix.length / 2) + prefix;
}

function skip(upper: string): string {
  return `${upper}00`;
}

function print(upper: string, value: string): string {
  return `${upper}01${value}`;
}

function list(upper: string, ids: readonly string[]): string {
  return `${upper}02${varint(ids.length)}${ids.join('')}`;
}

const PRINT = fingerprint([id('aa')]);

function valid(name: string, parts: readonly string[], ranges: readonly RangeVector[]): MessageVector {
  return { name, hex: VERSION + parts.join(''), ranges };
}

function bad(name: string, hex: string, code = MALFORMED): MessageVector {
  return { name, hex, code };
}

const AT_END = { timestamp: null, prefix: '' } as const;

export function messageVectors(): MessageVector[] {
  return [
    valid('nothing: all is skipped', [], []),
    valid('a fingerprint of all', [print(END, PRINT)], [{ ...AT_END, mode: 1, fingerprint: PRINT }]),
    valid('an empty list of all', [list(END, [])], [{ ...AT_END, mode: 2, ids: [] }]),
    valid(
      'offsets begin at 0 and go on from bound to bound',
      [skip(bound(1000)), print(bound(24, 'a1b2'), PRINT), list(bound(0, 'a1b3'), [id('a1b2')])],
      [
        { timestamp: 1000, prefix: '', mode: 0 },
        { timestamp: 1024, prefix: 'a1b2', mode: 1, fingerprint: PRINT },
        { timestamp: 1024, prefix: 'a1b3', mode: 2, ids: [id('a1b2')] },
      ],
    ),
    valid('a whole id as a bound', [skip(bound(7, id('ff')))], [{ timestamp: 7, prefix: id('ff'), mode: 0 }]),
    valid(
      'an empty range',
      [skip(bound(7, 'ff')), list(bound(0, 'ff'), [])],
      [
        { timestamp: 7, prefix: 'ff', mode: 0 },
        { timestamp: 7, prefix: 'ff', mode: 2, ids: [] },
      ],
    ),
    valid(
      'the highest timestamp',
      [skip(bound(2n ** 53n - 2n))],
      [{ timestamp: Number.MAX_SAFE_INTEGER - 1, prefix: '', mode: 0 }],
    ),
    valid(
      'a length of two digits',
      [
        list(
          END,
          Array.from({ length: 130 }, (_, i) => id(i.toString(16).padStart(2, '0'))),
        ),
      ],
      [
        {
          ...AT_END,
          mode: 2,
          ids: Array.from({ length: 130 }, (_, i) => id(i.toString(16).padStart(2, '0'))),
        },
      ],
    ),
    bad('no byte at all', ''),
    bad('a version below the protocol’s', '5f'),
    bad('a version above the protocol’s', '70'),
    bad('version 0', '60', 'message_version'),
    bad('version 2', `62${print(END, PRINT)}`, 'message_version'),
    bad('a bound without a mode', VERSION + END),
    bad('half a bound', `${VERSION}01`),
    bad('a prefix that is cut off', `${VERSION}0102ff`),
    bad('a prefix of 33 bytes', VERSION + skip(bound(1, `${id('ff')}00`))),
    bad('the end with a prefix', `${VERSION}0001ff00`),
    bad('a mode of 3', `${VERSION}${END}03`),
    bad('a mode with a leading zero', `${VERSION}${END}8000`),
    bad('a timestamp with a leading zero', `${VERSION}80010000`),
    bad('a number that does not end', `${VERSION}ff`),
    bad('a timestamp of 2^53 - 1', VERSION + skip(bound(2n ** 53n - 1n))),
    bad(
      'a timestamp that two offsets take to 2^53 - 1',
      VERSION + skip(bound(2n ** 53n - 2n)) + skip(bound(1)),
    ),
    bad('a number of nine digits', `${VERSION}8180808080808080000000`),
    bad('a fingerprint of 15 bytes', VERSION + print(END, PRINT.slice(2))),
    bad('a list that is cut off', VERSION + list(END, [id('aa'), id('bb')]).slice(0, -2)),
    bad('a list of more than there can be', `${VERSION}${END}02ffffffffffffff7f`),
    bad('a bound below the one before it', VERSION + skip(bound(7, 'ff')) + skip(bound(0, 'fe'))),
    bad('a prefix shorter than the one before it', VERSION + skip(bound(7, 'ff01')) + skip(bound(0, 'ff'))),
    bad('something behind the end', VERSION + skip(END) + skip(END)),
    bad('more than may be', VERSION + skip(bound(0)).repeat(LIMIT / 3 + 1), 'message_too_large'),
  ];
}

export function fingerprintVectors(): FingerprintVector[] {
  const ff = 'f'.repeat(64);
  const sets: readonly (readonly [name: string, ids: readonly string[]])[] = [
    ['nothing', []],
    ['an id of zeros', [id('')]],
    ['one', [id('aa')]],
    ['a carry from the first byte to the second', [id('ff'), id('01')]],
    ['a carry from limb to limb', [id('ffffffff'), id('01')]],
    ['a sum beyond 2^256', [ff, id('02')]],
    ['all ones three times over', [ff, `${ff.slice(0, 62)}fe`, `${ff.slice(0, 62)}fd`]],
    ['130', Array.from({ length: 130 }, (_, i) => sha256(Buffer.of(i)))],
  ];
  return sets.map(([name, ids]) => ({ name, ids, fingerprint: fingerprint(ids) }));
}

export function answerVectors(): AnswerVector[] {
  const items = [
    [5, id('0a')],
    [5, id('0b')],
    [9, id('01')],
  ] as const;
  const ids = items.map(([, one]) => one);
  return [
    {
      name: 'the same',
      items,
      maxBytes: LIMIT,
      question: VERSION + print(END, fingerprint(ids)),
      answer: VERSION,
    },
    {
      name: 'another version',
      items,
      maxBytes: LIMIT,
      question: '62',
      answer: VERSION,
    },
    {
      name: 'a list is answered with a list',
      items,
      maxBytes: LIMIT,
      question: VERSION + list(END, []),
      answer: VERSION + list(END, ids),
    },
    {
      name: 'what is skipped and what is the same comes to one range, and is said only before others',
      items,
      maxBytes: LIMIT,
      question:
        VERSION +
        skip(bound(2)) +
        print(bound(3, '0b'), fingerprint([id('0a')])) +
        list(bound(4), []) +
        skip(END),
      answer: VERSION + skip(bound(5, '0b')) + list(bound(4), [id('0b')]),
    },
  ];
}
