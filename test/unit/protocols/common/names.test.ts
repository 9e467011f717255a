import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import {
  checkNamespace,
  checkOwner,
  checkSwarm,
  checkTopic,
  NameError,
  namespaceId,
} from '../../../../protocols/common/names.ts';
import * as cbor from '../../../support/cbor.ts';
import { sha256 } from '../../../support/envelopes.ts';

const CONTROLS = [...Array.from({ length: 32 }, (_, code) => code), 0x7f].map((code) =>
  String.fromCharCode(code),
);

function refuses(check: (name: string) => void, code: string, names: readonly string[]): void {
  for (const name of names) {
    assert.throws(
      () => check(name),
      (error) => error instanceof NameError && error.code === code,
      JSON.stringify(name),
    );
  }
}

function takes(check: (name: string) => void, names: readonly string[]): void {
  for (const name of names) assert.doesNotThrow(() => check(name), JSON.stringify(name));
}

for (const [what, check, code] of [
  ['swarm', checkSwarm, 'bad_swarm'],
  ['namespace', checkNamespace, 'bad_namespace'],
] as const) {
  test(`a ${what} is [a-z0-9-]{1,64}`, () => {
    takes(check, ['a', '-', '0', 'a-0', 'x'.repeat(64)]);
    refuses(check, code, ['', 'x'.repeat(65), 'A', 'a_b', 'a.b', 'a b', 'é', 'a\n', '\na', 'ａ']);
    fc.assert(fc.property(fc.stringMatching(/^[a-z0-9-]{1,64}$/), (name) => takes(check, [name])));
  });
}

test('a topic is 1 to 256 bytes of UTF-8 without control characters', () => {
  takes(checkTopic, [
    'a',
    ' ',
    '/',
    'x'.repeat(256),
    'é'.repeat(128),
    '😀'.repeat(64),
    '\u0080',
    '\uFFFD',
    'A B',
  ]);
  refuses(checkTopic, 'bad_topic', ['', 'x'.repeat(257), `é${'x'.repeat(255)}`, '😀'.repeat(65)]);
  refuses(checkTopic, 'bad_topic', ['\uD800', 'a\uDC00b', 'x'.repeat(1_000_000)]);
  refuses(
    checkTopic,
    'bad_topic',
    CONTROLS.map((control) => `a${control}b`),
  );
});

test('an owner is 1 to 256 bytes of UTF-8 without control characters', () => {
  takes(checkOwner, ['did:key:z6Mk', 'x'.repeat(256), 'é'.repeat(128)]);
  refuses(checkOwner, 'bad_owner', ['', 'x'.repeat(257), 'é'.repeat(129), '\uD800']);
  refuses(checkOwner, 'bad_owner', CONTROLS);
});

test('an error of a name does not repeat the name', () => {
  assert.throws(
    () => checkTopic(`secret${'x'.repeat(300)}`),
    (error) => error instanceof NameError && !error.message.includes('secret'),
  );
});

function expected(swarm: string, owner: string, name: string): Buffer {
  return sha256(cbor.list([cbor.integer(1), cbor.text(swarm), cbor.text(owner), cbor.text(name)]));
}

test('a namespace id is SHA-256 of DAG-CBOR [1, swarm, owner, name], and injective', () => {
  const crypto = createCrypto();
  for (const [swarm, owner, name] of [
    ['maillon', '', 'default'],
    ['maillon', 'did:key:zé', 'default'],
    ['s', 'x'.repeat(256), 'n'.repeat(64)],
  ] as const) {
    assert.deepEqual(Buffer.from(namespaceId(crypto, swarm, owner, name)), expected(swarm, owner, name));
  }
  const shifted = [
    ['ab', 'c', 'd'],
    ['a', 'bc', 'd'],
    ['a', 'b', 'cd'],
    ['a', '', 'bcd'],
  ] as const;
  const ids = shifted.map(([swarm, owner, name]) =>
    Buffer.from(namespaceId(crypto, swarm, owner, name)).toString('hex'),
  );
  assert.equal(new Set(ids).size, shifted.length);
});
