import type { Stamp } from '../../protocols/storage/index.ts';

/** ms 8, counter 2, then the digest. */
const STAMP_NUMBERS_BYTES = 10;
const WORD = 2 ** 32;

export function encodeStamp({ ms, counter, digest }: Stamp): Uint8Array {
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
