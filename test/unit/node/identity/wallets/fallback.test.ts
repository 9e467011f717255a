import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { test } from 'node:test';
import { verifySecp256k1 } from '../../../../../node/identity/wallets/ecdsa.ts';
import { loadCurve } from '../../../../../node/identity/wallets/load-curve.ts';
import { secretOf, signSecp256k1 } from '../../../../support/wallets.ts';

const ADDON = 'secp256k1/bindings.js';

test('where the native addon does not load, JavaScript verifies, and that is said', async (t) => {
  let asked = 0;
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      if (specifier !== ADDON) return next(specifier, context);
      asked += 1;
      throw new Error('no binary for this machine');
    },
  });
  t.after(() => hooks.deregister());
  const curve = await loadCurve();
  assert.equal(asked, 1);
  assert.equal(curve.implementation, 'portable');
  const message = new TextEncoder().encode('a message');
  const { publicKey, signature } = signSecp256k1(secretOf(1), message);
  assert.equal(verifySecp256k1(curve, publicKey, message, signature), true);
  assert.equal(verifySecp256k1(curve, publicKey, message.subarray(1), signature), false);
});
