import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { verifyBip322 } from '../../../../../node/identity/wallets/bip322.ts';
import type { Curve } from '../../../../../node/identity/wallets/curve.ts';
import { verifySecp256k1 } from '../../../../../node/identity/wallets/ecdsa.ts';
import { verifyEip191 } from '../../../../../node/identity/wallets/eip191.ts';
import { createWalletCrypto, type WalletVerifier } from '../../../../../node/identity/wallets/index.ts';
import { createPortableCurve } from '../../../../../node/identity/wallets/portable-curve.ts';
import { vectorFiles } from '../../../../vectors/wallets/generate.ts';
import type { WalletVector } from '../../../../vectors/wallets/vector.ts';
import { NATIVE, nativeCurve } from './native.ts';

const FOLDER = new URL('../../../../vectors/wallets/', import.meta.url);
const NAMES = ['eip191.json', 'bip322.json', 'secp256k1.json'];

const vectors = NAMES.flatMap(
  (name) => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as WalletVector[],
);

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

function verify(curve: Curve, { kind, signer, message, signature }: WalletVector): boolean {
  if (kind === 'bip322') return verifyBip322(curve, signer, hex(message), hex(signature));
  const verifier = kind === 'eip191' ? verifyEip191 : verifySecp256k1;
  return verifier(curve, hex(signer), hex(message), hex(signature));
}

function verifyThreaded(wallets: WalletVerifier, vector: WalletVector): Promise<boolean> {
  const { kind, signer } = vector;
  const message = hex(vector.message);
  const signature = hex(vector.signature);
  if (kind === 'bip322') return wallets.verifyBip322(signer, message, signature);
  if (kind === 'eip191') return wallets.verifyEip191(hex(signer), message, signature);
  return wallets.verifySecp256k1(hex(signer), message, signature);
}

test('the files are what the generator makes', async () => {
  for (const [name, text] of Object.entries(await vectorFiles())) {
    assert.ok(readFileSync(new URL(name, FOLDER), 'utf8') === text, `${name}: run the generator`);
  }
});

test('there are good and bad signatures of every kind', () => {
  for (const kind of ['eip191', 'bip322', 'secp256k1']) {
    const ofKind = vectors.filter((vector) => vector.kind === kind);
    assert.ok(ofKind.filter(({ valid }) => valid).length >= 4, kind);
    assert.ok(ofKind.filter(({ valid }) => !valid).length >= 15, kind);
  }
});

test('through the threads, all at once: every vector as it says', async (t) => {
  const wallets = createWalletCrypto();
  t.after(() => wallets.stop());
  const verified = await Promise.all(vectors.map((vector) => verifyThreaded(wallets, vector)));
  const wrong = vectors.filter(({ valid }, index) => verified[index] !== valid);
  assert.deepEqual(
    wrong.map(({ kind, name }) => `${kind}: ${name}`),
    [],
  );
});

for (const vector of vectors) {
  test(`portable: ${vector.kind}, ${vector.name}: ${vector.valid ? 'good' : 'bad'}`, () => {
    assert.equal(verify(createPortableCurve(), vector), vector.valid);
  });
}

test('native: every vector as it says', { skip: NATIVE }, () => {
  const curve = nativeCurve();
  for (const vector of vectors) {
    assert.equal(verify(curve, vector), vector.valid, `${vector.kind}: ${vector.name}`);
  }
});
