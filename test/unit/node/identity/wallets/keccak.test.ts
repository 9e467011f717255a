import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keccak_256 } from '@noble/hashes/sha3.js';
import fc from 'fast-check';
import { createKeccak256 } from '../../../../../node/identity/wallets/keccak.ts';

const keccak256 = createKeccak256();

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

test('published digests', () => {
  // of nothing, the code hash of an account without code; of the best known event and function of ERC-20
  for (const [text, digest] of [
    ['', 'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'],
    ['Transfer(address,address,uint256)', 'ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'],
    ['transfer(address,uint256)', 'a9059cbb2ab09eb219583f4a59a5d0623ade346d962bcd4e46b11da047c9049b'],
  ] as const) {
    assert.equal(hex(keccak256(Buffer.from(text))), digest, text);
  }
});

test('every length over several blocks, one after another: as @noble/hashes has it', () => {
  for (let length = 0; length <= 3 * 136 + 2; length++) {
    const message = Uint8Array.from({ length }, (_, i) => (31 * i + length) & 0xff);
    assert.equal(hex(keccak256(message)), hex(keccak_256(message)), `${length}`);
  }
});

test('any message; and a digest stays what it was', () => {
  const property = fc.property(
    fc.uint8Array({ maxLength: 1000 }),
    fc.uint8Array({ maxLength: 200 }),
    (message, next) => {
      const digest = keccak256(message);
      keccak256(next);
      assert.equal(hex(digest), hex(keccak_256(message)));
    },
  );
  for (const seed of [undefined, 1, 42]) {
    fc.assert(property, { numRuns: 500, ...(seed === undefined ? {} : { seed }) });
  }
});
