/** The vectors that BIP-322 publishes ("basic-test-vectors.json"), where a copy of them is at hand. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { sha256 } from '@noble/hashes/sha2.js';
import { createWalletCrypto } from '../../../../../node/identity/wallets/index.ts';
import { toSpendId } from '../../../../../node/identity/wallets/sighash.ts';
import { parseKeyAddress } from '../../../../../protocols/common/segwit.ts';

const PATH = process.env.BIP322_VECTORS ?? '/work/shared/vectors/bip322-basic.json';

interface File {
  readonly tx_hashes: readonly {
    readonly message: string;
    readonly address: string;
    readonly to_spend_tx_hash: string;
    readonly to_sign_tx_hash: string;
  }[];
  readonly simple: readonly {
    readonly message: string;
    readonly address: string;
    readonly type: string;
    readonly bip322_signatures: readonly string[];
  }[];
  readonly error: readonly {
    readonly description: string;
    readonly message: string;
    readonly address: string;
    readonly signature: string;
  }[];
}

const EMPTY: File = { tx_hashes: [], simple: [], error: [] };
const isThere = existsSync(PATH);
const file = isThere ? (JSON.parse(readFileSync(PATH, 'utf8')) as File) : EMPTY;
const SIMPLE = /^(p2wpkh|p2tr)$/;

/** The witness stack of the text form: what marks it as *simple* is in front, and may be missing. */
function witnessOf(signature: string): Uint8Array {
  return Buffer.from(signature.replace(/^smp/, ''), 'base64');
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

const wallets = createWalletCrypto();
after(() => wallets.stop());

test('the vectors of BIP-322 are there', { skip: !isThere && `${PATH} is not there` }, () => {
  assert.ok(file.simple.some(({ type }) => type === 'p2wpkh'));
  assert.ok(file.simple.some(({ type }) => type === 'p2tr'));
  assert.ok(file.tx_hashes.length > 0 && file.error.length > 0);
});

for (const { message, address, to_spend_tx_hash, to_sign_tx_hash } of file.tx_hashes) {
  test(`transactions for "${message}"`, () => {
    const destination = parseKeyAddress(address);
    assert.ok(destination !== null);
    const id = toSpendId(destination, utf8(message));
    assert.equal(Buffer.from(id).reverse().toString('hex'), to_spend_tx_hash);
    // *to_sign*, written out: its only input spends that, its only output is OP_RETURN
    const raw = `0000000001${Buffer.from(id).toString('hex')}000000000000000000010000000000000000016a00000000`;
    const signId = sha256(sha256(Buffer.from(raw, 'hex')));
    assert.equal(Buffer.from(signId).reverse().toString('hex'), to_sign_tx_hash);
  });
}

for (const { message, address, type, bip322_signatures } of file.simple) {
  for (const [index, signature] of bip322_signatures.entries()) {
    const isOurs = SIMPLE.test(type);
    const verdict = isOurs ? 'good' : `not supported: no script is run, and ${type} needs one; refused`;
    test(`simple, ${type}, "${message}" (${index + 1}): ${verdict}`, async () => {
      assert.equal(await wallets.verifyBip322(address, utf8(message), witnessOf(signature)), isOurs);
    });
  }
}

for (const { description, message, address, signature } of file.error) {
  test(`error: ${description}`, async () => {
    assert.equal(await wallets.verifyBip322(address, utf8(message), witnessOf(signature)), false);
  });
}
