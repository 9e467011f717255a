/** A CACAO is proven canonical without being encoded again: so every other spelling of one has to be refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as dagCbor from '@ipld/dag-cbor';
import fc from 'fast-check';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import { readCborHead } from '../../../../protocols/common/cbor-bounds.ts';
import { decodeLink, IdentityError } from '../../../../protocols/identity/index.ts';
import { StrictReader } from '../../../../protocols/identity/strict-reader.ts';
import * as cbor from '../../../support/cbor.ts';
import { ARRAY, BYTES, MAP, TEXT } from '../../../support/cbor.ts';
import { SWARM, sha256 } from '../../../support/envelopes.ts';
import {
  bitcoinWallet,
  cacaoBody,
  cacaoOf,
  evmWallet,
  type Payload,
  payloadEntries,
  payloadOf,
  SESSION,
  solanaWallet,
  uri,
  type Wallet,
} from '../../../support/identities.ts';

const crypto = createCrypto();
const WALLETS = [evmWallet(5), bitcoinWallet(5, 'p2wpkh'), bitcoinWallet(5, 'p2tr'), solanaWallet(5)];
const OPTIONAL = {
  nbf: '2025-11-21T00:00:00Z',
  exp: '2025-11-22T00:00:00.000Z',
  statement: 'Say yes?',
  requestId: 'a%20b',
} as const;

/** As it is signed; the signature is only as long as one. */
function unsigned(wallet: Wallet, payload: Payload): Buffer {
  const signature = cbor.bytes(Buffer.alloc(wallet.type === 'eip191' ? 65 : 64, 0xf6));
  return cacaoOf(wallet.header, payloadEntries(payload), wallet.type, signature);
}

function isTaken(bytes: Uint8Array): boolean {
  try {
    decodeLink(bytes, crypto, SWARM);
    return true;
  } catch (error) {
    assert.ok(error instanceof IdentityError, String(error));
    return false;
  }
}

interface Item {
  readonly major: number;
  readonly argument: number;
  readonly at: number;
  /** Where its head ends. */
  readonly body: number;
  readonly end: number;
}

/** The item at `at` first, then all within it. */
function itemsAt(bytes: Buffer, at: number): Item[] {
  const head = readCborHead(bytes, at);
  assert.ok(head !== null);
  const { major, argument, end: body } = head;
  const count = major === ARRAY ? argument : major === MAP ? 2 * argument : 0;
  const inner: Item[] = [];
  let end = major === BYTES || major === TEXT ? body + argument : body;
  for (let i = 0; i < count; i++) {
    const items = itemsAt(bytes, end);
    end = items[0]?.end ?? end;
    inner.push(...items);
  }
  return [{ major, argument, at, body, end }, ...inner];
}

function replaced(bytes: Buffer, from: number, to: number, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([bytes.subarray(0, from), ...parts, bytes.subarray(to)]);
}

/** The same item with longer heads, of another length, in pieces, and as kinds that a lenient reader takes for it. */
function* spellings(bytes: Buffer, { major, argument, at, body, end }: Item): Generator<Buffer> {
  for (const width of [1, 2, 4, 8] as const) {
    if (1 + width <= body - at || argument >= 256 ** width) continue;
    yield replaced(bytes, at, body, cbor.head(major, argument, width));
  }
  for (const count of [argument - 1, argument + 1, 23]) {
    if (count >= 0 && count !== argument && argument < 23) {
      yield replaced(bytes, at, body, cbor.head(major, count));
    }
  }
  const content = bytes.subarray(major === BYTES || major === TEXT ? at : body, end);
  yield replaced(bytes, at, end, cbor.indefinite(major), content, cbor.BREAK);
  yield replaced(bytes, at, at, Buffer.of(0xc1));
  for (const other of [BYTES, TEXT, ARRAY, MAP]) {
    if (other !== major)
      yield replaced(bytes, at, at + 1, Buffer.of((bytes[at] ?? 0) ^ ((major ^ other) << 5)));
  }
}

/** Changes to a text that lenient UTF-8 decoders drop or replace. */
function* lenientTexts(bytes: Buffer, { at, body, end }: Item): Generator<Buffer> {
  const text = bytes.subarray(body, end);
  const first = text[0] ?? 0;
  const changed = [
    Buffer.concat([Buffer.from('efbbbf', 'hex'), text]),
    Buffer.concat([text, Buffer.of(0)]),
    // two bytes where one would do
    Buffer.concat([Buffer.of(0xc0 | (first >> 6), 0x80 | (first & 0x3f)), text.subarray(1)]),
    ...[0x80, 0xc3, 0xff].map((byte) => Buffer.concat([text, Buffer.of(byte)])),
  ];
  for (const one of changed) {
    yield replaced(
      bytes,
      at,
      end,
      cbor.bytes(one).map((byte, index) => (index === 0 ? byte ^ 0x20 : byte)),
    );
  }
  for (let i = body; i < end; i++) yield replaced(bytes, i, i + 1, Buffer.of((bytes[i] ?? 0) | 0x80));
}

