import { DIGEST_BYTES, type HeldKind, type PartitionId } from '../../../protocols/storage/index.ts';
import { checksum, encodeLocation } from '../../disk/sealing.ts';
import { ROW_OVERHEAD_BYTES } from './constants.ts';

/** A row of `records` without the sealed bytes. Values from a damaged file may have other types: see `locate`. */
export interface RecordRow {
  readonly id: number;
  readonly key: Uint8Array;
  readonly ms: number;
  readonly counter: number;
  readonly digest: Uint8Array;
  readonly kind: HeldKind;
  readonly expiry: number | null;
  readonly size: number;
  readonly content_type: string;
  readonly bytes: number;
  readonly mark: number;
}

export interface SealedRow extends RecordRow {
  readonly sealed: Uint8Array;
}

export const ROW_COLUMNS =
  'r.id, r.key, r.ms, r.counter, r.digest, r.kind, r.expiry, r.size, r.content_type, r.bytes, r.mark';

/** Where the row says it is; null when its checksum says otherwise. */
export function locate({ namespaceId, partition }: PartitionId, row: RecordRow): Buffer | null {
  try {
    if (row.digest.byteLength !== DIGEST_BYTES) return null;
    const location = encodeLocation({ ...row, namespaceId, partition });
    const { expiry, size, content_type: contentType } = row;
    return checksum(location, { expiry, size, contentType }) === row.mark ? location : null;
  } catch {
    // numbers out of range, text where bytes should be
    return null;
  }
}

/** Bytes of the capacity that a row uses. */
export function weightOf(keyBytes: number, contentType: string, sealedBytes: number): number {
  return keyBytes + contentType.length + sealedBytes + ROW_OVERHEAD_BYTES;
}
