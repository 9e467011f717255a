import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { passphraseFrom, readPassphraseFile } from '../../../../../node/identity/keyring/passphrase.ts';
import { NO_PASSPHRASE, PASSPHRASE, passphraseFile } from '../../../../support/passphrases.ts';
import { scratch } from '../../../../support/processes.ts';

const noModes = process.platform === 'win32' ? 'no modes on Windows' : false;

test('a file holds one line; the end of it does not count', (t) => {
  const path = join(scratch(t), 'passphrase');
  for (const end of ['', '\n', '\r\n']) {
    writeFileSync(path, `  ${PASSPHRASE} ${end}`, { mode: 0o600 });
    assert.equal(readPassphraseFile(path), `  ${PASSPHRASE} `);
  }
});

test('a file that others may read is refused with advice', { skip: noModes }, (t) => {
  const path = passphraseFile(t);
  for (const mode of [0o644, 0o640, 0o620, 0o604]) {
    chmodSync(path, mode);
    assert.throws(() => readPassphraseFile(path), {
      code: 'bad_passphrase_file',
      message: new RegExp(`chmod 600 ${path}`),
    });
  }
  chmodSync(path, 0o400);
  assert.equal(readPassphraseFile(path), PASSPHRASE);
});

test('what systemd hands over is taken, though its group may seem to read it', { skip: noModes }, (t) => {
  const directory = join(scratch(t), 'credentials');
  mkdirSync(directory);
  const path = join(directory, 'passphrase');
  writeFileSync(path, PASSPHRASE);
  chmodSync(path, 0o440);
  assert.throws(() => readPassphraseFile(path), { code: 'bad_passphrase_file' });
  process.env['CREDENTIALS_DIRECTORY'] = directory;
  t.after(() => delete process.env['CREDENTIALS_DIRECTORY']);
  assert.equal(readPassphraseFile(path), PASSPHRASE);
  const aside = join(directory, '..', 'aside');
  writeFileSync(aside, PASSPHRASE);
  chmodSync(aside, 0o440);
  assert.throws(() => readPassphraseFile(`${directory}/../aside`), { code: 'bad_passphrase_file' });
  chmodSync(path, 0o444);
  assert.throws(() => readPassphraseFile(path), { code: 'bad_passphrase_file' });
});

test('files of another form are refused, and not quoted', (t) => {
  const path = join(scratch(t), 'passphrase');
  const cases = ['', '\n', 'two\nlines\n', 'x'.repeat(5000), Buffer.of(0xff, 0xfe, 0xfd)];
  for (const content of cases) {
    writeFileSync(path, content, { mode: 0o600 });
    assert.throws(
      () => readPassphraseFile(path),
      ({ code, message }: Error & { code: string }) =>
        code === 'bad_passphrase_file' && !message.includes('lines\n') && !message.includes('xxxx'),
    );
  }
  assert.throws(() => readPassphraseFile(join(path, 'absent')), { code: 'bad_passphrase_file' });
});

test('a weak passphrase seals nothing, but opens what it once sealed', async (t) => {
  const source = passphraseFrom({ file: passphraseFile(t, 'seven77') });
  await assert.rejects(source.fresh('a key'), { code: 'weak_passphrase' });
  assert.equal(await source.existing('a key'), 'seven77');
});

test('where nobody can be asked the error says what to do', async () => {
  for (const ask of [NO_PASSPHRASE.existing('a key'), NO_PASSPHRASE.fresh('a key')]) {
    await assert.rejects(ask, {
      code: 'passphrase_needed',
      message: /a key .*MAILLON_IDENTITY_PASSPHRASE_FILE/,
    });
  }
});
