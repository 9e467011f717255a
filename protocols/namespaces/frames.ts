import * as dagCbor from '@ipld/dag-cbor';
import { checkDid } from '../common/did.ts';
import { FieldChecks } from '../common/fields.ts';
import { checkNamespace } from '../common/names.ts';
import { decodeFrameItems } from '../common/versioned-frame.ts';
import {
  ANSWER_MAX_BYTES,
  FETCH_MAX,
  FRAME_VERSION,
  IDS_MAX,
  LOG_ID_BYTES,
  NOTICE_ID_BYTES,
  NOTICE_MAX_BYTES,
  QUESTION_MAX_BYTES,
} from './constants.ts';
import { NamespacesError } from './errors.ts';

/** How far a peer's log was read. */
export interface LogPosition {
  /** Which log; empty before any was seen. */
  readonly log: Uint8Array;
  /** 0 for the beginning. */
  readonly position: number;
}

export type Question =
  /** Which notices arrived behind a position? A position in another log than the peer's means the beginning. */
  | ({ readonly type: 'log' } & LogPosition)
  /** The notices with these ids. */
  | { readonly type: 'fetch'; readonly ids: readonly Uint8Array[] }
  /** The policies of a namespace whose sequence is above this one. */
  | { readonly type: 'history'; readonly owner: string; readonly namespace: string; readonly above: number };

/** Answer to `log`. */
export interface LogAnswer {
  readonly log: Uint8Array;
  /** Ids of notices in the order in which they arrived. */
  readonly ids: readonly Uint8Array[];
  /** Position up to which the log was read. */
  readonly next: number;
  readonly isEnd: boolean;
  /** Why there is no answer; empty when there is one. */
  readonly error: string;
}

/** Answer to `fetch` and `history`. */
export interface NoticesAnswer {
  /** How many of the ids asked for are dealt with: those of them that are not here are left out. 0 for `history`. */
  readonly done: number;
  readonly notices: readonly Uint8Array[];
  readonly error: string;
}

const malformed = (message: string): NamespacesError => new NamespacesError('frame_malformed', message);
const check = new FieldChecks(malformed);

const TYPES = ['log', 'fetch', 'history'] as const;
const ITEMS: Readonly<Record<Question['type'], number>> = { log: 4, fetch: 3, history: 5 };
const LOG_ANSWER_ITEMS = 6;
const NOTICES_ANSWER_ITEMS = 4;
/** Bytes of an answer besides its notices. */
const ANSWER_OVERHEAD_BYTES = 128;
/** Head of a byte string of up to 65 535 bytes. */
const ITEM_HEAD_BYTES = 3;
/** The frame's own items, and the notices in it. */
const FRAME_ITEMS_MAX = 16 + FETCH_MAX;
const ERROR_CODE = /^[a-z_]{0,64}$/;

/** A question: `[1, 0, log, position]`, `[1, 1, ids]` or `[1, 2, owner, namespace, above]`. */
export function encodeQuestion(question: Question): Uint8Array {
  const type = TYPES.indexOf(question.type);
  if (question.type === 'log') {
    return dagCbor.encode([FRAME_VERSION, type, question.log, question.position]);
  }
  if (question.type === 'fetch') return dagCbor.encode([FRAME_VERSION, type, joinIds(question.ids)]);
  return dagCbor.encode([FRAME_VERSION, type, question.owner, question.namespace, question.above]);
}

/** Reads a question. Throws `NamespacesError` `frame_malformed` or `frame_version`. */
export function decodeQuestion(bytes: Uint8Array): Question {
  const items = decodeFrame(bytes, QUESTION_MAX_BYTES);
  const [number, first, second, third] = items;
  const type = TYPES[check.integer('type', number, 0)];
  if (type === undefined)
    throw new NamespacesError('frame_version', 'type of the question is not known here');
  if (items.length !== ITEMS[type] - 1) throw malformed(`question must be an array of ${ITEMS[type]} items`);
  if (type === 'log') {
    return { type, log: readLog(first, 0), position: check.integer('position', second, 0) };
  }
  if (type === 'fetch') return { type, ids: readIds(first, FETCH_MAX, 1) };
  const owner = check.text('owner', first);
  const namespace = check.text('namespace', second);
  check.named(() => checkDid(owner));
  check.named(() => checkNamespace(namespace));
  return { type, owner, namespace, above: check.integer('above', third, 0) };
}

