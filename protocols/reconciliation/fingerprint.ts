import type { Crypto } from '../common/crypto.ts';
import { encodeVarint } from './codec.ts';
import { FINGERPRINT_BYTES, ID_BYTES } from './constants.ts';

const LIMBS = 8;
const LIMB_BYTES = 4;

/** A number of 256 bits: eight limbs, the least significant first. */
export type Sum = Uint32Array;

export function zeroSum(): Sum {
  return new Uint32Array(LIMBS);
}

/** Adds modulo 2^256. */
export function addSum(sum: Sum, other: Sum): void {
  let carry = 0;
  for (let i = 0; i < LIMBS; i++) {
    const limb = (sum[i] ?? 0) + (other[i] ?? 0) + carry;
    sum[i] = limb;
    carry = limb > 0xffffffff ? 1 : 0;
  }
}

export function subtractSum(sum: Sum, other: Sum): void {
  let borrow = 0;
  for (let i = 0; i < LIMBS; i++) {
    const limb = (sum[i] ?? 0) - (other[i] ?? 0) - borrow;
    sum[i] = limb;
    borrow = limb < 0 ? 1 : 0;
  }
}

/** Adds the id that begins at `at`, little-endian. */
export function addId(sum: Sum, ids: DataView, at: number): void {
  let carry = 0;
  for (let i = 0; i < LIMBS; i++) {
    const limb = (sum[i] ?? 0) + ids.getUint32(at + LIMB_BYTES * i, true) + carry;
    sum[i] = limb;
    carry = limb > 0xffffffff ? 1 : 0;
  }
}

export function subtractId(sum: Sum, ids: DataView, at: number): void {
  let borrow = 0;
  for (let i = 0; i < LIMBS; i++) {
    const limb = (sum[i] ?? 0) - ids.getUint32(at + LIMB_BYTES * i, true) - borrow;
    sum[i] = limb;
    borrow = limb < 0 ? 1 : 0;
  }
}

/** The first 16 bytes of SHA-256 over the sum of the ids, little-endian, and how many they are. */
export function fingerprintOf(crypto: Pick<Crypto, 'sha256'>, sum: Sum, count: number): Uint8Array {
  const number = encodeVarint(count);
  const bytes = new Uint8Array(ID_BYTES + number.byteLength);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < LIMBS; i++) view.setUint32(LIMB_BYTES * i, sum[i] ?? 0, true);
  bytes.set(number, ID_BYTES);
  return crypto.sha256(bytes).subarray(0, FINGERPRINT_BYTES);
}
