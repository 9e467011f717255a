import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { CarReader } from '@ipld/car';
import fc from 'fast-check';
import {
  type CarBlock,
  CarParser,
  encodeCarBlock,
  encodeCarHeader,
} from '../../../../protocols/common/car.ts';

const MAX = 1000;

const crypto = { sha256: (bytes: Uint8Array) => createHash('sha256').update(bytes).digest() };

function parserOf(): CarParser {
  return new CarParser(crypto, { blockMaxBytes: MAX });
}

function blockOf(bytes: Uint8Array): CarBlock {
  return {
    cid: Uint8Array.from([0x01, 0x55, 0x12, 0x20, ...crypto.sha256(bytes)]),
    bytes: Uint8Array.from(bytes),
  };
}

function archiveOf(blocks: readonly CarBlock[]): Buffer {
  const root = blocks[0]?.cid ?? new Uint8Array();
  return Buffer.concat([encodeCarHeader(root), ...blocks.map(encodeCarBlock)]);
}

test('what is written is read, in pieces of any length', () => {
  const sources = fc.array(fc.uint8Array({ maxLength: MAX }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(sources, fc.integer({ min: 1, max: 500 }), (sources, step) => {
      const blocks = sources.map(blockOf);
      const archive = archiveOf(blocks);
      const parser = parserOf();
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
      const parser = parserOf();
      try {
        for (const block of parser.push(bytes)) assert.ok(block.bytes.byteLength <= MAX);
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'bad_archive');
      }
    }),
  );
  const parser = parserOf();
  assert.throws(() => [...parser.push(Buffer.from('ffffffff7f', 'hex'))], { code: 'bad_archive' });
});

test('a block that is not what its CID says is refused, wherever a bit of it is another', () => {
  const block = blockOf(Buffer.from('hello'));
  const archive = archiveOf([block]);
  const begin = archive.length - block.bytes.length;
  for (const at of [begin, archive.length - 1, begin - 1]) {
    const changed = Buffer.from(archive);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.throws(() => [...parserOf().push(changed)], { code: 'bad_archive' });
  }
});

test('the library of IPFS reads the same blocks, with lengths of one, two and three bytes', async () => {
  const blocks = [1, 91, 92, 16_347, 16_348].map((length) => blockOf(Buffer.alloc(length, length)));
  const reader = await CarReader.fromBytes(archiveOf(blocks));
  const found: CarBlock[] = [];
  for await (const { cid, bytes } of reader.blocks()) found.push({ cid: cid.bytes, bytes });
  assert.deepEqual(
    found.map(({ cid, bytes }) => [Buffer.from(cid), Buffer.from(bytes)]),
    blocks.map(({ cid, bytes }) => [Buffer.from(cid), Buffer.from(bytes)]),
  );
  assert.deepEqual(
    (await reader.getRoots()).map(({ bytes }) => Buffer.from(bytes)),
    [Buffer.from(blocks[0]?.cid ?? [])],
  );
});
