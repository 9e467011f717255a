import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as dagCbor from '@ipld/dag-cbor';
import { cborCodec, jsonCodec } from '../../../../gateway/ws/native-codec.ts';

const json = (frame: unknown): ReturnType<typeof jsonCodec.decode> =>
  jsonCodec.decode(Buffer.from(JSON.stringify(frame)), false);
const cbor = (frame: unknown): ReturnType<typeof cborCodec.decode> =>
  cborCodec.decode(Buffer.from(dagCbor.encode(frame)), true);

const delivery = {
  owner: '',
  namespace: 'default',
  topic: 'news',
  id: 'cid:0',
  author: 'did:key:z1',
  epoch: 1,
  seq: 3,
  time: 4,
  data: Buffer.from('hello'),
};
const head = {
  type: 'message',
  id: 'cid:0',
  namespace: 'default',
  topic: 'news',
  author: 'did:key:z1',
  epoch: 1,
  seq: 3,
  time: 4,
};

describe('the same frames in both forms', () => {
  test('publish and ping are read', () => {
    assert.deepEqual(json({ type: 'publish', ref: 7, data_base64: 'aGVsbG8=', expiry: 9 }), {
      type: 'publish',
      ref: 7,
      data: Buffer.from('hello'),
      expiry: 9,
    });
    const read = cbor({ type: 'publish', ref: 'r', data: Buffer.from('hello'), topic: 'other' });
    assert.ok(read.type === 'publish');
    assert.deepEqual(
      { ...read, data: Buffer.from(read.data) },
      {
        type: 'publish',
        ref: 'r',
        data: Buffer.from('hello'),
        topic: 'other',
      },
    );
    assert.deepEqual(json({ type: 'ping' }), { type: 'ping' });
    assert.deepEqual(cbor({ type: 'ping', ref: 0 }), { type: 'ping', ref: 0 });
  });

  test('messages are written', () => {
    const text = jsonCodec.encodeMessage(delivery).subarray(4).toString();
    assert.deepEqual(JSON.parse(text), { ...head, data_base64: 'aGVsbG8=' });
    const bytes = cborCodec.encodeMessage(delivery).subarray(2);
    assert.deepEqual(dagCbor.decode(bytes), { ...head, data: Uint8Array.from(delivery.data) });
  });
});

test('the bytes of the example in SPEC.md', () => {
  const hex = 'a3637265660764646174614568656c6c6f6474797065677075626c697368';
  const frame = cborCodec.decode(Buffer.from(hex, 'hex'), true);
  assert.ok(frame.type === 'publish');
  assert.deepEqual([frame.ref, Buffer.from(frame.data).toString()], [7, 'hello']);
});

describe('what is wrong is refused by name, with the ref when there is a usable one', () => {
  const cases: [string, () => unknown, { code: string; message: RegExp; ref?: unknown }][] = [
    ['no JSON', () => jsonCodec.decode(Buffer.from('{'), false), { code: 'bad_frame', message: /decoded/ }],
    [
      'no UTF-8',
      () => jsonCodec.decode(Buffer.from([0x22, 0xff, 0x22]), false),
      { code: 'bad_frame', message: /decoded/ },
    ],
    [
      'binary for JSON',
      () => jsonCodec.decode(Buffer.from('{}'), true),
      { code: 'bad_frame', message: /text/ },
    ],
    [
      'text for CBOR',
      () => cborCodec.decode(Buffer.from('{}'), false),
      { code: 'bad_frame', message: /binary/ },
    ],
    ['an array', () => json([]), { code: 'bad_frame', message: /object/ }],
    ['null', () => json(null), { code: 'bad_frame', message: /object/ }],
    ['no type', () => json({ ref: 1 }), { code: 'bad_frame', message: /missing/, ref: 1 }],
    ['an unknown type', () => json({ type: 'x', ref: 1 }), { code: 'bad_frame', message: /"x"/, ref: 1 }],
    [
      'an unknown field',
      () => json({ type: 'ping', ref: 2, extra: 1 }),
      { code: 'unknown_field', message: /extra/, ref: 2 },
    ],
    ['an unusable ref', () => json({ type: 'ping', ref: {} }), { code: 'bad_frame', message: /ref/ }],
    [
      'bad base64',
      () => json({ type: 'publish', ref: 3, data_base64: 'a' }),
      { code: 'bad_base64', message: /4648/, ref: 3 },
    ],
    ['no data', () => json({ type: 'publish', ref: 3 }), { code: 'bad_base64', message: /missing/, ref: 3 }],
    [
      'text as CBOR data',
      () => cbor({ type: 'publish', data: 'x' }),
      { code: 'bad_frame', message: /bytes/ },
    ],
    [
      'a bad topic',
      () => json({ type: 'publish', topic: '', data_base64: '' }),
      { code: 'bad_topic', message: /topic/ },
    ],
    [
      'a bad expiry',
      () => json({ type: 'publish', expiry: 1.5, data_base64: '' }),
      { code: 'bad_expiry', message: /expiry/ },
    ],
    [
      'a map with a tail',
      () => cborCodec.decode(Buffer.from('a000', 'hex'), true),
      { code: 'bad_frame', message: /decoded/ },
    ],
    [
      'deep nesting',
      () => cborCodec.decode(Buffer.alloc(190_000, 0x81), true),
      { code: 'bad_frame', message: /decoded/ },
    ],
    [
      'deep nesting in JSON',
      () => jsonCodec.decode(Buffer.alloc(190_000, '['), false),
      { code: 'bad_frame', message: /decoded/ },
    ],
    [
      'too many bytes',
      () => jsonCodec.decode(Buffer.alloc(300_000, ' '), false),
      { code: 'too_large', message: /bytes/ },
    ],
  ];
  for (const [what, act, expected] of cases) {
    test(what, () => {
      assert.throws(act, (error: Error & { code?: string; ref?: unknown }) => {
        assert.deepEqual([error.code, error.ref], [expected.code, expected.ref]);
        assert.match(error.message, expected.message);
        return true;
      });
    });
  }
});
