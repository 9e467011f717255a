import { decodeBlobLink } from '../common/blob-link.ts';
import { CHAIN_LINK_MAX_BYTES, CHAIN_MAX_BYTES, CHAIN_MAX_LINKS } from '../common/chain.ts';
import { CLOCK_GRACE_MS, CLOCK_SKEW_MS } from '../common/clock.ts';
import { decodeMultikey } from '../common/did-key.ts';
import { CodedError } from '../common/errors.ts';
import { FieldChecks } from '../common/fields.ts';
import { checkNamespace, checkOwner } from '../common/names.ts';
import {
  AUTHOR_BYTES,
  CONTENT_TYPE_MAX_LENGTH,
  COUNTER_MAX,
  VALUE_MAX_BYTES,
  VERSION_LEAD_MAX_MS,
} from './constants.ts';
import { StorageError } from './errors.ts';
import { checkKey } from './keys.ts';
import { KIND_BLOB, KIND_TOMBSTONE, KIND_VALUE, type RecordBody } from './record.ts';

const field = (message: string): StorageError => new StorageError('record_field', message);
const check = new FieldChecks(field);

/** Visible ASCII with spaces inside: it becomes an HTTP header, which would lose those at its ends. */
const CONTENT_TYPE = new RegExp(`^(?:[!-~](?:[ -~]{0,${CONTENT_TYPE_MAX_LENGTH - 2}}[!-~])?)?$`);

/** The fields as they come from a decoder: nothing is known of them yet. */
export type UncheckedRecord = { readonly [Field in keyof RecordBody]: unknown };

/** Checks every field of a record and names the one that is wrong. Throws `StorageError` `record_field`. */
export function checkRecord(record: UncheckedRecord): asserts record is RecordBody {
  check.named(() => checkOwner(check.text('owner', record.owner)));
  check.named(() => checkNamespace(check.text('namespace', record.namespace)));
  check.named(() => checkKey(check.text('key', record.key)));
  check.named(() => decodeMultikey(check.bytes('author', record.author, AUTHOR_BYTES)));
  const ms = check.integer('ms', record.ms, 0);
  check.integer('counter', record.counter, 0, COUNTER_MAX);
  const time = check.integer('time', record.time, 0);
  if (ms > time + VERSION_LEAD_MAX_MS) throw field(`ms may be ${VERSION_LEAD_MAX_MS} ms above time at most`);
  if (record.expiry !== null && check.integer('expiry', record.expiry, 0) <= time) {
    throw field('expiry must be later than time');
  }
  const value = check.bytes('value', record.value, VALUE_MAX_BYTES, 0);
  check.named(() => checkContentType(check.text('contentType', record.contentType)));
  checkKind(record, value);
  checkChain(record.chain);
  check.ext(record.ext);
}

/** Throws `bad_content_type` for what cannot be the media type of a value. */
export function checkContentType(contentType: string): void {
  if (!CONTENT_TYPE.test(contentType)) {
    const rule = `0 to ${CONTENT_TYPE_MAX_LENGTH} visible ASCII characters, with spaces inside only`;
    throw new CodedError('bad_content_type', `contentType must be ${rule}`);
  }
}

/** Throws `record_clock` or `record_expired` for a record that may not be taken at `now`. */
export function checkTime(
  { ms, time, expiry }: Pick<RecordBody, 'ms' | 'time' | 'expiry'>,
  now: number,
): void {
  const early = Math.max(ms, time) - now - CLOCK_SKEW_MS;
  if (early > 0) {
    const message = `version or time is more than ${CLOCK_SKEW_MS} ms ahead of this node's clock`;
    throw new StorageError('record_clock', message, early <= CLOCK_GRACE_MS);
  }
  if (isExpired({ expiry }, now)) {
    const late = now - (expiry ?? now);
    // the sender's clock may be behind by the skew
    throw new StorageError('record_expired', 'record has expired', late <= CLOCK_SKEW_MS + CLOCK_GRACE_MS);
  }
}

/** Whether nobody may serve it any more. */
export function isExpired({ expiry }: Pick<RecordBody, 'expiry'>, now: number): boolean {
  return expiry !== null && expiry <= now;
}

function checkKind({ kind, contentType, expiry }: UncheckedRecord, value: Uint8Array): void {
  if (kind === KIND_VALUE) return;
  if (kind === KIND_BLOB) return check.named(() => decodeBlobLink(value));
  if (kind !== KIND_TOMBSTONE) throw field('kind must be 0, 1 or 2');
  const isBare = value.byteLength === 0 && contentType === '' && expiry === null;
  if (!isBare) throw field('a tombstone has no value, content type or expiry');
}

function checkChain(chain: unknown): void {
  let total = 0;
  for (const link of check.array('chain', chain, CHAIN_MAX_LINKS)) {
    total += check.bytes('chain link', link, CHAIN_LINK_MAX_BYTES, 1).byteLength;
  }
  if (total > CHAIN_MAX_BYTES) throw field(`chain exceeds ${CHAIN_MAX_BYTES} bytes`);
}
