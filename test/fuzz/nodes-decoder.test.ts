import assert from 'node:assert/strict';
import { test } from 'node:test';
import { multiaddr } from '@multiformats/multiaddr';
import fc from 'fast-check';
import { createCrypto } from '../../node/runtime/crypto.ts';
import type { CodedError } from '../../protocols/common/errors.ts';
import { parseNodeAddress } from '../../protocols/common/node-address.ts';
import {
  ANNOUNCEMENT_MAX_BYTES,
  decodeAnnouncement,
  decodePage,
  decodeRequest,
  encodeAnnouncement,
  encodeBody,
  encodePage,
  encodeRequest,
  NodesError,
  PAGE_MAX_BYTES,
} from '../../protocols/nodes/index.ts';
import { EXAMPLE, wireOf } from '../support/announcements.ts';
import * as cbor from '../support/cbor.ts';
import { changedBytes, checkWith } from '../support/fuzzing.ts';
import { frameVectors } from '../vectors/nodes/frames.ts';
import { validVectors } from '../vectors/nodes/valid.ts';

/** Seeds tried every time, beside a fresh one: whichever fails is added here. */
const KEPT_SEEDS: readonly number[] = [1, 42];

const crypto = createCrypto();

/** Checks that decoded bytes encode to themselves and that others read the addresses as multiaddrs. */
function announcementHolds(bytes: Uint8Array): void {
  try {
    const decoded = decodeAnnouncement(bytes, crypto);
    const again = encodeAnnouncement(encodeBody(decoded), decoded.signature);
    assert.ok(Buffer.from(again).equals(bytes), 'what is taken has one form');
    for (const address of decoded.addresses) multiaddr(address).toString();
  } catch (error) {
    if (!(error instanceof NodesError)) throw error;
    assert.ok(error.message.length < 1000, 'an error does not carry the announcement');
  }
}

function frameHolds(bytes: Uint8Array): void {
  for (const read of [() => encodeRequest(decodeRequest(bytes)), () => encodePage(decodePage(bytes))]) {
    try {
      assert.ok(Buffer.from(read()).equals(bytes), 'what is taken has one form');
    } catch (error) {
      if (!(error instanceof NodesError)) throw error;
    }
  }
}

const check = checkWith(KEPT_SEEDS);

test('any bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 600 });
  check(fc.property(bytes, announcementHolds), 2000);
  check(
    fc.property(bytes, (rest) => announcementHolds(Buffer.concat([Buffer.of(0x8d, 0x01), rest]))),
    2000,
  );
  check(fc.property(bytes, frameHolds), 2000);
});

test('valid announcements and frames with bytes changed', () => {
  const announcements = validVectors().map(({ hex }) => Buffer.from(hex, 'hex'));
  check(changedBytes(announcements, announcementHolds), 4000);
  const frames = frameVectors().map(({ hex }) => Buffer.from(hex, 'hex'));
  check(
    changedBytes(
      frames.filter(({ byteLength }) => byteLength < 1000),
      frameHolds,
    ),
    2000,
  );
});

/** Any CBOR: right, wrong and of indefinite length. */
const { value } = fc.letrec<{ value: Buffer }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.bigInt(-(2n ** 64n), 2n ** 64n - 1n).map((one) => cbor.integer(one)),
    fc.double().map((one) => cbor.float64(one)),
    fc.string({ unit: 'binary' }).map((one) => cbor.text(one)),
    fc.uint8Array().map((one) => cbor.bytes(one)),
    fc.nat(255).map((byte) => Buffer.of(byte)),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => cbor.list(items)),
    fc.array(fc.tuple(fc.string(), tie('value')), { maxLength: 4 }).map((entries) => cbor.map(entries)),
  ),
}));

test('announcements whose fields hold any CBOR', () => {
  const fields = Object.keys(EXAMPLE).filter((name) => name !== 'version');
  const property = fc.property(fc.constantFrom(...fields), value, (field, one) => {
    announcementHolds(wireOf({ ...EXAMPLE, [field]: one }, Buffer.alloc(64)));
  });
  check(property, 4000);
});

test('addresses: what is read is one form, of any bytes and of known parts in any order', () => {
  const part = fc.constantFrom(
    '04c0000201',
    '29',
    '35',
    '3603612e62',
    '06113b',
    '9102113b',
    'cd03',
    'dd03',
    'de03',
    'c003',
    'a202',
    `a50326002408011220${'07'.repeat(32)}`,
    '20010db8000000000000000000000001',
  );
  const parts = fc.array(part, { maxLength: 6 }).map((list) => Buffer.from(list.join(''), 'hex'));
  const property = fc.property(fc.oneof(parts, fc.uint8Array({ maxLength: 40 })), (bytes) => {
    try {
      parseNodeAddress(bytes);
    } catch (error) {
      assert.equal((error as CodedError).code, 'bad_address', String(error));
      return;
    }
    const text = multiaddr(bytes).toString();
    assert.ok(Buffer.from(multiaddr(text).bytes).equals(bytes), text);
  });
  check(property, 5000);
});

test('the deepest and the widest do not pass the size that is checked first', () => {
  for (const byte of [0x80, 0x81, 0x8d, 0x9f, 0xa1, 0xff]) {
    for (const size of [ANNOUNCEMENT_MAX_BYTES, ANNOUNCEMENT_MAX_BYTES + 1]) {
      announcementHolds(Buffer.concat([Buffer.of(0x8d, 0x01), Buffer.alloc(size - 2, byte)]));
    }
    for (const size of [PAGE_MAX_BYTES, PAGE_MAX_BYTES + 1]) frameHolds(Buffer.alloc(size, byte));
  }
  const large = Buffer.alloc(ANNOUNCEMENT_MAX_BYTES + 1);
  assert.throws(() => decodeAnnouncement(large, crypto), { code: 'announcement_too_large' });
});
