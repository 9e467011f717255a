import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { formatKey, parseKey } from '../../../../../node/identity/keyring/portable.ts';
import { PASSPHRASE } from '../../../../support/passphrases.ts';

/** RFC 8410 section 10.3. */
const RFC_PEM = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
`;
const RFC_SEED = 'd4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842';

const noOpenssl = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed';
const never = async (): Promise<string> => assert.fail('no passphrase is asked for');

test('the example of RFC 8410 is read and written, and so is its seed', async () => {
  const seed = await parseKey(RFC_PEM, never);
  assert.equal(Buffer.from(seed).toString('hex'), RFC_SEED);
  assert.equal(formatKey(seed, 'pkcs8'), RFC_PEM);
  assert.equal(formatKey(seed, 'seed'), `${RFC_SEED}\n`);
  assert.deepEqual(await parseKey(` ${RFC_SEED.toUpperCase()}\r\n`, never), seed);
});

test('an encrypted PEM opens with its passphrase only', async () => {
  const seed = randomBytes(32);
  const pem = formatKey(seed, 'pkcs8', PASSPHRASE);
  assert.match(pem, /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
  assert.deepEqual(Buffer.from(await parseKey(pem, async () => PASSPHRASE)), seed);
  await assert.rejects(
    parseKey(pem, async () => 'another'),
    { code: 'bad_passphrase' },
  );
});

test('OpenSSL reads what is written, and what it writes is read', { skip: noOpenssl }, async () => {
  const seed = randomBytes(32);
  const text = execFileSync('openssl', ['pkey', '-noout', '-text', '-passin', `pass:${PASSPHRASE}`], {
    input: formatKey(seed, 'pkcs8', PASSPHRASE),
    encoding: 'utf8',
  });
  const shown = text.slice(text.indexOf('priv:') + 5, text.indexOf('pub:'));
  assert.equal(shown.replaceAll(/[^0-9a-f]/g, ''), seed.toString('hex'));
  const pem = execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519'], { encoding: 'utf8' });
  assert.equal((await parseKey(pem, never)).byteLength, 32);
});

test('what is no Ed25519 key is refused, and not quoted', async () => {
  const other = generateKeyPairSync('x25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const cases = ['', 'key', RFC_SEED.slice(1), `${RFC_SEED}0`, other, RFC_PEM.replace('MC4CAQ', 'MC4CAA')];
  for (const text of [...cases, rsa.export({ format: 'pem', type: 'pkcs8' }).toString()]) {
    await assert.rejects(
      parseKey(text, never),
      ({ code, message }: Error & { code: string }) => code === 'bad_key' && !message.includes('MC4CA'),
    );
  }
});
