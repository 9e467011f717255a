import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { checkListenerIsSafe } from '../../../gateway/http/core/listen.ts';
import { VARIABLE_PREFIX } from '../../../node/config/names.ts';
import { loadConfig } from '../../../node/index.ts';
import { ROOT } from '../../support/sources.ts';

const FOLDER = join(ROOT, 'docker');

const text = z.string().min(1);
const duration = z.string().regex(/^\d+(ms|s|m|h)$/);
/** Values of variables are texts: YAML's true and 1 are none, and Compose refuses the first. */
const environment = z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/), z.string());
const command = z.array(text).min(1);
const condition = z.enum(['service_started', 'service_healthy', 'service_completed_successfully']);

/** The part of the Compose specification that is used here, and nothing else. */
const service = z.strictObject({
  image: z.string().regex(/^[a-z0-9./-]+:[\w.-]+$/, 'an image needs a tag'),
  build: z.strictObject({ context: text, dockerfile: text }).optional(),
  command: command.optional(),
  entrypoint: command.optional(),
  environment: environment.optional(),
  user: text.optional(),
  init: z.boolean().optional(),
  restart: z.enum(['no', 'always', 'on-failure', 'unless-stopped']),
  read_only: z.boolean().optional(),
  tmpfs: z.array(text).optional(),
  cap_drop: z.array(text),
  cap_add: z.array(text).optional(),
  security_opt: z.array(text),
  stop_grace_period: duration.optional(),
  network_mode: text.optional(),
  ulimits: z.record(text, z.int()).optional(),
  logging: z.strictObject({ driver: text, options: z.record(text, z.string()) }),
  depends_on: z.record(text, z.strictObject({ condition })).optional(),
  ports: z.array(z.string().regex(/^[\d.]+:\d+:\d+$/, 'address:host port:container port')).optional(),
  healthcheck: z
    .union([
      z.strictObject({ disable: z.literal(true) }),
      z.strictObject({ test: command, interval: duration, timeout: duration, retries: z.int() }),
    ])
    .optional(),
  volumes: z.array(z.string().regex(/^[\w./-]+:\/[\w./-]+(:ro)?$/)).optional(),
});
const extensions = z.record(z.string().regex(/^x-/), z.unknown());
const composition = z.strictObject({
  name: text,
  services: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/), service),
  volumes: z.record(text, z.null()),
});

const raw = parse(readFileSync(join(FOLDER, 'compose.yaml'), 'utf8'), { merge: true }) as Record<
  string,
  unknown
>;
const isExtension = (name: string): boolean => name.startsWith('x-');
const { services, volumes } = composition.parse(
  Object.fromEntries(Object.entries(raw).filter(([name]) => !isExtension(name))),
);
const ours = Object.entries(services).filter(([, { image }]) => image === 'maillon:local');
const nodes = ours.filter(([name]) => name !== 'prepare');

test('the extensions are objects with names of their own', () => {
  extensions.parse(Object.fromEntries(Object.entries(raw).filter(([name]) => isExtension(name))));
});

const plugin = spawnSync('docker', ['compose', 'version']);
const noPlugin = plugin.status === 0 ? false : 'the docker client here has no compose plugin';

test('docker compose itself accepts the file', { skip: noPlugin }, () => {
  const checked = spawnSync('docker', ['compose', '-f', join(FOLDER, 'compose.yaml'), 'config', '-q'], {
    encoding: 'utf8',
  });
  assert.equal(checked.status, 0, checked.stderr);
});

test('there are a bootstrap peer, three nodes, two gateways, Prometheus and Grafana', () => {
  assert.deepEqual(Object.keys(services), [
    'prepare',
    'bootstrap',
    'node-1',
    'node-2',
    'node-3',
    'gateway-1',
    'gateway-2',
    'prometheus',
    'grafana',
  ]);
});

test('every variable of ours is a setting with a value it takes', () => {
  for (const [name, { environment = {} }] of ours) {
    const { MAILLON_CONFIG: file, ...rest } = environment;
    const env = Object.fromEntries(Object.entries(rest).filter(([key]) => key.startsWith(VARIABLE_PREFIX)));
    assert.equal(
      Object.keys(env).length,
      Object.keys(rest).length,
      `${name} has a variable that is not ours`,
    );
    loadConfig({ flags: {}, env, cwd: '/' });
    if (file !== undefined) assert.equal(file, '/swarm/maillon.yaml');
  }
});

