import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binaryFrame, PING_FRAME, textFrame } from '../../../../gateway/ws/raw-frame.ts';

test('bytes of RFC 6455 section 5.7', () => {
  assert.equal(textFrame('Hello').toString('hex'), '810548656c6c6f');
  assert.equal(PING_FRAME.toString('hex'), '8900');
  assert.equal(binaryFrame(new Uint8Array(256)).subarray(0, 4).toString('hex'), '827e0100');
  assert.equal(binaryFrame(new Uint8Array(65_536)).subarray(0, 10).toString('hex'), '827f0000000000010000');
});

test('the length takes the shortest form, and the payload follows it', () => {
  for (const [length, head] of [
    [0, 2],
    [125, 2],
    [126, 4],
    [65_535, 4],
    [65_536, 10],
  ] as const) {
    const frame = binaryFrame(new Uint8Array(length).fill(7));
    assert.equal(frame.byteLength, head + length);
    assert.ok(frame.subarray(head).every((byte) => byte === 7));
  }
});
