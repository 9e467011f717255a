import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeWantlist, encodeAnswer } from '../../node/ipfs/bitswap-message.ts';
import { MESSAGE_WANTS_MAX } from '../../node/ipfs/limits.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { field, number, wantlist } from '../support/bitswap-peer.ts';
import { changedBytes, checkWith } from '../support/fuzzing.ts';

/** Seeds tried every time, beside a fresh one: whichever fails is added here. */
const KEPT_SEEDS: readonly number[] = [1, 42];
const check = checkWith(KEPT_SEEDS);

const cid = (fill: number): Buffer => Buffer.concat([Buffer.of(1, 0x55, 0x12, 0x20), Buffer.alloc(32, fill)]);

function holds(bytes: Uint8Array): void {
  try {
    const { wants } = decodeWantlist(bytes);
    assert.ok(wants.length <= MESSAGE_WANTS_MAX);
    for (const want of wants) assert.ok(want.cid.byteLength >= 4 && want.cid.byteLength <= 128);
  } catch (error) {
    assert.ok(error instanceof CodedError && error.code === 'bitswap_malformed', String(error));
  }
}

test('wantlists: what is said is what is read', () => {
  const want = fc.record({
    cid: fc.uint8Array({ minLength: 4, maxLength: 128 }),
    isOfBlock: fc.boolean(),
    isCancelled: fc.boolean(),
    tellsAbsence: fc.boolean(),
  });
  const property = fc.property(fc.array(want, { maxLength: 20 }), fc.boolean(), (wants, isFull) => {
    const read = decodeWantlist(
      Buffer.concat([number(5, 3), wantlist(wants, isFull), field(3, Buffer.alloc(9))]),
    );
    assert.deepEqual(
      read.wants.map((one) => ({ ...one, cid: Buffer.from(one.cid) })),
      wants.map((one) => ({ ...one, cid: Buffer.from(one.cid) })),
    );
    assert.equal(read.isFull, isFull);
  });
  check(property, 500);
});

test('messages: any bytes, and valid ones with bytes changed', () => {
  check(fc.property(fc.uint8Array({ maxLength: 200 }), holds), 3000);
  const samples = [
    wantlist([{ cid: cid(1) }, { cid: cid(2), isOfBlock: false }], true),
    Buffer.concat([wantlist([{ cid: cid(3), isCancelled: true }]), field(4, field(1, cid(1))), number(5, 7)]),
  ];
  check(changedBytes(samples, holds), 4000);
});

test('answers, byte for byte', () => {
  const block = { cid: cid(1), bytes: Buffer.from('hello') };
  const presences = [
    { cid: cid(2), isHad: true },
    { cid: cid(3), isHad: false },
  ];
  assert.equal(
    Buffer.from(encodeAnswer({ block, presences })).toString('hex'),
    Buffer.concat([
      field(3, Buffer.concat([field(1, Buffer.of(1, 0x55, 0x12, 0x20)), field(2, Buffer.from('hello'))])),
      field(4, field(1, cid(2))),
      field(4, Buffer.concat([field(1, cid(3)), number(2, 1)])),
    ]).toString('hex'),
  );
});
