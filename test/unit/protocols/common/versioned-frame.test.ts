import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as dagCbor from '@ipld/dag-cbor';
import fc from 'fast-check';
import { CodedError } from '../../../../protocols/common/errors.ts';
import { encodeVarint } from '../../../../protocols/common/varint.ts';
import { decodeFrameItems, type FrameForm } from '../../../../protocols/common/versioned-frame.ts';
import { decodePage } from '../../../../protocols/nodes/index.ts';

const FORM: FrameForm = {
  noun: 'frame',
  maxBytes: 200,
  maxItems: 20,
  malformed: (message) => new CodedError('malformed', message),
  checkVersion: (version) => {
    if (version !== 1) throw new CodedError('version', `version ${version}`);
  },
};

test('what is encoded comes back without its version', () => {
  const item = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.uint8Array({ maxLength: 20 }));
  fc.assert(
    fc.property(fc.array(item, { maxLength: 5 }), (items) => {
      const bytes = dagCbor.encode([1, ...items]);
      fc.pre(bytes.byteLength <= FORM.maxBytes);
      assert.deepEqual(dagCbor.encode(decodeFrameItems(bytes, FORM)), dagCbor.encode(items));
    }),
  );
});

test('any bytes are read or refused by name', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        decodeFrameItems(bytes, FORM);
      } catch (error) {
        assert.ok(error instanceof CodedError);
      }
    }),
    { numRuns: 1000 },
  );
});

test('each fault is told by what it is', () => {
  const canonical = dagCbor.encode([1, 'a']);
  // the version in two bytes where one would do
  const wide = Uint8Array.of(0x82, 0x18, 0x01, 0x61, 0x61);
  for (const [bytes, code, message] of [
    [new Uint8Array(201), 'malformed', /exceeds 200 bytes/],
    [dagCbor.encode([1, ...Array.from({ length: 20 }, () => 0)]), 'malformed', /at most 20 items/],
    [Uint8Array.of(0x82, 0x01), 'malformed', /not DAG-CBOR/],
    [dagCbor.encode('text'), 'malformed', /must be an array/],
    [dagCbor.encode([]), 'malformed', /begin with its version/],
    [dagCbor.encode([-1]), 'malformed', /begin with its version/],
    [dagCbor.encode([2, { any: 'form' }]), 'version', /version 2/],
    [wide, 'malformed', /DAG-CBOR/],
  ] as const) {
    assert.throws(() => decodeFrameItems(bytes, FORM), { code, message }, String(message));
  }
  assert.deepEqual(decodeFrameItems(canonical, FORM), ['a']);
});

test('a page of announcements that is a megabyte of empty lists is refused before it is decoded', () => {
  const lists = Array.from({ length: 100_000 }, () => []);
  const page = dagCbor.encode([1, lists, new Uint8Array(), '']);
  assert.throws(() => decodePage(page), { code: 'frame_malformed', message: /items of DAG-CBOR/ });
});

test('a varint is the one that multiformats specifies', () => {
  for (const [value, hex] of [
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [300, 'ac02'],
    [16_384, '808001'],
    [2 ** 32, '8080808010'],
  ] as const) {
    assert.equal(Buffer.from(encodeVarint(value)).toString('hex'), hex);
  }
});
