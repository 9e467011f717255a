import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCrypto, createEd25519Signer } from '../../../../node/runtime/crypto.ts';

const crypto = createCrypto();
const PRIME = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

function little(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse();
}
function value(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}
function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}

/** RFC 8032, section 7.1: TEST 1, 2, 3 and SHA(abc). */
const RFC_8032 = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    key: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    key: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    key: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
  {
    seed: '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
    key: 'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
    message:
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    signature:
      'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
  },
];

for (const [index, { seed, key, message, signature }] of RFC_8032.entries()) {
  test(`RFC 8032 section 7.1, vector ${index + 1}`, async () => {
    const signer = createEd25519Signer(hex(seed));
    assert.equal(Buffer.from(signer.publicKey).toString('hex'), key);
    assert.equal(Buffer.from(await signer.sign(hex(message))).toString('hex'), signature);
    assert.equal(await crypto.verifyEd25519(hex(key), hex(message), hex(signature)), true);
    assert.equal(await crypto.verifyEd25519(hex(key), hex(`${message}00`), hex(signature)), false);
  });
}

test('SHA-256 is SHA-256', () => {
  const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  assert.equal(Buffer.from(crypto.sha256(Buffer.from('abc'))).toString('hex'), abc);
});

const signer = createEd25519Signer(Buffer.alloc(32, 9));
const message = Buffer.from('a message');

test('every bit of a signature counts', async () => {
  const good = await signer.sign(message);
  assert.ok(await crypto.verifyEd25519(signer.publicKey, message, good));
  for (let bit = 0; bit < 512; bit++) {
    const bad = Buffer.from(good);
    bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(await crypto.verifyEd25519(signer.publicKey, message, bad), false, `bit ${bit}`);
  }
});

test('S at or above the order of the group is refused', async () => {
  const good = Buffer.from(await signer.sign(message));
  const s = value(good.subarray(32));
  for (const other of [s + ORDER, s + 2n * ORDER, s + 8n * ORDER, ORDER, ORDER + 1n, 2n ** 256n - 1n]) {
    const bad = Buffer.concat([good.subarray(0, 32), little(other)]);
    assert.equal(await crypto.verifyEd25519(signer.publicKey, message, bad), false, other.toString(16));
  }
});

/** y of the points of order 1, 2, 4 and 8, with either sign of x. */
function smallOrderKeys(): Buffer[] {
  // of order 8, as in libsodium's list of them
  const order8 = [
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ].map(hex);
  const keys = [little(1n), little(PRIME - 1n), little(0n), ...order8];
  return keys.flatMap((key) => {
    const negative = Buffer.from(key);
    negative[31] = (negative[31] ?? 0) | 0x80;
    return [key, negative];
  });
}

test('a key of small order verifies nothing', async () => {
  for (const key of smallOrderKeys()) {
    // R = neutral, S = 0 verifies under a lax check for any message whose hash kills the key's order
    for (let i = 0; i < 16; i++) {
      for (const r of [little(1n), key]) {
        const signature = Buffer.concat([r, Buffer.alloc(32)]);
        assert.equal(await crypto.verifyEd25519(key, Buffer.of(i), signature), false, key.toString('hex'));
      }
    }
  }
});

test('a key that is not canonically encoded verifies nothing', async () => {
  for (let y = PRIME; y < 2n ** 255n; y++) {
    for (const sign of [0n, 1n]) {
      const key = little(y | (sign << 255n));
      for (let i = 0; i < 8; i++) {
        const signature = Buffer.concat([little(1n), Buffer.alloc(32)]);
        assert.equal(await crypto.verifyEd25519(key, Buffer.of(i), signature), false, key.toString('hex'));
      }
    }
  }
});

test('input of wrong length is false, never a throw', async () => {
  const good = await signer.sign(message);
  for (const length of [0, 1, 31, 33, 34, 64, 100_000, 1_000_000]) {
    const key = Buffer.alloc(length, 3);
    await assert.doesNotReject(async () => {
      assert.equal(await crypto.verifyEd25519(key, message, good), false);
    }, `key of ${length}`);
  }
  for (const length of [0, 1, 63, 65, 128, 1_000_000]) {
    assert.equal(await crypto.verifyEd25519(signer.publicKey, message, Buffer.alloc(length)), false);
  }
});

function bytes(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length });
}

test('any key and any signature are answered', async () => {
  await fc.assert(
    fc.asyncProperty(bytes(32), fc.uint8Array(), bytes(64), async (key, data, signature) => {
      assert.equal(await crypto.verifyEd25519(key, data, signature), false);
    }),
  );
});

