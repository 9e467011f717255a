import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as dagCbor from '@ipld/dag-cbor';
import fc from 'fast-check';
import { GatewayError } from '../../gateway/core/errors.ts';
import { cborCodec, jsonCodec, type NativeCodec } from '../../gateway/ws/native-codec.ts';

/** Most that one frame may hold up the event loop, in processor time: the machine may do much else. */
const STALL_US = 50_000;
/** Seeds tried every time, beside a fresh one: whichever fails is added here. */
const KEPT_SEEDS: readonly number[] = [1];

/** Either a frame, or an error of the published table; nothing else, and not late. */
function holds(codec: NativeCodec, data: Uint8Array, isBinary: boolean): void {
  const before = process.threadCpuUsage();
  try {
    const frame = codec.decode(Buffer.from(data), isBinary);
    assert.ok(frame.type !== 'publish' || frame.data instanceof Uint8Array);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    assert.ok(error.message.length < 1000);
  }
  const { user, system } = process.threadCpuUsage(before);
  assert.ok(user + system < STALL_US);
}

const fields = {
  type: fc.oneof(fc.constantFrom('publish', 'ping', 'subscribe', 'unsubscribe'), fc.string(), fc.jsonValue()),
  ref: fc.oneof(fc.string(), fc.integer(), fc.jsonValue()),
  namespace: fc.oneof(fc.constant('default'), fc.string(), fc.jsonValue()),
  topic: fc.oneof(fc.string(), fc.jsonValue()),
  data_base64: fc.oneof(fc.base64String(), fc.string(), fc.jsonValue()),
  expiry: fc.oneof(fc.nat(), fc.jsonValue()),
};
const jsonFrame = fc.oneof(
  fc.record(fields, { requiredKeys: ['type'] }),
  fc.dictionary(fc.string(), fc.jsonValue()),
  fc.jsonValue(),
);
const cborFrame = fc.record(
  {
    type: fc.constantFrom('publish', 'ping', 'subscribe', 'unsubscribe', 'x'),
    ref: fc.oneof(fc.string(), fc.nat()),
    topic: fc.oneof(fc.string(), fc.constant('t')),
    data: fc.oneof(fc.uint8Array(), fc.string()),
    expiry: fc.integer(),
    extra: fc.boolean(),
  },
  { requiredKeys: ['type'] },
);

function check<T>(property: fc.IProperty<T>): void {
  for (const seed of KEPT_SEEDS) fc.assert(property, { seed, numRuns: 500 });
  fc.assert(property, { numRuns: 1500 });
}

test('any bytes, as either form', () => {
  check(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (data, isBinary) => {
      holds(jsonCodec, data, isBinary);
      holds(cborCodec, data, isBinary);
    }),
  );
});

test('frames that are nearly right in JSON', () => {
  check(fc.property(jsonFrame, (frame) => holds(jsonCodec, Buffer.from(JSON.stringify(frame)), false)));
});

test('frames that are nearly right in CBOR, and with a byte changed', () => {
  check(
    fc.property(cborFrame, fc.nat(), fc.nat(255), (frame, at, byte) => {
      const data = dagCbor.encode(frame);
      holds(cborCodec, data, true);
      data[at % data.byteLength] = byte;
      holds(cborCodec, data, true);
    }),
  );
});

test('what was published is what is read', () => {
  check(
    fc.property(fc.uint8Array({ maxLength: 1000 }), fc.nat(), (data, ref) => {
      const json = { type: 'publish', ref, data_base64: Buffer.from(data).toString('base64') };
      for (const frame of [
        jsonCodec.decode(Buffer.from(JSON.stringify(json)), false),
        cborCodec.decode(Buffer.from(dagCbor.encode({ type: 'publish', ref, data })), true),
      ]) {
        assert.ok(frame.type === 'publish');
        assert.equal(frame.ref, ref);
        assert.deepEqual(Buffer.from(frame.data), Buffer.from(data));
      }
    }),
  );
});

test('the largest and deepest frames do not stall', () => {
  for (const size of [200_000, 200_704, 200_705]) {
    for (const fill of ['[', '{', '"', ' ', '\u0000']) holds(jsonCodec, Buffer.alloc(size, fill), false);
    for (const fill of [0x81, 0xa1, 0x9f, 0x5f, 0xd8, 0x00, 0xff])
      holds(cborCodec, Buffer.alloc(size, fill), true);
  }
});
