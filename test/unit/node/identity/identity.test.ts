import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import { loadIdentity } from '../../../../node/identity/identity.ts';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import { didKey, encodeMultikey } from '../../../../protocols/common/did-key.ts';
import { scratch } from '../../../support/processes.ts';

const FILE = 'identity.key';
const noModes = process.platform === 'win32' ? 'no modes on Windows' : false;

test('an identity is made on first start, and is the same afterwards', async (t) => {
  const directory = scratch(t);
  const first = await loadIdentity(directory);
  const bytes = readFileSync(join(directory, FILE));
  const second = await loadIdentity(directory);
  assert.equal(second.peerId, first.peerId);
  assert.equal(second.author, first.author);
  assert.deepEqual(readFileSync(join(directory, FILE)), bytes);
  assert.deepEqual(readdirSync(directory), [FILE]);
  assert.notEqual((await loadIdentity(scratch(t))).peerId, first.peerId);
});

test('its key file is 0600, and made so again when it is not', { skip: noModes }, async (t) => {
  const directory = scratch(t);
  await loadIdentity(directory);
  assert.equal(statSync(join(directory, FILE)).mode & 0o777, 0o600);
  for (const mode of [0o644, 0o660, 0o604]) {
    chmodSync(join(directory, FILE), mode);
    await loadIdentity(directory);
    assert.equal(statSync(join(directory, FILE)).mode & 0o777, 0o600);
  }
});

test('peer id, author and signer are one key', async (t) => {
  const { privateKey, peerId, author, signer } = await loadIdentity(scratch(t));
  assert.deepEqual(Buffer.from(privateKey.publicKey.raw), Buffer.from(signer.publicKey));
  assert.equal(author, didKey(encodeMultikey(signer.publicKey)));
  assert.match(peerId, /^12D3KooW/);
  const message = createHash('sha256').update('x').digest();
  assert.ok(await createCrypto().verifyEd25519(signer.publicKey, message, await signer.sign(message)));
  assert.ok(await privateKey.publicKey.verify(message, await signer.sign(message)));
});

test('a file that holds no Ed25519 key is refused by name, and left as it is', async (t) => {
  const directory = scratch(t);
  const other = privateKeyToProtobuf(await generateKeyPair('secp256k1'));
  await loadIdentity(directory);
  const whole = readFileSync(join(directory, FILE));
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('not a key'),
    whole.subarray(0, 20),
    Buffer.from(other),
  ]) {
    writeFileSync(join(directory, FILE), bytes);
    await assert.rejects(loadIdentity(directory), { code: 'bad_identity', message: /identity\.key/ });
    assert.deepEqual(readFileSync(join(directory, FILE)), bytes);
  }
});

test('an error never holds key material', async (t) => {
  const directory = scratch(t);
  await loadIdentity(directory);
  const whole = readFileSync(join(directory, FILE));
  writeFileSync(join(directory, FILE), whole.subarray(0, -3));
  await assert.rejects(loadIdentity(directory), (error: Error) => {
    const said = `${error.message} ${String(error.cause)}`;
    return (
      !said.includes(whole.subarray(8, 24).toString('hex')) &&
      !said.includes(whole.subarray(8, 24).toString('latin1'))
    );
  });
});

test('a directory that is not there is an error', async (t) => {
  await assert.rejects(loadIdentity(join(scratch(t), 'absent')), { code: 'ENOENT' });
});
