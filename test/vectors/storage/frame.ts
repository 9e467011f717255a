/** Building blocks of the stream protocol's frames. */
import * as cbor from '../../support/cbor.ts';
import { didOf } from '../../support/did.ts';
import { AUTHOR, TIME } from '../../support/envelopes.ts';
import { namespaceIdOf, record } from '../../support/records.ts';
import { LEAF, NODE } from './cids.ts';
import type { FrameVector } from './vector.ts';

export const BAD = 'frame_malformed';
export const int = cbor.integer;
export const { text, bytes, list, NULL, TRUE, FALSE } = cbor;

export const NAMESPACE = bytes(namespaceIdOf(didOf(AUTHOR), 'default'));
export const OWNER = text(didOf(AUTHOR));
/** The names of the same namespace. */
export const NAMES = [OWNER, text('default')];
export const KEY = text('greeting');
export const RECORD = bytes(record());
export const DIGEST = bytes(Buffer.alloc(32, 0xd1));
export const STAMP = [int(TIME), int(0), DIGEST];
export const VIEW = text('0123456789abcdef');
export const STANDING = [VIEW, TRUE];
export const EMPTY = list([]);
/** Ids of requests, and of what answers them. */
export const ID = int(7);

export const GET = 1;
export const PUT = 2;
export const LIST = 3;
/** Retired. */
export const VERSIONS = 4;
export const FETCH = 5;
export const PARTITIONS = 6;
export const STATE = 7;
export const HANDOVER = 8;
export const RECONCILE = 9;
export const ENTRIES = 10;

/** A message of a reconciliation. */
export const MESSAGE = bytes(Buffer.concat([Buffer.of(0x61, 0, 0, 1), Buffer.alloc(16, 0xf1)]));
export const ITEM = bytes(Buffer.alloc(32, 0x1d));
export const HAS = 11;
export const BLOCK = 12;
export const PREFETCH = 13;
export const BLOB = 14;
export const GONE = 15;

export const FINGERPRINT = bytes(Buffer.alloc(16, 0xf1));
export const SHORT_FINGERPRINT = bytes(Buffer.alloc(15, 0xf1));

export function frame(tag: number, items: readonly Buffer[]): Buffer {
  return list([int(1), ID, int(tag), ...items]);
}

function why(code: string | undefined): { code?: string } {
  return code === undefined ? {} : { code };
}

export function raw(name: string, data: Buffer, code?: string): FrameVector {
  return { name, hex: data.toString('hex'), kind: 'request', ...why(code) };
}

export function request(name: string, type: number, items: readonly Buffer[], code?: string): FrameVector {
  return raw(name, frame(type, items), code);
}

/** Requests of the answers below. */
const ASKED: Readonly<Record<number, Buffer>> = {
  [GET]: frame(GET, [...NAMES, KEY]),
  [PUT]: frame(PUT, [NULL, FALSE, RECORD]),
  [LIST]: frame(LIST, [...NAMES, int(3), text('a'), text('ab'), int(3)]),
  [FETCH]: frame(FETCH, [NAMESPACE, int(3), list([text('a'), text('b')])]),
  [PARTITIONS]: frame(PARTITIONS, [list([bytes(Buffer.alloc(32, 9)), int(3)]), int(2)]),
  [STATE]: frame(STATE, [...NAMES, int(3)]),
  [HANDOVER]: frame(HANDOVER, [...NAMES, int(3)]),
  [RECONCILE]: frame(RECONCILE, [NAMESPACE, int(3), MESSAGE]),
  [ENTRIES]: frame(ENTRIES, [NAMESPACE, int(3), list([ITEM, ITEM])]),
  [HAS]: frame(HAS, [list([LEAF, NODE])]),
  [BLOCK]: frame(BLOCK, [LEAF, FALSE]),
  [PREFETCH]: frame(PREFETCH, [RECORD]),
  [BLOB]: frame(BLOB, [NODE]),
  [GONE]: frame(GONE, []),
};

export function answerOf(name: string, type: number, data: Buffer, code?: string): FrameVector {
  const asked = ASKED[type]?.toString('hex') ?? '';
  return { name, hex: data.toString('hex'), kind: 'answer', request: asked, ...why(code) };
}

export function answer(name: string, type: number, items: readonly Buffer[], code?: string): FrameVector {
  return answerOf(name, type, frame(0, items), code);
}
