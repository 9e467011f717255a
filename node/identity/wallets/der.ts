import { COMPACT_BYTES } from './form.ts';

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const SCALAR_BYTES = COMPACT_BYTES / 2;

/** r‖s of a DER signature, by the strict rules of BIP-66; null for any other spelling. */
export function parseDer(der: Uint8Array): Uint8Array | null {
  // long lengths cannot occur: two integers of 33 bytes are 70
  if (der[0] !== SEQUENCE || der[1] !== der.byteLength - 2) return null;
  const compact = new Uint8Array(COMPACT_BYTES);
  let offset = 2;
  for (let index = 0; index < 2; index++) {
    const integer = integerAt(der, offset);
    if (integer === null) return null;
    offset += 2 + integer.byteLength;
    const digits = integer[0] === 0 ? integer.subarray(1) : integer;
    if (digits.byteLength > SCALAR_BYTES) return null;
    compact.set(digits, (index + 1) * SCALAR_BYTES - digits.byteLength);
  }
  return offset === der.byteLength ? compact : null;
}

/** Its content: not empty, not negative, without a zero that is not needed. */
function integerAt(der: Uint8Array, offset: number): Uint8Array | null {
  const length = der[offset + 1] ?? 0;
  const content = der.subarray(offset + 2, offset + 2 + length);
  const [first = 0, second = 0] = content;
  if (der[offset] !== INTEGER || length === 0 || content.byteLength !== length) return null;
  if (first >= 0x80) return null;
  return first === 0 && length > 1 && second < 0x80 ? null : content;
}
