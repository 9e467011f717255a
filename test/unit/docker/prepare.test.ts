import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { prepare } from '../../../docker/prepare.ts';
import { loadToken } from '../../../gateway/admin/token.ts';
import { loadIdentity } from '../../../node/identity/identity.ts';
import { loadConfig } from '../../../node/index.ts';
import { scratch } from '../../support/processes.ts';

const SECRETS = [
  'bootstrap-data/identity.key',
  'node-secrets/admin.token',
  'prometheus-secrets/admin.token',
  'grafana-secrets/admin.password',
];

test('volumes are prepared once: a second run changes nothing', async (t) => {
  const root = scratch(t);
  const first = await prepare(root);
  const contents = () => SECRETS.map((path) => readFileSync(join(root, path), 'base64'));
  const before = contents();
  assert.deepEqual(await prepare(root), first);
  assert.deepEqual(contents(), before);
  assert.equal(
    new Set(before).size,
    before.length,
    'the token ends in a line for one reader and not for the other',
  );
});

test('the others find the bootstrap peer by its key, and Prometheus has the token of the nodes', async (t) => {
  const root = scratch(t);
  const { bootstrap } = await prepare(root);
  const { peerId } = await loadIdentity(join(root, 'bootstrap-data'));
  const env = { MAILLON_CONFIG: join(root, 'swarm/maillon.yaml') };
  assert.deepEqual(loadConfig({ flags: {}, env, cwd: '/' }).bootstrap, [
    `/dns4/bootstrap/tcp/4411/p2p/${peerId}`,
  ]);
  assert.deepEqual(loadConfig({ flags: {}, env, cwd: '/' }).bootstrap, [bootstrap]);
  const token = loadToken(join(root, 'node-secrets/admin.token'));
  assert.equal(readFileSync(join(root, 'prometheus-secrets/admin.token'), 'utf8'), token);
});

test('secrets are for their owner alone', {
  skip: process.platform === 'win32' && 'Windows has no modes',
}, async (t) => {
  const root = scratch(t);
  await prepare(root);
  for (const path of SECRETS) assert.equal(statSync(join(root, path)).mode & 0o777, 0o600, path);
  if (process.getuid?.() === 0) {
    const owners = SECRETS.map((path) => statSync(join(root, path)).uid);
    assert.deepEqual(owners, [1000, 1000, 65_534, 472]);
  }
});
