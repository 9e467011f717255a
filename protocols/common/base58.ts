const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const NOT_THERE = 0xff;
/** Base58 digit of each ASCII character. */
const DIGITS = new Uint8Array(128).fill(NOT_THERE);
for (let digit = 0; digit < ALPHABET.length; digit++) DIGITS[ALPHABET.charCodeAt(digit)] = digit;

/** A limb times 58^4 and a carry stay below 2^53. */
const LIMB = 2 ** 24;
const LIMB_BYTES = 3;
const CHARACTERS_AT_ONCE = 4;

/**
 * The bytes that base58 `text` (Bitcoin's alphabet) stands for; null where another character is in it, and for text of
 * more than `maxLength`: it takes the square of that in time. Different texts stand for different bytes.
 */
export function decodeBase58(text: string, maxLength: number): Uint8Array | null {
  if (text.length > maxLength) return null;
  const limbs: number[] = [];
  for (let at = 0; at < text.length; at += CHARACTERS_AT_ONCE) {
    const end = Math.min(at + CHARACTERS_AT_ONCE, text.length);
    let carry = 0;
    let scale = 1;
    for (let i = at; i < end; i++) {
      const digit = DIGITS[text.charCodeAt(i)] ?? NOT_THERE;
      if (digit === NOT_THERE) return null;
      carry = carry * ALPHABET.length + digit;
      scale *= ALPHABET.length;
    }
    for (let i = 0; i < limbs.length; i++) {
      const sum = (limbs[i] ?? 0) * scale + carry;
      carry = Math.floor(sum / LIMB);
      limbs[i] = sum - carry * LIMB;
    }
    if (carry > 0) limbs.push(carry);
  }
  return toBytes(limbs, leadingZeros(text));
}

/** Limbs, the least one first, behind `zeros` bytes of zero. */
function toBytes(limbs: readonly number[], zeros: number): Uint8Array {
  const top = limbs.at(-1) ?? 0;
  const topBytes = top === 0 ? 0 : top < 2 ** 8 ? 1 : top < 2 ** 16 ? 2 : LIMB_BYTES;
  const length = Math.max(0, limbs.length - 1) * LIMB_BYTES + topBytes;
  const bytes = new Uint8Array(zeros + length);
  for (let i = 0; i < length; i++) {
    const limb = limbs[Math.floor(i / LIMB_BYTES)] ?? 0;
    bytes[bytes.byteLength - 1 - i] = (limb >> (8 * (i % LIMB_BYTES))) & 0xff;
  }
  return bytes;
}

/** A first digit of zero stands for a byte of zero. */
function leadingZeros(text: string): number {
  let count = 0;
  while (count < text.length && text[count] === ALPHABET[0]) count += 1;
  return count;
}
