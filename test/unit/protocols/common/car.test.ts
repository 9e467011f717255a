import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type CarBlock,
  CarParser,
  encodeCarHeader,
  encodeCarPrefix,
} from '../../../../protocols/common/car.ts';

const MAX = 1000;

function blockOf(bytes: Uint8Array): CarBlock {
  const digest = createHash('sha256').update(bytes).digest();
  return { cid: Uint8Array.from([0x01, 0x55, 0x12, 0x20, ...digest]), bytes: Uint8Array.from(bytes) };
}

function archiveOf(blocks: readonly CarBlock[]): Buffer {
  const root = blocks[0]?.cid ?? new Uint8Array();
  const frames = blocks.flatMap((block) => [encodeCarPrefix(block), block.bytes]);
  return Buffer.concat([encodeCarHeader(root), ...frames]);
}

test('what is written is read, in pieces of any length', () => {
  const sources = fc.array(fc.uint8Array({ maxLength: MAX }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(sources, fc.integer({ min: 1, max: 500 }), (sources, step) => {
      const blocks = sources.map(blockOf);
      const archive = archiveOf(blocks);
      const parser = new CarParser({ blockMaxBytes: MAX });
      const found: CarBlock[] = [];
      for (let at = 0; at < archive.length; at += step) {
        for (const { cid, bytes } of parser.push(archive.subarray(at, at + step))) {
          found.push({ cid: Uint8Array.from(cid), bytes: Uint8Array.from(bytes) });
        }
      }
      assert.deepEqual(found, blocks);
      assert.deepEqual(Uint8Array.from(parser.root ?? []), blocks[0]?.cid);
      assert.ok(parser.isBetween);
    }),
  );
});

test('a header is the one that the specification has', () => {
  const { cid } = blockOf(Buffer.from('hello'));
  const cbor = Buffer.concat([
    Buffer.from('a265726f6f747381d82a582500', 'hex'),
    cid,
    Buffer.from('6776657273696f6e01', 'hex'),
  ]);
  assert.deepEqual(Buffer.from(encodeCarHeader(cid)), Buffer.concat([Buffer.of(cbor.length), cbor]));
});

test('any bytes are read or refused by name, never held without end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const parser = new CarParser({ blockMaxBytes: MAX });
      try {
        for (const block of parser.push(bytes)) assert.ok(block.bytes.byteLength <= MAX);
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'bad_archive');
      }
    }),
  );
  const parser = new CarParser({ blockMaxBytes: MAX });
  assert.throws(() => [...parser.push(Buffer.from('ffffffff7f', 'hex'))], { code: 'bad_archive' });
});
