import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockDataDirectory } from '../../../../../node/disk/data-lock.ts';
import { loadIdentity } from '../../../../../node/identity/identity.ts';
import { Keyring } from '../../../../../node/identity/keyring/keyring.ts';
import { parseKey } from '../../../../../node/identity/keyring/portable.ts';
import { createCrypto } from '../../../../../node/runtime/crypto.ts';
import { systemClock } from '../../../../../protocols/common/clock.ts';
import { didKey, encodeMultikey } from '../../../../../protocols/common/did-key.ts';
import { NO_PASSPHRASE, passphrases } from '../../../../support/passphrases.ts';
import { type Cleanup, scratch } from '../../../../support/processes.ts';

const noModes = process.platform === 'win32' ? 'no modes on Windows' : false;

function keyringIn(t: Cleanup): { data: string; keyring: Keyring } {
  const data = join(scratch(t), 'data');
  return { data, keyring: new Keyring({ clock: systemClock }, { data }) };
}

function namesOf(keyring: Keyring): string[] {
  return keyring.list().map(({ name }) => name);
}

test('a key is made, listed, loaded and signs; making it again is refused', async (t) => {
  const { data, keyring } = keyringIn(t);
  assert.deepEqual(keyring.list(), []);
  assert.equal(existsSync(data), false, 'to look makes nothing');
  const before = Date.now();
  const made = await keyring.create('alice');
  assert.deepEqual(keyring.list(), [made]);
  assert.ok(made.created >= before && made.created <= Date.now());
  assert.deepEqual([made.isSealed, made.isRetired], [false, false]);

  const { did, multikey, signer } = await keyring.load('alice', NO_PASSPHRASE);
  assert.equal(did, made.did);
  assert.equal(didKey(multikey), did);
  assert.deepEqual(encodeMultikey(signer.publicKey), multikey);
  const message = Buffer.from('message');
  assert.ok(await createCrypto().verifyEd25519(signer.publicKey, message, await signer.sign(message)));

  await assert.rejects(keyring.create('alice'), { code: 'key_exists' });
  assert.equal((await keyring.load('alice', NO_PASSPHRASE)).did, did);
  assert.notEqual((await keyring.create('bob')).did, did);
  assert.deepEqual(namesOf(keyring), ['alice', 'bob']);
  await assert.rejects(keyring.load('carol', NO_PASSPHRASE), { code: 'no_such_key' });
});

test('of creations that come together one makes the key', async (t) => {
  const { keyring } = keyringIn(t);
  const all = await Promise.allSettled(Array.from({ length: 8 }, async () => keyring.create('alice')));
  const made = all.filter(({ status }) => status === 'fulfilled');
  assert.equal(made.length, 1);
  for (const one of all) {
    if (one.status === 'rejected') assert.equal((one.reason as { code: string }).code, 'key_exists');
  }
  assert.equal(keyring.list().length, 1);
});

test('files are 0600 in a directory of 0700, and made so again', { skip: noModes }, async (t) => {
  const { data, keyring } = keyringIn(t);
  await keyring.create('alice');
  const [directory, file] = [join(data, 'keys'), join(data, 'keys/alice.key')];
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  chmodSync(file, 0o644);
  chmodSync(directory, 0o755);
  await keyring.load('alice', NO_PASSPHRASE);
  await keyring.create('bob');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
});

test('names that could lead elsewhere are refused', async (t) => {
  const { keyring } = keyringIn(t);
  const seed = Buffer.alloc(32, 1);
  for (const name of ['', '..', '../identity', 'a/b', 'A', 'a b', 'a.b', 'x'.repeat(65), 'a.12345678', 'é']) {
    await assert.rejects(keyring.create(name), { code: 'bad_key_name' }, name);
    await assert.rejects(keyring.import(name, seed), { code: 'bad_key_name' }, name);
  }
  for (const name of ['../identity', 'a/b', 'a.b', '']) {
    await assert.rejects(keyring.load(name, NO_PASSPHRASE), { code: 'bad_key_name' });
    await assert.rejects(keyring.seal(name, NO_PASSPHRASE), { code: 'bad_key_name' });
  }
});

test('a sealed key needs its passphrase, and is the same after it was unsealed', async (t) => {
  const { data, keyring } = keyringIn(t);
  const [right, wrong] = [passphrases(t), passphrases(t, 'not the passphrase')];
  const made = await keyring.create('alice', right);
  assert.equal(made.isSealed, true);
  assert.deepEqual(keyring.list(), [made], 'whose it is can be read without it');
  await assert.rejects(keyring.load('alice', NO_PASSPHRASE), { code: 'passphrase_needed' });
  await assert.rejects(keyring.load('alice', wrong), {
    code: 'bad_passphrase',
    message: /alice\.key: the passphrase is not/,
  });
  assert.equal((await keyring.load('alice', right)).did, made.did);

  const before = readFileSync(join(data, 'keys/alice.key'));
  await assert.rejects(keyring.unseal('alice', wrong), { code: 'bad_passphrase' });
  await assert.rejects(keyring.rotate('alice', wrong), { code: 'bad_passphrase' });
  await assert.rejects(keyring.seal('alice', right), { code: 'key_sealed' });
  assert.deepEqual(readFileSync(join(data, 'keys/alice.key')), before);

  assert.deepEqual(await keyring.unseal('alice', right), { ...made, isSealed: false });
  assert.equal((await keyring.load('alice', NO_PASSPHRASE)).did, made.did);
  await assert.rejects(keyring.unseal('alice', NO_PASSPHRASE), { code: 'key_not_sealed' });
});