/** An answer to `log`: `[1, log, ids, next, isEnd, error]`. */
export function encodeLogAnswer({ log, ids, next, isEnd, error }: LogAnswer): Uint8Array {
  return dagCbor.encode([FRAME_VERSION, log, joinIds(ids), next, isEnd, error]);
}

/** Reads an answer to `log`. Throws as `decodeQuestion`. */
export function decodeLogAnswer(bytes: Uint8Array): LogAnswer {
  const items = decodeFrame(bytes, ANSWER_MAX_BYTES);
  if (items.length !== LOG_ANSWER_ITEMS - 1) throw malformed(`answer must be ${LOG_ANSWER_ITEMS} items`);
  const [log, ids, next, isEnd, error] = items;
  if (typeof isEnd !== 'boolean') throw malformed('isEnd must be true or false');
  return {
    log: readLog(log, LOG_ID_BYTES),
    ids: readIds(ids, IDS_MAX, 0),
    next: check.integer('next', next, 0),
    isEnd,
    error: readError(error),
  };
}

/** An answer to `fetch` and `history`: `[1, done, notices, error]`. */
export function encodeNoticesAnswer({ done, notices, error }: NoticesAnswer): Uint8Array {
  return dagCbor.encode([FRAME_VERSION, done, notices, error]);
}

/** Reads an answer to `fetch` or `history`; the notices in it are not looked at. Throws as `decodeQuestion`. */
export function decodeNoticesAnswer(bytes: Uint8Array): NoticesAnswer {
  const items = decodeFrame(bytes, ANSWER_MAX_BYTES);
  if (items.length !== NOTICES_ANSWER_ITEMS - 1)
    throw malformed(`answer must be ${NOTICES_ANSWER_ITEMS} items`);
  const [done, list, error] = items;
  const notices = check
    .array('notices', list, FETCH_MAX)
    .map((item) => check.bytes('notice', item, NOTICE_MAX_BYTES, 1));
  return { done: check.integer('done', done, 0, FETCH_MAX), notices, error: readError(error) };
}

/** Counts the room of an answer: whether a further notice of so many bytes fits. */
export class AnswerRoom {
  #bytes = ANSWER_OVERHEAD_BYTES;
  #count = 0;

  take(size: number): boolean {
    const bytes = this.#bytes + size + ITEM_HEAD_BYTES;
    if (bytes > ANSWER_MAX_BYTES || this.#count >= FETCH_MAX) return false;
    this.#bytes = bytes;
    this.#count += 1;
    return true;
  }
}

function joinIds(ids: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(ids.length * NOTICE_ID_BYTES);
  for (const [index, id] of ids.entries()) joined.set(id, index * NOTICE_ID_BYTES);
  return joined;
}

/** Ids stand one behind another in one byte string. */
function readIds(value: unknown, max: number, min: number): Uint8Array[] {
  const joined = check.bytes('ids', value, max * NOTICE_ID_BYTES, min * NOTICE_ID_BYTES);
  if (joined.byteLength % NOTICE_ID_BYTES !== 0) throw malformed(`ids must be ${NOTICE_ID_BYTES} bytes each`);
  return Array.from({ length: joined.byteLength / NOTICE_ID_BYTES }, (_, index) =>
    joined.subarray(index * NOTICE_ID_BYTES, (index + 1) * NOTICE_ID_BYTES),
  );
}

function readLog(value: unknown, min: number): Uint8Array {
  const log = check.bytes('log', value, LOG_ID_BYTES, min);
  if (log.byteLength !== 0 && log.byteLength !== LOG_ID_BYTES) {
    throw malformed(`log must be empty or ${LOG_ID_BYTES} bytes`);
  }
  return log;
}

function readError(value: unknown): string {
  const code = check.text('error', value);
  if (!ERROR_CODE.test(code)) throw malformed('error must be a code');
  return code;
}

function decodeFrame(bytes: Uint8Array, maxBytes: number): unknown[] {
  return decodeFrameItems(bytes, {
    noun: 'frame',
    maxBytes,
    maxItems: FRAME_ITEMS_MAX,
    malformed,
    checkVersion: (version) => {
      if (version === FRAME_VERSION) return;
      throw new NamespacesError('frame_version', `frame version ${version} is not known here`);
    },
  });
}
