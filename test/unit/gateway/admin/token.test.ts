import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bearerCheck, loadToken } from '../../../../gateway/admin/token.ts';
import { scratch } from '../../../support/processes.ts';

test('a missing file is made, for its owner alone, and read again', (t) => {
  const file = join(scratch(t), 'token');
  const token = loadToken(file);
  assert.match(token, /^[\w-]{43}$/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(readFileSync(file, 'utf8'), `${token}\n`);
  assert.equal(loadToken(file), token);
  assert.notEqual(loadToken(join(scratch(t), 'other')), token);
});

test('an own token is taken, stricter modes too', (t) => {
  const file = join(scratch(t), 'token');
  const own = 'x'.repeat(32);
  writeFileSync(file, ` ${own}\n\n`, { mode: 0o400 });
  assert.equal(loadToken(file), own);
});

test('a file that does not protect is refused, and says what to do', (t) => {
  const directory = scratch(t);
  const good = 'x'.repeat(40);
  const cases: [name: string, text: string, mode: number, message: RegExp][] = [
    ['group', good, 0o640, /chmod 600 .*group/],
    ['others', good, 0o604, /chmod 600/],
    ['empty', '', 0o600, /holds 0 characters, and at least 32 are needed/],
    ['short', 'x'.repeat(31), 0o600, /holds 31 characters/],
    ['words', `${good} ${good}`, 0o600, /more than one word/],
    ['foreign', `${good}é`, 0o600, /visible ASCII/],
    ['large', good.repeat(200), 0o600, /larger than 4096 bytes/],
  ];
  for (const [name, text, mode, message] of cases) {
    const file = join(directory, name);
    writeFileSync(file, text);
    chmodSync(file, mode);
    assert.throws(() => loadToken(file), { code: 'bad_token_file', message }, name);
    assert.equal(readFileSync(file, 'utf8'), text, 'it is left as it was');
  }
  mkdirSync(join(directory, 'folder'), { mode: 0o700 });
  assert.throws(() => loadToken(join(directory, 'folder')), { code: 'bad_token_file', message: /EISDIR/ });
  assert.throws(() => loadToken(join(directory, 'no/where')), { code: 'bad_token_file', message: /ENOENT/ });
  assert.equal(existsSync(join(directory, 'no')), false);
});

test('no error holds the token', (t) => {
  const file = join(scratch(t), 'token');
  writeFileSync(file, 'hunter2', { mode: 0o600 });
  assert.throws(
    () => loadToken(file),
    (error: Error) => !JSON.stringify(error).includes('hunter2') && !error.message.includes('hunter2'),
  );
});

test('only the token itself passes', () => {
  const token = 'abc-DEF_0123456789012345678901234';
  const check = bearerCheck(token);
  for (const good of [`Bearer ${token}`, `bearer ${token}`, `Bearer   ${token}`])
    assert.ok(check(good), good);
  const bad = [
    undefined,
    '',
    token,
    'Bearer',
    'Bearer ',
    `Bearer ${token}x`,
    `Bearer ${token.slice(0, -1)}`,
    `Bearer ${token.toLowerCase()}`,
    `Bearer ${token} ${token}`,
    `Basic ${token}`,
    `Bearer x, Bearer ${token}`,
  ];
  for (const one of bad) assert.equal(check(one), false, String(one));
});