test('everybody but the bootstrap peer joins through it, and waits until it is well', () => {
  for (const [name, { environment = {}, depends_on = {}, volumes = [] }] of nodes) {
    if (name === 'bootstrap') continue;
    assert.equal(environment['MAILLON_CONFIG'], '/swarm/maillon.yaml', name);
    assert.ok(volumes.includes('swarm:/swarm:ro'), name);
    assert.equal(depends_on['bootstrap']?.condition, 'service_healthy', name);
  }
  for (const [name, { depends_on = {} }] of Object.entries(services)) {
    if (name === 'prepare') continue;
    assert.equal(depends_on['prepare']?.condition, 'service_completed_successfully', name);
  }
});

test('what a service names is there', () => {
  const used = new Set<string>();
  for (const [name, { depends_on = {}, volumes: mounts = [], network_mode: mode }] of Object.entries(
    services,
  )) {
    for (const other of Object.keys(depends_on)) assert.ok(services[other], `${name} waits for ${other}`);
    if (mode !== undefined) assert.equal(mode, 'none');
    for (const [source = ''] of mounts.map((mount) => mount.split(':'))) {
      if (source.startsWith('.')) assert.ok(existsSync(join(FOLDER, source)), `${name} mounts ${source}`);
      else used.add(source);
    }
  }
  assert.deepEqual([...used].toSorted(), Object.keys(volumes).toSorted());
});

test('no two nodes share a data directory', () => {
  const data = nodes.map(([, { volumes = [] }]) => volumes.find((mount) => mount.endsWith(':/data')));
  assert.ok(data.every((mount) => mount !== undefined));
  assert.equal(new Set(data).size, nodes.length);
});

test('secrets are files that are mounted for reading, and no variable holds one', () => {
  for (const [name, { environment = {}, volumes: mounts = [] }] of Object.entries(services)) {
    for (const [key, value] of Object.entries(environment)) {
      const isPath = /^\/secrets\/[a-z.]+$/.test(value);
      assert.ok(isPath || !/(TOKEN|PASSWORD|SECRET|KEY)$/.test(key), `${name}: ${key} holds a secret`);
    }
    if (name === 'prepare') continue;
    for (const mount of mounts.filter((one) => one.includes('secrets')))
      assert.match(mount, /:\/secrets:ro$/);
  }
});

test('only loopback of the host is published, and the gateways ask for credentials', () => {
  const published = Object.entries(services).flatMap(([name, { ports = [] }]) =>
    ports.map((port) => `${name} ${port}`),
  );
  assert.deepEqual(published, [
    'gateway-1 127.0.0.1:8080:8080',
    'gateway-2 127.0.0.1:8081:8080',
    'prometheus 127.0.0.1:9090:9090',
    'grafana 127.0.0.1:3000:3000',
  ]);
  for (const [name, { environment = {} }] of nodes) {
    const { MAILLON_CONFIG: _, ...env } = environment;
    const config = loadConfig({ flags: {}, env, cwd: '/' });
    const isGateway = name.startsWith('gateway-');
    assert.equal(config['gateway.enabled'], isGateway, name);
    if (!isGateway) continue;
    assert.deepEqual([config['gateway.host'], config['gateway.auth']], ['0.0.0.0', 'required']);
    checkListenerIsSafe(config);
    assert.ok(config['gateway.allowedHosts'].includes(name), 'under its own name');
  }
});

test('nothing runs with more rights than it needs', () => {
  for (const [name, { cap_drop, security_opt, user, read_only }] of Object.entries(services)) {
    assert.deepEqual(cap_drop, ['ALL'], name);
    assert.deepEqual(security_opt, ['no-new-privileges:true'], name);
    assert.equal(user, name === 'prepare' ? '0:0' : undefined, name);
    if (name !== 'grafana') assert.equal(read_only, true, name);
  }
});
