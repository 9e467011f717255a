/** A feature of a third party with routes, loaded while a node runs with its gateway, as an operator does it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { codeOf, Machine } from '../support/machine.ts';
import { until } from '../support/processes.ts';
import { ROOT } from '../support/sources.ts';

const ECHO = join(ROOT, 'test/support/features/echo/feature.ts');

async function echo(
  machine: Machine,
  peer: string,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${machine.running.url}/v1/echo`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ peer, text: 'is anybody there?' }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('a feature is loaded and unloaded by command, with its routes, errors and settings', async (t) => {
  const [a, b] = [new Machine(t), new Machine(t)];
  const { peerId, port } = await a.start();
  await b.start(['--bootstrap', `/ip4/127.0.0.1/tcp/${port}/p2p/${peerId}`]);
  assert.equal((await echo(a, peerId)).status, 404);

  assert.deepEqual(await a.ask('features'), { features: [] });
  const { features } = await a.ask('features', 'load', ECHO, '--set', 'echo.maxBytes=64');
  assert.deepEqual(features, [{ name: 'echo', path: ECHO, hasRoutes: true }]);
  assert.equal(codeOf(await a.run(['features', 'load', ECHO, '--json'])), 'feature_exists');
  await b.ask('features', 'load', ECHO);
  const other = b.running.peerId;
  await until('they are connected', async () => (await a.status()).peers === 1);
  assert.deepEqual(await echo(a, other), { status: 200, body: { text: 'is anybody there?' } });
  const stranger = await echo(a, peerId);
  assert.deepEqual([stranger.status, stranger.body['code']], [404, 'not_connected']);
  const info = (await (await fetch(`${a.running.url}/v1/info`)).json()) as Record<
    string,
    { code: string; name: string }[]
  >;
  assert.ok(JSON.stringify(info['features']).includes('"echo"'));
  assert.ok(info['errors']?.some(({ code }) => code === 'not_connected'));
  assert.ok(info['limits']?.some(({ name }) => name === 'echo.answersAtOnce'));

  assert.deepEqual(await a.ask('features', 'unload', 'echo'), { features: [] });
  assert.equal((await echo(a, other)).status, 404);
  assert.equal(codeOf(await a.run(['features', 'unload', 'echo', '--json'])), 'feature_not_loaded');
});

test('a feature whose routes do not load leaves node and gateway as they were', async (t) => {
  const machine = new Machine(t);
  const { url } = await machine.start();
  const path = join(machine.home, 'broken.mjs');
  writeFileSync(
    path,
    `export const feature = { name: 'broken', settings: [], limits: [], load: async () => ({ create: () => ({ stop() {} }) }) };
     export const gatewayFeature = { name: 'broken', load: async () => { throw new Error('no such file'); } };`,
  );
  const said = await machine.run(['features', 'load', path, '--json']);
  assert.equal(codeOf(said), 'bad_feature');
  assert.match(said.stderr, /its routes do not load: no such file/);
  assert.deepEqual(await machine.ask('features'), { features: [] });
  assert.equal((await fetch(`${url}/v1/status`)).status, 200);
});

test('an API key of scope admin loads no code', async (t) => {
  const machine = new Machine(t);
  const { admin } = await machine.start();
  const token = readFileSync(join(machine.data, 'admin.token'), 'utf8').trim();
  const post = (route: string, credential: string, body: object): Promise<Response> =>
    fetch(`${admin}${route}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const made = await post('/v1/auth/api-keys', token, { name: 'ci', scopes: ['read', 'write', 'admin'] });
  const { api_key: key } = (await made.json()) as { readonly api_key: string };
  const refused = await post('/v1/features/load', key, { path: ECHO });
  assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [403, 'forbidden']);
  assert.equal((await post('/v1/features/load', token, { path: ECHO })).status, 201);
});

test('a feature that features.paths names is there from the start, with its routes', async (t) => {
  const machine = new Machine(t, { flags: ['--features-paths', ECHO] });
  await machine.start();
  assert.deepEqual(await machine.ask('features'), {
    features: [{ name: 'echo', path: ECHO, hasRoutes: true }],
  });
  assert.equal((await echo(machine, 'nobody')).body['code'], 'not_connected');
});

test('a path that leads to no feature is told at the start', async (t) => {
  const machine = new Machine(t);
  const program = machine.spawn(['--features-paths', join(ROOT, 'test/support/features/nothing.ts')]);
  assert.notEqual(await program.exit, 0);
  assert.match(program.stderr, /nothing\.ts is no feature/);
});
