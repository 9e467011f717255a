import { BlobError } from './errors.ts';

/** Bytes from `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** The part of a file of `size` bytes that a range asks for. Throws `blob_range`. */
export function checkRange({ start, end }: ByteRange, size: number): ByteRange {
  const isRange = Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end;
  if (!isRange || start > size) {
    throw new BlobError('blob_range', `a range must lie within the ${size} bytes of the blob`);
  }
  return { start, end: Math.min(end, size) };
}