for (const wallet of WALLETS) {
  for (const [name, optional] of [
    ['all fields', OPTIONAL],
    ['no optional ones', {}],
  ] as const) {
    const resources = [uri(wallet.did), uri(wallet.did, 'notes', 'read', 'a%2F')];
    const payload = payloadOf(wallet, SESSION, { ...optional, resources });
    const bytes = unsigned(wallet, payload);

    test(`${wallet.did}, ${name}: one spelling, and its digest`, () => {
      const { link, proof } = decodeLink(bytes, crypto, SWARM);
      assert.deepEqual(Buffer.from(link.digest), sha256(cacaoBody(wallet.header, payloadEntries(payload))));
      assert.deepEqual(Buffer.from(dagCbor.encode(dagCbor.decode(bytes))), bytes);
      // the link is its own: what becomes of the bytes it was read from changes nothing
      const copy = Buffer.from(bytes);
      const read = decodeLink(copy, crypto, SWARM);
      copy.fill(0);
      assert.deepEqual(read, { ...decodeLink(bytes, crypto, SWARM), link, proof });
      let others = 0;
      for (const item of itemsAt(bytes, 0)) {
        const isText = item.major === TEXT;
        for (const other of [...spellings(bytes, item), ...(isText ? lenientTexts(bytes, item) : [])]) {
          assert.ok(!isTaken(other), `taken: ${other.toString('hex')}`);
          others += 1;
        }
      }
      assert.ok(others > bytes.byteLength / 2, `${others}`);
      for (let end = 0; end < bytes.byteLength; end++) assert.ok(!isTaken(bytes.subarray(0, end)), `${end}`);
      for (const byte of [0x00, 0x60, 0xf6]) assert.ok(!isTaken(Buffer.concat([bytes, Buffer.of(byte)])));
    });

    test(`${wallet.did}, ${name}: entries in no other order, none twice, none more`, () => {
      const entries = payloadEntries(payload);
      const signature = cbor.bytes(Buffer.alloc(wallet.type === 'eip191' ? 65 : 64, 0xf6));
      const of = (list: typeof entries): Buffer => cacaoOf(wallet.header, list, wallet.type, signature);
      assert.ok(isTaken(of(entries)));
      for (const [at, entry] of entries.entries()) {
        for (let to = 0; to < entries.length; to++) {
          if (to !== at) assert.ok(!isTaken(of(entries.toSpliced(at, 1).toSpliced(to, 0, entry))));
          assert.ok(!isTaken(of(entries.toSpliced(to, 0, entry))), `${entry[0]} twice`);
          assert.ok(!isTaken(of(entries.toSpliced(to, 0, ['more', cbor.text('a')]))));
        }
      }
    });
  }
}

test('fields of any text: taken is what the decoder of DAG-CBOR reads and writes the same', () => {
  const wallet = evmWallet(5);
  const entries = payloadEntries(payloadOf(wallet, SESSION, OPTIONAL));
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.stringMatching(/^[ -~]{0,300}$/),
    fc.constantFrom('a.example:80', '12345678', '2026-02-28T23:59:59Z', 'a b', '\uFEFFa'),
  );
  let taken = 0;
  const property = fc.property(fc.nat(entries.length - 1), text, (at, one) => {
    const changed = entries.map(([key, old], index) => [key, index === at ? cbor.text(one) : old] as const);
    const bytes = cacaoOf('eip4361', changed, 'eip191', cbor.bytes(Buffer.alloc(65)));
    if (!isTaken(bytes)) return;
    taken += 1;
    assert.match(one, /^[ -~]+$/);
    assert.ok(Buffer.from(dagCbor.encode(dagCbor.decode(bytes))).equals(bytes));
  });
  for (const seed of [1, 42]) fc.assert(property, { numRuns: 2000, seed });
  assert.ok(taken > 100, `${taken}`);
});

test('the reader takes texts in ASCII alone, and believes no length', () => {
  for (const text of ['', 'a', '~\u0000\u007f', 'a'.repeat(23), 'a'.repeat(24), 'a'.repeat(256)]) {
    const reader = new StrictReader(cbor.text(text));
    assert.equal(reader.text(), text);
    assert.ok(reader.isWhole);
  }
  for (const bytes of [
    cbor.text('é'),
    cbor.text(Buffer.of(0x80)),
    cbor.text('\uFEFFa'),
    cbor.bytes(Buffer.from('a')),
    cbor.head(cbor.TEXT, 1),
    cbor.head(cbor.TEXT, 2 ** 53 - 1),
    cbor.head(cbor.TEXT, 2n ** 64n - 1n),
    Buffer.of(0x78),
    Buffer.of(0x7c),
    Buffer.of(),
  ]) {
    const reader = new StrictReader(bytes);
    reader.text();
    assert.ok(!reader.isWhole, Buffer.from(bytes).toString('hex'));
  }
});

function texts(count: number): Buffer {
  return cbor.list(Array.from({ length: count }, () => cbor.text('a')));
}

test('the reader takes counts of lists up to the one it is told', () => {
  for (const [bytes, isTakenHere] of [
    [texts(0), true],
    [texts(8), true],
    [texts(9), false],
    [cbor.head(cbor.ARRAY, 2 ** 53 - 1), false],
    [texts(3).subarray(0, -2), false],
  ] as const) {
    const reader = new StrictReader(bytes);
    reader.texts(8);
    assert.equal(reader.isWhole, isTakenHere, bytes.toString('hex'));
  }
});
