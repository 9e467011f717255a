/** Conditional requests of RFC 9110, section 13, as far as values need them. */
import type { PutOptions, RecordName, Storage, WriteReceipt } from '../../../node/index.ts';
import { CodedError, type ErrorDetail } from '../../../protocols/common/errors.ts';
import { parseEtag } from '../../../protocols/storage/version.ts';
import { GatewayError } from '../../core/errors.ts';
import { CONDITION_ATTEMPTS, ETAGS_MAX } from '../../core/limits.ts';

/** The values that a header asks for: any existing one, or one of these. */
export type EtagList = '*' | readonly EntityTag[];

export interface EntityTag {
  /** With its quotes. */
  readonly opaque: string;
  readonly isWeak: boolean;
}

/** Condition for a write; null for nothing. */
export type Precondition =
  | null
  | { readonly kind: 'absent' }
  | { readonly kind: 'present' }
  | { readonly kind: 'match'; readonly etags: readonly string[] };

const ENTITY_TAG = /^[\t ]*(?<weak>W\/)?(?<opaque>"[\x21\x23-\x7e\x80-\xff]*")[\t ]*(?:,|$)/;
/** A list may have empty elements. */
const EMPTY = /^[\t ]*,/;

/** Reads If-Match or If-None-Match; undefined when the header is missing. Throws `bad_etag`. */
export function parseEtags(header: string | undefined): EtagList | undefined {
  if (header === undefined) return undefined;
  if (header.trim() === '*') return '*';
  const tags: EntityTag[] = [];
  let rest = header;
  while (rest.trim() !== '') {
    const empty = EMPTY.exec(rest)?.[0];
    const found = empty === undefined ? ENTITY_TAG.exec(rest) : null;
    const [whole] = found ?? [empty];
    if (whole === undefined || tags.length >= ETAGS_MAX) throw badEtag();
    if (found?.groups !== undefined) {
      tags.push({ opaque: found.groups['opaque'] ?? '', isWeak: found.groups['weak'] !== undefined });
    }
    rest = rest.slice(whole.length);
  }
  if (tags.length === 0) throw badEtag();
  return tags;
}

function badEtag(): GatewayError {
  const message = `send * or at most ${ETAGS_MAX} entity tags with their quotes, as in If-Match: "1700000000000-0-bafy…"`;
  return new GatewayError('bad_etag', message);
}

/** Strong comparison: a weak tag is never the same as anything. */
export function matchesStrongly(list: EtagList, etag: string): boolean {
  return list === '*' || list.some(({ opaque, isWeak }) => !isWeak && opaque === etag);
}

/** Weak comparison: what a reader holds is as good as the value. */
export function matchesWeakly(list: EtagList, etag: string): boolean {
  return list === '*' || list.some(({ opaque }) => opaque === etag);
}

export interface ConditionHeaders {
  readonly 'if-match'?: string | undefined;
  readonly 'if-none-match'?: string | undefined;
  readonly 'if-unmodified-since'?: string | undefined;
}

/** Conditions in the headers of a write. Throws for conditions that would be left unheeded otherwise. */
export function writePrecondition(headers: ConditionHeaders): Precondition {
  const match = parseEtags(headers['if-match']);
  const noneMatch = parseEtags(headers['if-none-match']);
  if (headers['if-unmodified-since'] !== undefined) {
    throw new GatewayError('bad_request', 'If-Unmodified-Since is too coarse for writes: use If-Match');
  }
  if (match !== undefined && noneMatch !== undefined) {
    throw new GatewayError('bad_request', 'send If-Match or If-None-Match, not both');
  }
  if (noneMatch !== undefined) {
    if (noneMatch === '*') return { kind: 'absent' };
    throw new GatewayError('bad_request', 'of If-None-Match a write knows only *');
  }
  if (match === undefined) return null;
  if (match === '*') return { kind: 'present' };
  // any other tag is well-formed, but no value ever has it
  const own = match.filter(({ opaque, isWeak }) => !isWeak && parseEtag(opaque) !== null);
  return { kind: 'match', etags: own.map(({ opaque }) => opaque) };
}

type Condition = Pick<PutOptions, 'ifAbsent' | 'ifVersion'>;

/**
 * Writes under a precondition. Where several values are allowed, the one there is now is looked up first and then has to stay:
 * the write names it, and begins anew when it changed to another one that is allowed.
 */
export async function writeIf(
  storage: Pick<Storage, 'get'>,
  name: RecordName,
  precondition: Precondition,
  write: (condition: Condition) => Promise<WriteReceipt>,
): Promise<WriteReceipt> {
  if (precondition === null) return write({});
  if (precondition.kind === 'absent') return writeIfAbsent(write);
  if (precondition.kind === 'match' && precondition.etags.length === 0) throw notMet();
  if (precondition.kind === 'match' && precondition.etags.length === 1) {
    const [ifVersion = ''] = precondition.etags;
    return write({ ifVersion });
  }
  const isAllowed = (etag: string): boolean =>
    precondition.kind === 'present' || precondition.etags.includes(etag);
  for (let attempt = 1; ; attempt += 1) {
    const current = await storage.get(name, { consistency: 'majority' });
    if (current === null || !isAllowed(current.etag)) throw notMet(current?.etag);
    try {
      return await write({ ifVersion: current.etag });
    } catch (error) {
      if (codeOf(error) !== 'precondition_failed' || attempt === CONDITION_ATTEMPTS) throw error;
    }
  }
}

/**
 * The same for a value that can be written once only, since nobody has it whole: what does not hold is said before `write` takes it.
 */
export async function writeOnceIf(
  storage: Pick<Storage, 'get'>,
  name: RecordName,
  precondition: Precondition,
  write: (condition: Condition) => Promise<WriteReceipt>,
): Promise<WriteReceipt> {
  if (precondition === null) return write({});
  const current = await storage.get(name, { consistency: 'majority' });
  if (precondition.kind === 'absent') {
    if (current !== null) throw isThere({ etag: current.etag });
    return writeIfAbsent(write);
  }
  const isAllowed = precondition.kind === 'present' || precondition.etags.includes(current?.etag ?? '');
  if (current === null || !isAllowed) throw notMet(current?.etag);
  return write({ ifVersion: current.etag });
}

/** HTTP has one status for a condition that does not hold, whichever it is. */
async function writeIfAbsent(write: (condition: Condition) => Promise<WriteReceipt>): Promise<WriteReceipt> {
  try {
    return await write({ ifAbsent: true });
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'exists') throw error;
    throw isThere(error.detail);
  }
}

function isThere(detail: ErrorDetail | undefined): GatewayError {
  return new GatewayError('precondition_failed', 'the key has a value already', detail);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof CodedError ? error.code : undefined;
}

export function notMet(etag?: string): GatewayError {
  const message =
    etag === undefined ? 'there is no such value' : 'there is another value now; detail names it';
  return new GatewayError('precondition_failed', message, etag === undefined ? undefined : { etag });
}
