import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import {
  BlobBuilder,
  cidText,
  decodeBlobLink,
  encodeBlobLink,
  PROFILE,
  parseCid,
} from '../../../../protocols/blobs/index.ts';
import { blobOf, pattern, piecesOf } from '../../../support/blobs.ts';
import { vectorFiles } from '../../../vectors/blobs/generate.ts';
import type { LinkVector } from '../../../vectors/blobs/links.ts';

interface ImporterVector {
  readonly name: string;
  readonly content: 'zeros' | 'pattern';
  readonly size: number;
  readonly chunkBytes: number;
  readonly linksMax: number;
  readonly cid: string;
}

const FOLDER = new URL('../../../vectors/blobs/', import.meta.url);
const SPEC = new URL('../../../../protocols/blobs/SPEC.md', import.meta.url);
const crypto = createCrypto();

function read(name: string): string {
  return readFileSync(new URL(name, FOLDER), 'utf8');
}

const files = JSON.parse(read('importer.json')) as ImporterVector[];

for (const { name, size, cid, chunkBytes, linksMax } of files.filter(
  ({ content }) => content === 'pattern',
)) {
  test(`${name} have the CID that the importer of Helia gives`, async () => {
    const { link } = await blobOf(piecesOf(pattern(size), 65_537), { chunkBytes, linksMax });
    assert.equal(cidText(link.cid), cid);
    assert.equal(link.size, size);
  });
}

test('more than a node has links for: the CID that the importer of Helia gives', () => {
  const zeros = new Uint8Array(PROFILE.chunkBytes);
  const digest = crypto.sha256(zeros);
  // a gigabyte of the same chunk is hashed once
  const sha256 = (data: Uint8Array): Uint8Array => (data === zeros ? digest : crypto.sha256(data));
  const large = files.filter(({ content }) => content === 'zeros');
  assert.equal(large.length, 3);
  for (const { name, size, cid } of large) {
    const builder = new BlobBuilder({ crypto: { sha256 } });
    for (let at = 0; at < size; at += zeros.byteLength) builder.add(zeros);
    assert.equal(cidText(builder.finish().link.cid), cid, name);
  }
});

test('the files of links are what the SPEC makes', () => {
  for (const [name, text] of Object.entries(vectorFiles())) assert.equal(read(name), text, name);
});

for (const { name, hex, code, cid, size } of JSON.parse(read('links.json')) as LinkVector[]) {
  test(`link: ${name}`, () => {
    const bytes = Buffer.from(hex, 'hex');
    if (code !== undefined) {
      assert.throws(() => decodeBlobLink(bytes), { code });
      return;
    }
    const link = decodeBlobLink(bytes);
    assert.equal(cidText(link.cid), cid);
    assert.equal(link.size, size);
    assert.deepEqual(Buffer.from(encodeBlobLink(link)), bytes);
  });
}

test('the examples of the SPEC are what the code makes', async () => {
  const spec = readFileSync(SPEC, 'utf8');
  const hello = await blobOf(piecesOf(Buffer.from('hello world'), 4));
  const two = await blobOf(piecesOf(new Uint8Array(PROFILE.chunkBytes + 1), PROFILE.chunkBytes));
  for (const { link } of [hello, two]) {
    assert.ok(spec.includes(cidText(link.cid)), cidText(link.cid));
    assert.ok(spec.includes(Buffer.from(encodeBlobLink(link)).toString('hex')));
  }
  assert.ok(spec.includes(Buffer.from(two.blocks.at(-1)?.bytes ?? []).toString('hex')), 'the node');
});

test('CIDs: one text for each, and only those that a block of a blob has', () => {
  const { cid = '' } = files[2] ?? {};
  const bytes = parseCid(cid);
  assert.equal(bytes === null ? null : cidText(bytes), cid);
  const others = [
    '',
    'x',
    cid.toUpperCase(),
    `${cid}a`,
    cid.slice(0, -1),
    cid.slice(1),
    'QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o',
    'bafyreiash4bjtnedfv6yjfminz7uosifnklig6d52bwrkoodts3tdiiadq',
  ];
  for (const other of others) assert.equal(parseCid(other), null, other);
});
