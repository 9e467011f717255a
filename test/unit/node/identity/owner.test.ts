import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { passphraseFrom } from '../../../../node/identity/keyring/passphrase.ts';
import { loadOwner, serveOwner } from '../../../../node/identity/owner.ts';
import { scratch } from '../../../support/processes.ts';

const passphrases = passphraseFrom({ file: '' });

/** A logger that keeps its warnings. */
function said() {
  const lines: string[] = [];
  const warn = (...said: unknown[]): void => void lines.push(String(said[1]));
  return { lines, logger: { info: () => undefined, warn } };
}

const HOME = process.env['HOME'];

/** Gives what a test starts another HOME, until the test ends. */
function home(t: TestContext): void {
  process.env['HOME'] = scratch(t);
  t.after(() => {
    if (HOME === undefined) delete process.env['HOME'];
    else process.env['HOME'] = HOME;
  });
}

test('a data directory keeps the owner that it was first started with, whatever home it is started from', async (t) => {
  const data = scratch(t);
  const path = join(scratch(t), 'swarm.key');
  const { logger, lines } = said();
  home(t);
  const first = await serveOwner({ logger }, { path, data, passphrases });
  assert.equal((await serveOwner({ logger }, { path: '', data, passphrases })).did, first.did);
  assert.equal(
    (await loadOwner({ logger }, { path: '', data, passphrases })).did,
    first.did,
    'commands mean the same',
  );
  const other = scratch(t);
  const mine = await serveOwner({ logger }, { path: '', data: other, passphrases });
  assert.notEqual(mine.did, first.did, 'a new directory gets the user’s own');
  home(t);
  assert.equal((await serveOwner({ logger }, { path: '', data: other, passphrases })).did, mine.did);
  assert.deepEqual(lines, []);
  if (process.platform !== 'win32') assert.equal(statSync(join(data, 'owner.json')).mode & 0o777, 0o600);
});

test('another owner is said, with the key that goes on as before', async (t) => {
  const data = scratch(t);
  const path = join(scratch(t), 'a.key');
  const { logger, lines } = said();
  await serveOwner({ logger }, { path, data, passphrases });
  const second = await serveOwner({ logger }, { path: join(scratch(t), 'b.key'), data, passphrases });
  assert.equal(lines.length, 1);
  assert.match(
    lines[0] ?? '',
    /served another owner until now.*set identity\.ownerKey to its key, which was .*a\.key/,
  );
  assert.equal((await serveOwner({ logger }, { path: '', data, passphrases })).did, second.did);
});

test('a key that is gone is not made anew in its place', async (t) => {
  home(t);
  const data = scratch(t);
  const path = join(scratch(t), 'a.key');
  const { logger, lines } = said();
  await serveOwner({ logger }, { path, data, passphrases });
  rmSync(path);
  await serveOwner({ logger }, { path: '', data, passphrases });
  assert.equal(lines.length, 1);
  assert.throws(() => readFileSync(path), { code: 'ENOENT' });
});

test('a file that says no owner counts for nothing', async (t) => {
  home(t);
  const data = scratch(t);
  const { logger, lines } = said();
  for (const text of ['', '{', '{"version":2,"did":"x","path":"/x"}', '{"version":1}']) {
    writeFileSync(join(data, 'owner.json'), text);
    await serveOwner({ logger }, { path: '', data, passphrases });
  }
  assert.deepEqual(lines, []);
});
