import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeMultikey,
  didKey,
  ED25519_MULTIKEY_BYTES,
  encodeMultikey,
} from '../../../../protocols/common/did-key.ts';

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });

test('a multikey is ed 01 and the key', () => {
  assert.equal(ED25519_MULTIKEY_BYTES, 34);
  fc.assert(
    fc.property(key, (publicKey) => {
      const multikey = encodeMultikey(publicKey);
      assert.equal(Buffer.from(multikey).toString('hex'), `ed01${Buffer.from(publicKey).toString('hex')}`);
      assert.deepEqual(Buffer.from(decodeMultikey(multikey)), Buffer.from(publicKey));
    }),
  );
});

test('nothing else is one', () => {
  const good = encodeMultikey(new Uint8Array(32));
  const bad = [
    new Uint8Array(),
    good.subarray(0, 33),
    good.subarray(1),
    Buffer.concat([good, Buffer.of(0)]),
    Buffer.concat([Buffer.of(0xed, 0x00), new Uint8Array(32)]),
    Buffer.concat([Buffer.of(0xec, 0x01), new Uint8Array(32)]),
    Buffer.concat([Buffer.of(0xe7, 0x01), new Uint8Array(32)]),
  ];
  for (const multikey of bad) assert.throws(() => decodeMultikey(multikey), { code: 'bad_author' });
});

test('the example of the did:key specification', () => {
  // public key of the seed of zeros; https://w3c-ccg.github.io/did-method-key/#test-vectors
  const publicKey = Buffer.from('3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29', 'hex');
  const did = 'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp';
  assert.equal(didKey(encodeMultikey(publicKey)), did);
});

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

test('a did:key is base58btc of the multikey', () => {
  fc.assert(
    fc.property(key, (publicKey) => {
      const multikey = encodeMultikey(publicKey);
      let rest = BigInt(`0x${Buffer.from(multikey).toString('hex')}`);
      let digits = '';
      for (; rest > 0n; rest /= 58n) digits = `${BASE58[Number(rest % 58n)]}${digits}`;
      assert.equal(didKey(multikey), `did:key:z${digits}`);
    }),
  );
});
