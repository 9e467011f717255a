import type { Stamp } from '../../protocols/storage/index.ts';
import type { Reference } from './interface.ts';

export const KIND_RECORD = 0;
const KIND_PIN = 1;
/** ms 8, counter 2, then the digest. */
const STAMP_NUMBERS_BYTES = 10;
const WORD = 2 ** 32;

/** Columns `kind`, `namespace`, `key` and `stamp` of a reference. */
export function referenceKey(namespace: number, reference: Reference): [number, number, string, Uint8Array] {
  if (reference.kind === 'pin') return [KIND_PIN, namespace, reference.key, new Uint8Array()];
  return [KIND_RECORD, namespace, reference.key, encodeStamp(reference.stamp)];
}

function encodeStamp({ ms, counter, digest }: Stamp): Uint8Array {
  const bytes = Buffer.alloc(STAMP_NUMBERS_BYTES + digest.byteLength);
  bytes.writeUInt32BE(Math.floor(ms / WORD), 0);
  bytes.writeUInt32BE(ms % WORD, 4);
  bytes.writeUInt16BE(counter, 8);
  bytes.set(digest, STAMP_NUMBERS_BYTES);
  return bytes;
}

export function decodeStamp(stamp: Uint8Array): Stamp {
  const bytes = Buffer.from(stamp.buffer, stamp.byteOffset, stamp.byteLength);
  const ms = bytes.readUInt32BE(0) * WORD + bytes.readUInt32BE(4);
  return { ms, counter: bytes.readUInt16BE(8), digest: stamp.slice(STAMP_NUMBERS_BYTES) };
}
