/** Counts and lengths from here on take several bytes; no stack that is accepted has any. */
const LONG_SIZE = 0xfd;

/** The items of a serialised witness stack (BIP-144), nothing left over; null when it is not one, or none of ours. */
export function parseWitness(bytes: Uint8Array): Uint8Array[] | null {
  const count = bytes[0] ?? LONG_SIZE;
  if (count >= LONG_SIZE) return null;
  const items: Uint8Array[] = [];
  let offset = 1;
  for (let index = 0; index < count; index++) {
    const length = bytes[offset] ?? LONG_SIZE;
    if (length >= LONG_SIZE || offset + 1 + length > bytes.byteLength) return null;
    items.push(bytes.subarray(offset + 1, offset + 1 + length));
    offset += 1 + length;
  }
  return offset === bytes.byteLength ? items : null;
}
