import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { decode, encode } from '@ipld/dag-cbor';
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import fc from 'fast-check';
import { KeyError } from '../../../../../node/identity/keyring/errors.ts';
import {
  decodeKeyFile,
  encodeKey,
  encodeLibp2pKey,
  encodeSealed,
  multikeyOf,
  openSealed,
  type PlainKey,
  type SealedKey,
} from '../../../../../node/identity/keyring/key-file.ts';
import { didKey } from '../../../../../protocols/common/did-key.ts';
import { PASSPHRASE } from '../../../../support/passphrases.ts';

/** RFC 8032 section 7.1, test 1. */
const SEED = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
const CREATED = 1_790_000_000_000;
/** Cheap, where the cost is not what is tested. */
const FAST = { n: 2 ** 10, r: 8, p: 1 };

const PLAIN_HEX = [
  '86', // six items
  '01', // version
  '00', // plain
  '5822ed01d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', // multikey
  '1b000001a0c4506c00', // created
  '58209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', // seed
];

async function sealedFile(kdf = FAST): Promise<Uint8Array> {
  const head = { multikey: multikeyOf(SEED), created: CREATED };
  return encodeSealed(encodeKey(SEED, CREATED), head, PASSPHRASE, kdf);
}

function refused(bytes: Uint8Array, code = 'bad_key_file'): void {
  assert.throws(
    () => decodeKeyFile(bytes),
    (error) => error instanceof KeyError && error.code === code,
  );
}

/** With the checksum that the items should have: what somebody made on purpose. */
function forged(items: readonly unknown[]): Uint8Array {
  return encode([...items, createHash('sha256').update(encode(items)).digest()]);
}