test('a rotated key stays under the end of its DID; its successor is sealed as it was', async (t) => {
  const { keyring } = keyringIn(t);
  const right = passphrases(t);
  for (const sealing of [undefined, right]) {
    const name = sealing === undefined ? 'plain' : 'sealed';
    const old = await keyring.create(name, sealing);
    const { info, retired } = await keyring.rotate(name, sealing ?? NO_PASSPHRASE);
    assert.equal(retired, `${name}.${old.did.slice(-8)}`);
    assert.notEqual(info.did, old.did);
    assert.equal(info.isSealed, old.isSealed);
    assert.equal((await keyring.load(name, right)).did, info.did);
    assert.equal((await keyring.load(retired, right)).did, old.did);
    const listed = keyring.list().find((key) => key.name === retired);
    assert.deepEqual(listed, { ...old, name: retired, isRetired: true });
    await assert.rejects(keyring.rotate(retired, right), { code: 'bad_key_name' });
    await keyring.rotate(name, right);
    assert.equal(namesOf(keyring).filter((one) => one.startsWith(name)).length, 3);
  }
  await assert.rejects(keyring.rotate('absent', right), { code: 'no_such_key' });
});

test('a rotation that was interrupted can be done again', async (t) => {
  const { data, keyring } = keyringIn(t);
  const old = await keyring.create('alice');
  const bytes = readFileSync(join(data, 'keys/alice.key'));
  // as if it had ended between its two writes
  writeFileSync(join(data, `keys/alice.${old.did.slice(-8)}.key`), bytes, { mode: 0o600 });
  const { info, retired } = await keyring.rotate('alice', NO_PASSPHRASE);
  assert.notEqual(info.did, old.did);
  assert.equal((await keyring.load(retired, NO_PASSPHRASE)).did, old.did);
});

test('while another changes keys that is said', async (t) => {
  const { data, keyring } = keyringIn(t);
  await keyring.create('alice');
  const lock = lockDataDirectory(join(data, 'keys'));
  await assert.rejects(keyring.rotate('alice', NO_PASSPHRASE), { code: 'key_in_use' });
  lock.release();
  await keyring.rotate('alice', NO_PASSPHRASE);
});

test('what is exported and imported is the same key', async (t) => {
  const { keyring } = keyringIn(t);
  const right = passphrases(t);
  const { did } = await keyring.create('alice', right);
  for (const form of ['pkcs8', 'seed'] as const) {
    await assert.rejects(keyring.export('alice', form, NO_PASSPHRASE), { code: 'passphrase_needed' });
    const { text, info } = await keyring.export('alice', form, right);
    assert.equal(info.did, did);
    const seed = await parseKey(text, async () => '');
    assert.equal((await keyring.import(`from-${form}`, seed)).did, did);
    await assert.rejects(keyring.import(`from-${form}`, seed), { code: 'key_exists' });
  }
  await assert.rejects(keyring.import('short', Buffer.alloc(31)), { code: 'bad_key' });
});

test('a damaged file is listed as what it is, and hides no other', async (t) => {
  const { data, keyring } = keyringIn(t);
  await keyring.create('alice');
  const { did } = await keyring.create('bob');
  const path = join(data, 'keys/alice.key');
  writeFileSync(path, readFileSync(path).subarray(0, -1));
  writeFileSync(join(data, 'keys/notes.txt'), 'not a key');
  const [alice, bob, ...rest] = keyring.list();
  assert.match(alice && 'fault' in alice ? alice.fault : '', /alice\.key: the file is damaged/);
  assert.equal(bob && 'did' in bob && bob.did, did);
  assert.deepEqual(rest, []);
  await assert.rejects(keyring.load('alice', NO_PASSPHRASE), { code: 'bad_key_file' });
  await assert.rejects(keyring.create('alice'), { code: 'key_exists' });
  writeFileSync(path, Buffer.alloc(4096));
  await assert.rejects(keyring.load('alice', NO_PASSPHRASE), { code: 'bad_key_file', message: /too large/ });
});

test("the node's own key: listed, sealed and rotated, and only while the node is stopped", async (t) => {
  const { data, keyring } = keyringIn(t);
  const right = passphrases(t);
  const { did } = await keyring.create('identity');
  const { author } = await loadIdentity(data);
  assert.equal(author, did);
  assert.deepEqual(namesOf(keyring), ['identity']);

  const lock = lockDataDirectory(data);
  for (const change of [keyring.rotate('identity', right), keyring.seal('identity', right)]) {
    await assert.rejects(change, { code: 'key_in_use', message: /stop it first/ });
  }
  await keyring.create('alice');
  lock.release();

  assert.deepEqual((await keyring.seal('identity', right)).did, did);
  await assert.rejects(loadIdentity(data, NO_PASSPHRASE), { code: 'passphrase_needed' });
  await assert.rejects(loadIdentity(data, passphrases(t, 'not the passphrase')), { code: 'bad_passphrase' });
  assert.equal((await loadIdentity(data, right)).author, did);

  const { info, retired } = await keyring.rotate('identity', right);
  assert.equal(info.isSealed, true);
  assert.equal((await loadIdentity(data, right)).author, info.did);
  assert.equal((await keyring.load(retired, right)).did, did);
  await keyring.unseal('identity', right);
  assert.equal((await loadIdentity(data, NO_PASSPHRASE)).author, info.did);
  assert.deepEqual(readdirSync(data).toSorted(), ['identity.key', 'keys', 'lock']);
});
