import assert from 'node:assert/strict';
import { test } from 'node:test';
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { concatBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { createPortableCurve } from '../../../../../node/identity/wallets/portable-curve.ts';
import { ORDER, secretOf } from '../../../../support/wallets.ts';
import { scalar } from '../../../../vectors/wallets/vector.ts';
import { NATIVE, nativeCurve } from './native.ts';

const { Point } = secp256k1;
const PRIME = Point.CURVE().p;
const DIGEST = new Uint8Array(32).fill(9);
const portable = createPortableCurve();
const native = nativeCurve();

/** What the signature's equation is over: BIP-340's hash of point, key and message. */
function challenge(point: Uint8Array, key: Uint8Array, message: Uint8Array): bigint {
  const digest = schnorr.utils.taggedHash('BIP0340/challenge', point, key, message);
  return BigInt(`0x${Buffer.from(digest).toString('hex')}`) % ORDER;
}

/** A key whose point has an even y, with its number. */
function evenKey(): { readonly key: Uint8Array; readonly d: bigint } {
  const d = BigInt(`0x${Buffer.from(secretOf(1)).toString('hex')}`);
  const point = Point.BASE.multiply(d);
  return { key: point.toBytes(true).subarray(1), d: point.y % 2n === 0n ? d : ORDER - d };
}

test('native and portable say the same of Schnorr signatures', { skip: NATIVE }, () => {
  fc.assert(
    fc.property(
      fc.nat(500),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.option(fc.nat(64 * 8 - 1)),
      (number, message, bit) => {
        const key = schnorr.getPublicKey(secretOf(number));
        const signature = schnorr.sign(message, secretOf(number));
        if (bit !== null) signature[bit >> 3] = (signature[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const expected = bit === null;
        assert.equal(native.verifySchnorr(key, message, signature), expected);
        assert.equal(portable.verifySchnorr(key, message, signature), expected);
      },
    ),
    { numRuns: 60 },
  );
});

const { key, d } = evenKey();
const K = 12345n;
/** k·G, by the parity of its y. */
const nonces = [K, ORDER - K].map((k) => ({ k, point: Point.BASE.multiply(k) }));

function crafted(wantsEven: boolean): Uint8Array {
  const nonce = nonces.find(({ point }) => (point.y % 2n === 0n) === wantsEven);
  assert.ok(nonce !== undefined);
  const x = nonce.point.toBytes(true).subarray(1);
  return concatBytes(x, scalar((nonce.k + challenge(x, key, DIGEST) * d) % ORDER));
}

/** s = e·d: the equation gives the point at infinity, which has no x. */
function infinite(): Uint8Array {
  const x = scalar(PRIME - 1n);
  return concatBytes(x, scalar((challenge(x, key, DIGEST) * d) % ORDER));
}

/** The least x above the group's order that has a point, as the native trick needs another branch for it. */
function keyAboveOrder(): Uint8Array {
  for (let x = ORDER; ; x++) {
    const compressed = concatBytes(Uint8Array.of(2), scalar(x));
    if (secp256k1.utils.isValidPublicKey(compressed)) return scalar(x);
  }
}

const CRAFTED: readonly [string, Uint8Array, Uint8Array, boolean][] = [
  ['by hand', key, crafted(true), true],
  ['the point has an odd y', key, crafted(false), false],
  ['the point is at infinity', key, infinite(), false],
  ['s is 0', key, concatBytes(crafted(true).subarray(0, 32), scalar(0n)), false],
  ['s is the order', key, concatBytes(crafted(true).subarray(0, 32), scalar(ORDER)), false],
  ['the point is 0', key, concatBytes(scalar(0n), crafted(true).subarray(32)), false],
  ['the point is the prime', key, concatBytes(scalar(PRIME), crafted(true).subarray(32)), false],
  ['the key is 0', scalar(0n), crafted(true), false],
  ['the key is the order', scalar(ORDER), crafted(true), false],
  ['the key is the prime', scalar(PRIME), crafted(true), false],
  ['the key is all ones', new Uint8Array(32).fill(255), crafted(true), false],
  ['the key is above the order', keyAboveOrder(), crafted(true), false],
];

for (const [name, key, signature, valid] of CRAFTED) {
  test(`Schnorr, portable: ${name}: ${valid}`, () => {
    assert.equal(portable.verifySchnorr(key, DIGEST, signature), valid);
  });
  test(`Schnorr, native: ${name}: ${valid}`, { skip: NATIVE }, () => {
    assert.equal(native.verifySchnorr(key, DIGEST, signature), valid);
  });
}

test('native and portable recover the same keys', { skip: NATIVE }, () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), fc.boolean(), (signature, isOdd) => {
      const parity = isOdd ? 1 : 0;
      const recovered = native.recover(signature, parity, DIGEST);
      assert.deepEqual(recovered && Uint8Array.from(recovered), portable.recover(signature, parity, DIGEST));
    }),
    { numRuns: 100 },
  );
});
