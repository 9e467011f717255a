import * as cbor from '../../support/cbor.ts';
import { didOf } from '../../support/did.ts';
import { AUTHOR } from '../../support/envelopes.ts';
import { linkNumber, policy } from '../../support/notices.ts';
import type { FrameVector } from './vector.ts';

const ONE = cbor.integer(1);
const NONE = cbor.bytes(Buffer.alloc(0));
const LOG = cbor.bytes(Buffer.alloc(16, 0xaa));
const FINE = cbor.text('');
const BAD = 'frame_malformed';

function ids(count: number): Buffer {
  return cbor.bytes(Buffer.concat(Array.from({ length: count }, (_, n) => linkNumber(n).subarray(0, 16))));
}

function frame(
  kind: FrameVector['kind'],
  name: string,
  items: readonly Buffer[],
  code?: string,
): FrameVector {
  const why = code === undefined ? {} : { code };
  return { name, hex: cbor.list(items).toString('hex'), kind, ...why };
}

function questions(): FrameVector[] {
  const question = (name: string, items: readonly Buffer[], code?: string): FrameVector =>
    frame('question', name, [ONE, ...items], code);
  const owner = cbor.text(didOf(AUTHOR));
  const [log, fetch, history] = [0, 1, 2].map((type) => cbor.integer(type)) as [Buffer, Buffer, Buffer];
  return [
    question('what is in the log, of whichever', [log, NONE, cbor.integer(0)]),
    question('what is behind a position', [log, LOG, cbor.integer(4711)]),
    question('a log of 15 bytes', [log, cbor.bytes(Buffer.alloc(15)), ONE], BAD),
    question('a position of -1', [log, LOG, cbor.integer(-1)], BAD),
    question('an item too many', [log, LOG, ONE, ONE], BAD),
    question('notices by their ids', [fetch, ids(2)]),
    question('256 notices', [fetch, ids(256)]),
    question('257 notices', [fetch, ids(257)], BAD),
    question('no notice', [fetch, NONE], BAD),
    question('an id of 15 bytes', [fetch, cbor.bytes(Buffer.alloc(15))], BAD),
    question('an id of 17 bytes', [fetch, cbor.bytes(Buffer.alloc(17))], BAD),
    question('policies of a namespace', [history, owner, cbor.text('default'), cbor.integer(3)]),
    question('policies of no owner', [history, FINE, cbor.text('default'), cbor.integer(3)], BAD),
    question('policies of no namespace', [history, owner, FINE, cbor.integer(3)], BAD),
    question('a question of a type to come', [cbor.integer(3), NONE], 'frame_version'),
    question('a position in a longer form', [log, LOG, cbor.integer(1, 1)], BAD),
    frame('question', 'a question of another version', [cbor.integer(2), log], 'frame_version'),
    frame('question', 'a question of no items', [], BAD),
  ];
}

function list(...all: readonly Buffer[]): Buffer {
  return cbor.list(all.map((one) => cbor.bytes(one)));
}

function answers(): FrameVector[] {
  const log = (name: string, items: readonly Buffer[], code?: string): FrameVector =>
    frame('log', name, [ONE, ...items], code);
  const notices = (name: string, items: readonly Buffer[], code?: string): FrameVector =>
    frame('notices', name, [ONE, ...items], code);
  const two = cbor.integer(2);
  return [
    log('the end of a log', [LOG, ids(2), two, cbor.TRUE, FINE]),
    log('a log that goes on', [LOG, ids(4096), cbor.integer(5000), cbor.FALSE, FINE]),
    log('an empty log', [LOG, NONE, cbor.integer(0), cbor.TRUE, FINE]),
    log('4 097 ids', [LOG, ids(4097), cbor.integer(5000), cbor.FALSE, FINE], BAD),
    log('a log without a name', [NONE, ids(2), two, cbor.TRUE, FINE], BAD),
    log('an end that is a number', [LOG, ids(2), two, ONE, FINE], BAD),
    log('a refusal', [LOG, NONE, cbor.integer(0), cbor.FALSE, cbor.text('rate_limited')]),
    log('a refusal that is no code', [LOG, NONE, cbor.integer(0), cbor.FALSE, cbor.text('No!')], BAD),
    notices('a notice', [ONE, list(policy()), FINE]),
    notices('no notices', [two, list(), FINE]),
    notices('a refusal of notices', [cbor.integer(0), list(), cbor.text('rate_limited')]),
    notices('a notice of 49 153 bytes', [ONE, list(Buffer.alloc(49_153)), FINE], BAD),
    notices('a notice of no bytes', [ONE, list(Buffer.alloc(0)), FINE], BAD),
    notices('257 notices', [ONE, list(...Array.from({ length: 257 }, () => Buffer.of(1))), FINE], BAD),
    notices('more done than can be asked', [cbor.integer(257), list(), FINE], BAD),
    frame('notices', 'an answer of another version', [cbor.integer(0), ONE], 'frame_version'),
  ];
}

export function frameVectors(): FrameVector[] {
  return [...questions(), ...answers()];
}
