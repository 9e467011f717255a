import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { base58btc } from 'multiformats/bases/base58';
import { decodeBase58 } from '../../../../protocols/common/base58.ts';

const MAX = 200;

test('examples', () => {
  // draft-msporny-base58
  const examples = [
    ['', ''],
    ['1', '00'],
    ['11', '0000'],
    ['2NEpo7TZRRrLZSi2U', '48656c6c6f20576f726c6421'],
    [
      'USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z',
      Buffer.from('The quick brown fox jumps over the lazy dog.').toString('hex'),
    ],
    ['11233QC4', '0000287fb4cd'],
  ] as const;
  for (const [text, hex] of examples) {
    assert.equal(Buffer.from(decodeBase58(text, MAX) ?? 'none').toString('hex'), hex, text);
  }
});

test('what is encoded comes back, as with another implementation', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc
      .tuple(fc.nat(6), fc.uint8Array({ maxLength: 10 }))
      .map(([zeros, rest]) => Uint8Array.of(...Array.from({ length: zeros }, () => 0), ...rest)),
    fc.constantFrom(...[1, 2, 3, 4, 32, 35].map((length) => new Uint8Array(length).fill(0xff))),
  );
  const property = fc.property(bytes, (one) => {
    assert.deepEqual(decodeBase58(base58btc.baseEncode(one), MAX), new Uint8Array(one));
  });
  fc.assert(property, { numRuns: 3000 });
});

test('text that is taken is the one of its bytes; all else is refused', () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom('1', '2', '3', 'z', 'Z', '9'), maxLength: 60 }),
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.string({
      unit: fc.constantFrom('1', 'z', ' ', '0', 'O', 'I', 'l', '\n', 'é', '\u0131'),
      maxLength: 6,
    }),
  );
  const property = fc.property(text, (one) => {
    const bytes = decodeBase58(one, MAX);
    assert.equal(bytes !== null, /^[1-9A-HJ-NP-Za-km-z]*$/.test(one) && !one.includes('\n'));
    if (bytes !== null) assert.equal(base58btc.baseEncode(bytes), one);
  });
  fc.assert(property, { numRuns: 3000 });
  assert.equal(decodeBase58('1'.repeat(MAX + 1), MAX), null);
  assert.notEqual(decodeBase58('1'.repeat(MAX), MAX), null);
});
