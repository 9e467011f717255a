import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { verifyBip322 } from '../../../../../node/identity/wallets/bip322.ts';
import { parseDer } from '../../../../../node/identity/wallets/der.ts';
import { verifySecp256k1 } from '../../../../../node/identity/wallets/ecdsa.ts';
import { verifyEip191 } from '../../../../../node/identity/wallets/eip191.ts';
import { createWalletCrypto } from '../../../../../node/identity/wallets/index.ts';
import { MESSAGE_BYTES_MAX } from '../../../../../node/identity/wallets/limits.ts';
import {
  encodeDer,
  secretOf,
  signBitcoin,
  signPersonal,
  signSecp256k1,
} from '../../../../support/wallets.ts';
import { nativeCurve } from './native.ts';

const wallets = createWalletCrypto();
after(() => wallets.stop());
const curve = nativeCurve();
const MESSAGE = new TextEncoder().encode('example.com wants you to sign in');

const bytes = fc.uint8Array({ maxLength: 200 });

/** A bit of `subject` turned over. */
function flipped(subject: Uint8Array, at: number): Uint8Array {
  const out = Uint8Array.from(subject);
  const bit = at % (8 * out.byteLength);
  out[bit >> 3] = (out[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return out;
}

test('what wallets of other libraries sign is good, whatever the message', async () => {
  await fc.assert(
    fc.asyncProperty(bytes, fc.nat(1000), fc.boolean(), async (message, number, isTaproot) => {
      const secret = secretOf(number);
      const personal = await signPersonal(secret, message);
      const bitcoin = signBitcoin(secret, message, { type: isTaproot ? 'p2tr' : 'p2wpkh' });
      const ecdsa = signSecp256k1(secret, message);
      const verified = await Promise.all([
        wallets.verifyEip191(personal.address, message, personal.signature),
        wallets.verifyBip322(bitcoin.address, message, bitcoin.signature),
        wallets.verifySecp256k1(ecdsa.publicKey, message, ecdsa.signature),
      ]);
      assert.deepEqual(verified, [true, true, true]);
    }),
    { numRuns: 40 },
  );
});

const personal = await signPersonal(secretOf(1), MESSAGE);
const ecdsa = signSecp256k1(secretOf(1), MESSAGE);
const keyHash = signBitcoin(secretOf(1), MESSAGE, { type: 'p2wpkh' });
const taproot = signBitcoin(secretOf(1), MESSAGE, { type: 'p2tr' });

/** Verifiers of one good signature each: (signature, message). */
const VERIFIERS: readonly [string, Uint8Array, (signature: Uint8Array, message: Uint8Array) => boolean][] = [
  ['EIP-191', personal.signature, (s, message) => verifyEip191(curve, personal.address, message, s)],
  ['secp256k1', ecdsa.signature, (s, message) => verifySecp256k1(curve, ecdsa.publicKey, message, s)],
  ['P2WPKH', keyHash.signature, (s, message) => verifyBip322(curve, keyHash.address, message, s)],
  ['P2TR', taproot.signature, (s, message) => verifyBip322(curve, taproot.address, message, s)],
];

for (const [name, signature, verify] of VERIFIERS) {
  test(`${name}: no bit of signature or message can be turned over`, () => {
    assert.equal(verify(signature, MESSAGE), true);
    for (let bit = 0; bit < 8 * signature.byteLength; bit++) {
      assert.equal(verify(flipped(signature, bit), MESSAGE), false, `bit ${bit} of the signature`);
    }
    for (let bit = 0; bit < 8 * MESSAGE.byteLength; bit++) {
      assert.equal(verify(signature, flipped(MESSAGE, bit)), false, `bit ${bit} of the message`);
    }
  });

  test(`${name}: nothing shorter or longer is good`, () => {
    for (let length = 0; length < signature.byteLength; length++) {
      assert.equal(verify(signature.subarray(0, length), MESSAGE), false, `${length} bytes`);
    }
    for (let more = 0; more < 256; more++) {
      assert.equal(verify(Uint8Array.from([...signature, more]), MESSAGE), false, `and ${more}`);
    }
  });

  test(`${name}: junk is false, not an error`, () => {
    fc.assert(
      fc.property(bytes, bytes, (junk, message) => {
        assert.equal(verify(junk, message), false);
      }),
      { numRuns: 300 },
    );
  });
}

test('keys, accounts and addresses that are junk are false, not an error', async () => {
  await fc.assert(
    fc.asyncProperty(bytes, fc.string({ unit: 'binary', maxLength: 100 }), async (junk, text) => {
      const verified = await Promise.all([
        wallets.verifyEip191(junk, MESSAGE, personal.signature),
        wallets.verifySecp256k1(junk, MESSAGE, ecdsa.signature),
        wallets.verifyBip322(text, MESSAGE, keyHash.signature),
        wallets.verifyBip322(`bc1p${text}`, MESSAGE, taproot.signature),
      ]);
      assert.deepEqual(verified, [false, false, false, false]);
    }),
    { numRuns: 100 },
  );
});

test('DER has one spelling: what is read is written the same way', () => {
  const der = encodeDer(ecdsa.signature);
  assert.deepEqual(parseDer(der), ecdsa.signature);
  fc.assert(
    fc.property(fc.nat(8 * der.byteLength - 1), (bit) => {
      const changed = flipped(der, bit);
      const compact = parseDer(changed);
      if (compact !== null) assert.deepEqual(encodeDer(compact), changed);
    }),
    { numRuns: 1000 },
  );
});

test('the longest message is verified; one that is longer is false', async () => {
  const longest = new Uint8Array(MESSAGE_BYTES_MAX);
  const signed = await signPersonal(secretOf(2), longest);
  assert.equal(await wallets.verifyEip191(signed.address, longest, signed.signature), true);
  const longer = new Uint8Array(MESSAGE_BYTES_MAX + 1);
  const late = await signPersonal(secretOf(2), longer);
  assert.equal(await wallets.verifyEip191(late.address, longer, late.signature), false);
});

test('what the caller does with its arrays afterwards does not matter', async () => {
  const message = Uint8Array.from(MESSAGE);
  const signature = Uint8Array.from(personal.signature);
  const verified = wallets.verifyEip191(personal.address, message, signature);
  message.fill(0);
  signature.fill(0);
  assert.equal(await verified, true);
});
