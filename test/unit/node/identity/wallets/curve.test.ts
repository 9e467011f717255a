import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createPortableCurve } from '../../../../../node/identity/wallets/portable-curve.ts';
import { NATIVE, nativeCurve } from './native.ts';

const DIGEST = new Uint8Array(32).fill(9);
const portable = createPortableCurve();
const native = nativeCurve();

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
