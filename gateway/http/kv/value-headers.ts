import type { RecordHead, StoredRecord } from '../../../node/index.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { checkContentType } from '../../../protocols/storage/validate.ts';
import { GatewayError } from '../../core/errors.ts';

const OCTETS = 'application/octet-stream';
const MEDIA_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+[\t ]*(;.*)?$/;
/** Types that a browser shows without running anything in them. */
const INERT =
  /^(text\/plain|application\/json|image\/(png|jpeg|gif|webp|avif)|(audio|video)\/[a-z0-9.+-]+)[\t ]*(;|$)/i;

/** The type to keep with a value. Throws `bad_content_type`. */
export function readContentType(header: string | undefined): string {
  if (header === undefined || header === '') return '';
  try {
    checkContentType(header);
  } catch (error) {
    if (error instanceof CodedError) throw badType();
    throw error;
  }
  if (!MEDIA_TYPE.test(header)) throw badType();
  return header;
}

function badType(): GatewayError {
  const message =
    'Content-Type must be a media type like text/plain; charset=utf-8, at most 255 ASCII characters';
  return new GatewayError('bad_content_type', message);
}

/**
 * Headers under which bytes that anybody stored cannot act as a page of this gateway: never guessed to be of another
 * type, in a sandbox without scripts and with an opaque origin, saved rather than shown unless inert, and not to be
 * embedded by pages of other sites.
 */
export function harmlessHeaders(contentType: string): Record<string, string> {
  const type = contentType === '' ? OCTETS : contentType;
  return {
    'content-type': type,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'content-disposition': INERT.test(type) ? 'inline' : 'attachment',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
  };
}

/** Headers that describe a value. */
export function valueHeaders(record: RecordHead & Pick<StoredRecord, 'degraded'>): Record<string, string> {
  const { etag, time, author, expiresAt, degraded, contentType, blob } = record;
  return {
    ...harmlessHeaders(contentType),
    etag,
    'last-modified': new Date(time).toUTCString(),
    // kept copies must be asked about: the next value may come any moment
    'cache-control': 'private, no-cache',
    'maillon-author': author,
    'maillon-time': String(time),
    ...(expiresAt === null ? {} : { 'maillon-expires': String(expiresAt) }),
    ...(blob === null ? {} : { 'maillon-blob': blob }),
    ...(degraded ? { 'maillon-degraded': 'true' } : {}),
  };
}