test('more keys than are remembered are answered alike', async () => {
  const good = await signer.sign(message);
  for (let i = 0; i < 5000; i++) {
    const key = createHash('sha256').update(String(i)).digest();
    if (i % 1000 === 0) assert.ok(await crypto.verifyEd25519(signer.publicKey, message, good));
    void crypto.verifyEd25519(key, message, Buffer.alloc(63));
  }
  assert.ok(await crypto.verifyEd25519(signer.publicKey, message, good));
});

interface Point {
  add(other: Point): Point;
  multiply(scalar: bigint): Point;
  multiplyUnsafe(scalar: bigint): Point;
  toBytes(): Uint8Array;
}
interface Noble {
  readonly ed25519: {
    sign(message: Uint8Array, seed: Uint8Array): Uint8Array;
    verify(
      signature: Uint8Array,
      message: Uint8Array,
      key: Uint8Array,
      options: { zip215: boolean },
    ): boolean;
    readonly Point: { readonly BASE: Point; fromBytes(bytes: Uint8Array): Point };
  };
}

/** A library that is in the tree for libp2p, or undefined. Not declared, so not imported by its name. */
const noble = await (async (): Promise<Noble | undefined> => {
  const specifier = ['@noble/curves', 'ed25519.js'].join('/');
  try {
    return (await import(specifier)) as Noble;
  } catch {
    return undefined;
  }
})();
const skip = noble === undefined ? '@noble/curves is not in node_modules' : false;

test('the same answers as an independent library', { skip }, async () => {
  assert.ok(noble !== undefined);
  const { ed25519 } = noble;
  const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const change = fc.record({ at: fc.nat(63), by: fc.integer({ min: 0, max: 255 }), order: fc.nat(2) });
  await fc.assert(
    fc.asyncProperty(bytes32, fc.uint8Array(), change, async (seed, data, { at, by, order }) => {
      const own = createEd25519Signer(seed);
      const signature = Buffer.from(await own.sign(data));
      assert.deepEqual(Buffer.from(ed25519.sign(data, seed)), signature);
      const tampered = Buffer.concat([
        signature.subarray(0, 32),
        little(value(signature.subarray(32)) + BigInt(order) * ORDER),
      ]);
      tampered[at] = (tampered[at] ?? 0) ^ by;
      const theirs = ed25519.verify(tampered, data, own.publicKey, { zip215: false });
      assert.equal(await crypto.verifyEd25519(own.publicKey, data, tampered), theirs);
      assert.equal(theirs, order === 0 && by === 0);
    }),
    { numRuns: 40 },
  );
});

/** A signature with a point of order 8 added to R: the equation holds only when it is multiplied by 8. */
function cofactoredSignature({ ed25519 }: Noble): { key: Uint8Array; data: Uint8Array; signature: Buffer } {
  const torsion = ed25519.Point.fromBytes(
    hex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
  );
  const [a, r] = [123_456_789n, 987_654_321n];
  const key = ed25519.Point.BASE.multiply(a).toBytes();
  const point = ed25519.Point.BASE.multiply(r).add(torsion).toBytes();
  const data = Buffer.from('cofactor');
  const k = value(createHash('sha512').update(point).update(key).update(data).digest()) % ORDER;
  const signature = Buffer.concat([point, little((r + k * a) % ORDER)]);
  return { key, data, signature };
}

test('the equation is the one without the cofactor', { skip }, async () => {
  assert.ok(noble !== undefined);
  const { key, data, signature } = cofactoredSignature(noble);
  assert.ok(noble.ed25519.verify(signature, data, key, { zip215: true }), 'it holds with the cofactor');
  assert.equal(await crypto.verifyEd25519(key, data, signature), false);
});

test('signatures that a lax library takes for keys of small order are refused', { skip }, async () => {
  assert.ok(noble !== undefined);
  // S = 1 and R = the base point hold whenever the hash times the key is the neutral point: always for one key
  const signature = Buffer.concat([noble.ed25519.Point.BASE.toBytes(), little(1n)]);
  let lax = 0;
  for (const key of [...smallOrderKeys(), little(PRIME), little(PRIME + 1n)]) {
    for (let i = 0; i < 32; i++) {
      const data = Buffer.of(i);
      if (noble.ed25519.verify(signature, data, key, { zip215: true })) lax += 1;
      assert.equal(await crypto.verifyEd25519(key, data, signature), false, key.toString('hex'));
    }
  }
  assert.ok(lax > 100, `${lax} of them hold in a lax library`);
});
