import type { StoredRecord } from '../../../node/index.ts';
import { GatewayError } from '../../core/errors.ts';

/** All of a value at once, for those answers that hold it whole. Throws `too_large` above `maxBytes`. */
export async function wholeValue(
  record: Pick<StoredRecord, 'value' | 'size' | 'read'>,
  maxBytes: number,
): Promise<Uint8Array> {
  if (record.size > maxBytes) {
    throw new GatewayError(
      'too_large',
      `the value has ${record.size} bytes, here at most ${maxBytes} are given: read it by /v1/kv`,
    );
  }
  if (record.value !== null) return record.value;
  const pieces: Uint8Array[] = [];
  for await (const piece of record.read()) pieces.push(piece);
  return Buffer.concat(pieces, record.size);
}