test('a plain file, byte for byte', () => {
  const bytes = Buffer.from(encodeKey(SEED, CREATED));
  const items = PLAIN_HEX.slice(1).join('');
  const body = Buffer.from(`85${items}`, 'hex');
  const checksum = createHash('sha256').update(body).digest('hex');
  assert.equal(bytes.toString('hex'), `${PLAIN_HEX.join('')}5820${checksum}`);
  const key = decodeKeyFile(bytes) as PlainKey;
  assert.equal(key.isSealed, false);
  assert.equal(key.created, CREATED);
  assert.deepEqual(Buffer.from(key.seed), SEED);
  assert.equal(didKey(key.multikey), 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw');
});

test('the libp2p form is read, too, and says no time', async () => {
  const key = decodeKeyFile(await encodeLibp2pKey(SEED)) as PlainKey;
  assert.deepEqual([key.isSealed, key.created], [false, null]);
  assert.deepEqual(Buffer.from(key.seed), SEED);
  refused(privateKeyToProtobuf(await generateKeyPair('secp256k1')));
});

test('a sealed file says whose it is, hides the seed, and opens with its passphrase only', async () => {
  const bytes = Buffer.from(await sealedFile());
  assert.ok(!bytes.includes(SEED));
  const key = decodeKeyFile(bytes) as SealedKey;
  assert.deepEqual([key.isSealed, key.created], [true, CREATED]);
  assert.deepEqual(Buffer.from(key.multikey), Buffer.from(multikeyOf(SEED)));
  const opened = decodeKeyFile(await openSealed(key, PASSPHRASE)) as PlainKey;
  assert.deepEqual(Buffer.from(opened.seed), SEED);
  for (const wrong of ['', `${PASSPHRASE} `, PASSPHRASE.toUpperCase()]) {
    await assert.rejects(openSealed(key, wrong), { code: 'bad_passphrase' });
  }
  assert.notDeepEqual(await sealedFile(), bytes, 'salt and nonce are new each time');
});

test('what is sealed for good costs scrypt with n = 2^17, r = 8, p = 1', async () => {
  const head = { multikey: multikeyOf(SEED), created: CREATED };
  const bytes = await encodeSealed(encodeKey(SEED, CREATED), head, PASSPHRASE);
  assert.deepEqual(decode<unknown[]>(bytes)[4], [131_072, 8, 1]);
  const key = decodeKeyFile(bytes) as SealedKey;
  assert.ok((await openSealed(key, PASSPHRASE)).byteLength > 0);
});

test('accents composed differently are the same passphrase', async () => {
  const head = { multikey: multikeyOf(SEED), created: CREATED };
  const composed = 'caf\u00e9 au lait';
  const bytes = await encodeSealed(encodeKey(SEED, CREATED), head, composed, FAST);
  const opened = await openSealed(decodeKeyFile(bytes) as SealedKey, 'cafe\u0301 au lait');
  assert.deepEqual(opened.byteLength, encodeKey(SEED, CREATED).byteLength);
});

test('damage anywhere is damage, never a wrong passphrase', async () => {
  for (const whole of [encodeKey(SEED, CREATED), await sealedFile()]) {
    for (let i = 0; i < whole.byteLength; i++) {
      const bytes = Uint8Array.from(whole);
      bytes[i] = (bytes[i] ?? 0) ^ 0x10;
      assert.throws(
        () => decodeKeyFile(bytes),
        // the version is the second byte
        ({ code }: KeyError) => code === 'bad_key_file' || (i === 1 && code === 'key_version'),
        `byte ${i}`,
      );
      refused(whole.subarray(0, i));
    }
    refused(Buffer.concat([whole, Buffer.of(0)]));
  }
});

test('what is readable of a sealed file cannot be changed: it is authenticated', async () => {
  const items = decode<unknown[]>(await sealedFile()).slice(0, -1);
  const other = multikeyOf(Buffer.alloc(32, 7));
  const changes: [number, unknown][] = [
    [2, other],
    [3, CREATED + 1],
    [4, [2 ** 11, 8, 1]],
    [5, Buffer.alloc(16)],
    [6, Buffer.alloc(12)],
  ];
  for (const [index, value] of changes) {
    const key = decodeKeyFile(forged(items.with(index, value))) as SealedKey;
    await assert.rejects(openSealed(key, PASSPHRASE), { code: 'bad_passphrase' }, `item ${index}`);
  }
});

test('a later version is refused by name', () => {
  refused(forged([2, 0, 'whatever']), 'key_version');
});

test('what would cost more to open than a file may ask is refused before it is tried', async () => {
  const items = decode<unknown[]>(await sealedFile()).slice(0, -1);
  const kdfs: unknown[] = [
    [2 ** 21, 1, 1],
    [2 ** 20, 9, 1],
    [2 ** 17, 8, 9],
    [2 ** 10, 8, 2 ** 20],
    [2 ** 10 + 1, 8, 1],
    [1, 8, 1],
    [0, 8, 1],
    [2 ** 10, 0, 1],
    [2 ** 10, 8, 0],
    [2 ** 10, 8],
    [2 ** 10, 8, 1, 1],
    [2 ** 10, 8, -1],
    'scrypt',
  ];
  for (const kdf of kdfs) refused(forged(items.with(4, kdf)));
  const most = decodeKeyFile(forged(items.with(4, [2 ** 20, 8, 1])));
  assert.equal(most.isSealed, true);
});

test('forms that hold no pair of keys, or are not known, are refused', () => {
  const multikey = multikeyOf(SEED);
  refused(forged([1, 0, multikeyOf(Buffer.alloc(32, 7)), CREATED, SEED]));
  refused(forged([1, 0, multikey, CREATED, SEED.subarray(1)]));
  refused(forged([1, 0, multikey, -1, SEED]));
  refused(forged([1, 0, multikey, CREATED, SEED, SEED]));
  refused(forged([1, 2, multikey, CREATED, SEED]));
  refused(forged([1, 1, multikey, CREATED, SEED]));
  refused(forged([1]));
  refused(encode([]));
  refused(encode({ a: 1 }));
});

test('another encoding of the same items is refused', () => {
  const whole = Buffer.from(encodeKey(SEED, CREATED));
  // the version as a longer integer
  refused(Buffer.concat([whole.subarray(0, 1), Buffer.of(0x18, 0x01), whole.subarray(2)]));
});

test('whatever bytes a file holds, the answer is one of its errors and quotes nothing', () => {
  const whole = encodeKey(SEED, CREATED);
  const changed = fc
    .tuple(fc.nat(whole.byteLength - 1), fc.uint8Array({ maxLength: 8 }))
    .map(([at, bytes]) => Buffer.concat([whole.subarray(0, at), bytes]));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 1200 }), changed), (bytes) => {
      try {
        return !decodeKeyFile(bytes).isSealed;
      } catch (error) {
        return error instanceof KeyError && error.cause === undefined && error.message.length < 200;
      }
    }),
  );
});
