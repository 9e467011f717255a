/** Range requests of RFC 9110, section 14: one range of bytes. */
import type { ByteRange } from '../../../protocols/blobs/index.ts';

const SINGLE = /^bytes[\t ]*=[\t ]*(?<first>\d{0,16})-(?<last>\d{0,16})[\t ]*$/i;

export interface RangeHeaders {
  readonly range?: string | undefined;
  readonly 'if-range'?: string | undefined;
}

/**
 * The part of `size` bytes that is asked for; null for all of them: also where several ranges are asked for, or what is no range,
 * which whoever serves may leave unheeded. `unsatisfiable` where the range begins behind the end.
 */
export function rangeOf(
  headers: RangeHeaders,
  { size, etag }: { readonly size: number; readonly etag: string },
): ByteRange | 'unsatisfiable' | null {
  const condition = headers['if-range'];
  // a date is not strong enough: a value may change twice in a second
  if (condition !== undefined && condition.trim() !== etag) return null;
  const { first, last } = SINGLE.exec(headers.range ?? '')?.groups ?? {};
  if (first === undefined || last === undefined || (first === '' && last === '')) return null;
  if (first === '') {
    const count = Math.min(Number(last), size);
    return count === 0 ? 'unsatisfiable' : { start: size - count, end: size };
  }
  const start = Number(first);
  const end = last === '' ? size : Math.min(Number(last) + 1, size);
  if (last !== '' && Number(last) < start) return null;
  return start >= size ? 'unsatisfiable' : { start, end };
}

/** Header for a part, or an unsatisfiable range. */
export function contentRange(range: ByteRange | 'unsatisfiable', size: number): string {
  return range === 'unsatisfiable' ? `bytes */${size}` : `bytes ${range.start}-${range.end - 1}/${size}`;
}
