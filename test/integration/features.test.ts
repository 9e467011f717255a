/** Features of third parties on real nodes, and what a node imports of features that are off. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import type { Config, MaillonNode } from '../../node/index.ts';
import { Inbox, publish, startNode } from '../support/node.ts';
import { Program, scratch, until } from '../support/processes.ts';
import { parseExposition, valueOf } from '../support/scrape.ts';
import { ROOT } from '../support/sources.ts';

const ECHO = join(ROOT, 'test/support/features/echo/feature.ts');
const OPTIONAL = ['directory', 'storage', 'ipfs', 'members', 'backup'];
const ASKED = Buffer.from('is anybody there?');

interface Measured {
  readonly node: MaillonNode;
  readonly registry: Registry;
}

async function startMeasured(
  t: TestContext,
  settings: Partial<Config>,
  through: readonly MaillonNode[] = [],
): Promise<Measured> {
  const registry = new Registry();
  return { registry, node: await startNode(t, { settings, through, registry }) };
}

async function startPair(t: TestContext, settings: Partial<Config> = {}): Promise<[Measured, Measured]> {
  const first = await startMeasured(t, settings);
  const second = await startMeasured(t, settings, [first.node]);
  const id = first.node.status().peerId;
  await until('they are connected', async () =>
    (await second.node.peers()).some((peer) => peer.id === id && peer.connected),
  );
  return [first, second];
}

async function echo(from: MaillonNode, to: MaillonNode): Promise<string> {
  return Buffer.from(await from.feature('echo').echo(to.status().peerId, ASKED)).toString();
}

async function requestsAt({ registry }: Measured): Promise<number | undefined> {
  const families = parseExposition(await registry.metrics());
  return families.has('maillon_echo_requests_total')
    ? valueOf(families, 'maillon_echo_requests_total')
    : undefined;
}

function limitAt(node: MaillonNode, name: string): number | undefined {
  return node.limits().find((limit) => limit.name === name)?.value;
}

test('a feature named by features.paths serves peers from the start, and not after it was unloaded', async (t) => {
  const [a, b] = await startPair(t, { 'features.paths': [ECHO] });
  assert.equal(await echo(a.node, b.node), String(ASKED));
  assert.equal(await requestsAt(b), 1);
  assert.equal(limitAt(b.node, 'echo.maxBytes'), 1024);
  assert.equal(limitAt(b.node, 'echo.answersAtOnce'), 8);

  assert.ok(b.node.hasFeature('echo'));
  await b.node.unloadFeature('echo');
  assert.ok(!b.node.hasFeature('echo'));
  await assert.rejects(echo(a.node, b.node), { name: 'UnsupportedProtocolError' });
  assert.equal(await requestsAt(b), undefined);
  assert.equal(limitAt(b.node, 'echo.maxBytes'), undefined);
  assert.equal(limitAt(b.node, 'echo.answersAtOnce'), undefined);
  assert.throws(() => b.node.feature('echo'), { code: 'feature_off' });
});

test('a feature is loaded, used and unloaded while the nodes run, as often as one likes', async (t) => {
  const [a, b] = await startPair(t);
  assert.throws(() => a.node.feature('echo'), { code: 'feature_off' });
  await a.node.loadFeature(ECHO);
  await assert.rejects(echo(a.node, b.node), { name: 'UnsupportedProtocolError' });
  for (const maxBytes of [64, 8]) {
    await b.node.loadFeature(ECHO, { 'echo.maxBytes': maxBytes });
    assert.equal(limitAt(b.node, 'echo.maxBytes'), maxBytes);
    if (maxBytes < ASKED.byteLength) await assert.rejects(echo(a.node, b.node));
    else assert.equal(await echo(a.node, b.node), String(ASKED));
    await b.node.unloadFeature('echo');
    assert.equal(await requestsAt(b), undefined);
  }
  await assert.rejects(echo(a.node, b.node), { name: 'UnsupportedProtocolError' });
});

test('what is no feature, or one too many, is refused by name', async (t) => {
  const node = await startNode(t);
  const directory = scratch(t);
  const write = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };
  const base = 'settings: [], limits: [], load: async () => ({ create: () => ({ stop() {} }) })';
  const bad: readonly [string, RegExp][] = [
    [join(directory, 'nothing.mjs'), /nothing\.mjs is no feature: Cannot find module/],
    [write('empty.mjs', 'export const other = 1;'), /it exports no object "feature"/],
    [write('awaits.mjs', 'export const feature = await Promise.resolve({});'), /must not await/],
    [write('name.mjs', `export const feature = { name: 'A B', ${base} };`), /feature\.name must match/],
    [write('load.mjs', "export const feature = { name: 'one', settings: [], limits: [] };"), /feature\.load/],
    [
      write(
        'path.mjs',
        `export const feature = { ...{ ${base} }, name: 'one', settings: [{ path: 'two.x' }] };`,
      ),
      /a path that begins with "one\."/,
    ],
  ];
  for (const [path, message] of bad) {
    await assert.rejects(node.loadFeature(path), { code: 'bad_feature', message });
  }
  for (const name of ['relay', 'gateway', 'features']) {
    const taken = write(`${name}.mjs`, `export const feature = { name: '${name}', ${base} };`);
    await assert.rejects(node.loadFeature(taken), { code: 'feature_exists' });
  }
  await assert.rejects(node.loadFeature(ECHO, { 'echo.maxByte': 1 }), {
    code: 'bad_config',
    message: 'echo.maxByte is no setting of the feature echo (did you mean echo.maxBytes?)',
  });
  await assert.rejects(node.loadFeature(ECHO, { 'echo.maxBytes': 0 }), { code: 'bad_config' });
  const needing = write(
    'needing.mjs',
    `export const feature = { name: 'needing', needs: ['echo'], ${base} };`,
  );
  await assert.rejects(node.loadFeature(needing), { code: 'feature_off' });
  await node.loadFeature(ECHO);
  await assert.rejects(node.loadFeature(ECHO), { code: 'feature_exists' });
  await node.loadFeature(needing);
  await assert.rejects(node.unloadFeature('echo'), { code: 'feature_needed' });
  for (const name of ['ipfs', 'nobody']) {
    await assert.rejects(node.unloadFeature(name), { code: 'feature_not_loaded' });
  }
});

test('a service that does not start leaves nothing of its feature', async (t) => {
  const registry = new Registry();
  const node = await startNode(t, { registry });
  const path = join(scratch(t), 'failing.mjs');
  const create = `create: (core) => {
    core.meter.counter('maillon_failing_total', 'Counts nothing.', () => 0);
    return { start() { throw new Error('no'); }, stop() {} };
  }`;
  writeFileSync(
    path,
    `export const feature = { name: 'failing', settings: [], limits: [], load: async () => ({ ${create} }) };`,
  );
  for (const _time of [1, 2]) {
    await assert.rejects(node.loadFeature(path), { message: 'no' });
    assert.ok(!(await registry.metrics()).includes('maillon_failing_total'));
  }
});

/** How a use of a feature that is off fails. */
function off(feature: string) {
  return { code: 'feature_off', detail: { feature } };
}

test('with every feature off but the relay, messages arrive, and the rest says what turns it on', async (t) => {
  const [a, b] = await startPair(t, { 'features.off': OPTIONAL });
  const inbox = new Inbox(b.node, 'news');
  await until('they share every mesh', () => a.node.status().mesh.every((size) => size === 1));
  await publish(a.node, 'news', 'still here');
  await until('it is there', () => inbox.has('still here'));

  const name = { owner: a.node.owner, namespace: 'default', key: 'k' };
  await assert.rejects(a.node.storage.get(name), {
    ...off('storage'),
    message: 'storage is off at this node: take "storage" out of features.off',
  });
  await assert.rejects(a.node.publicBlobs.find(Buffer.alloc(36), AbortSignal.timeout(1000)), off('ipfs'));
  assert.throws(() => a.node.storage.status(), off('storage'));
  assert.throws(() => a.node.maintenance, off('storage'));
  assert.throws(() => a.node.nodes(), off('directory'));
  assert.throws(() => a.node.members, off('members'));
  const signal = AbortSignal.timeout(1000);
  await assert.rejects(a.node.backup({ directory: scratch(t), isCopied: false, signal }), off('backup'));
  for (const one of OPTIONAL) assert.ok(!a.node.hasFeature(one), one);
  assert.ok(a.node.hasFeature('relay'));
  assert.deepEqual(a.node.walletShares(), []);
  assert.equal(a.node.status().storage.capacityBytes, 0);
  assert.equal(a.node.status().directory.nodes, 0);
  assert.equal(a.node.status().operator.did, a.node.owner);
  const probes = await a.node.probe();
  assert.deepEqual(
    probes.filter(({ ok }) => !ok),
    [],
  );
  const sections = new Set(a.node.limits().map((limit) => limit.name.split('.')[0]));
  assert.ok(sections.has('relay'));
  for (const section of ['storage', 'ipfs', 'directory', 'backup'])
    assert.ok(!sections.has(section), section);
});

test('a node without storage has no IPFS either', async (t) => {
  const node = await startNode(t, { settings: { 'features.off': ['storage'] } });
  await assert.rejects(node.publicBlobs.find(Buffer.alloc(36), AbortSignal.timeout(1000)), {
    code: 'feature_off',
    message: 'ipfs is off at this node: it needs storage, which is off: take "storage" out of features.off',
  });
  assert.deepEqual(
    node.nodes().map(({ storageBytes }) => storageBytes),
    [0],
  );
});

/** Modules of the node that a process has loaded when it serves. */
async function importedBy(t: TestContext, ...settings: readonly string[]): Promise<Set<string>> {
  const directory = scratch(t);
  const record = join(directory, 'imports');
  const ports = ['--listen-tcp=0', '--listen-ws=0', '--listen-quic=0', '--gateway-port=0', '--admin-port=0'];
  const run = ['--import', join(ROOT, 'test/support/record-imports.ts'), join(ROOT, 'gateway/cli/main.ts')];
  const node = ['node', '--data', join(directory, 'data'), ...ports, '--no-network-quic', ...settings];
  const program = new Program(t, process.execPath, [...run, ...node], {
    env: { RECORD_IMPORTS: record, HOME: directory },
  });
  await until('it serves', () => existsSync(join(directory, 'data/run.json')));
  await program.end('SIGTERM');
  const urls = readFileSync(record, 'utf8').split('\n');
  return new Set(
    urls.map((url) => url.replace(`file://${ROOT}`, '')).filter((url) => url.startsWith('node/')),
  );
}

/** Whether it says what a feature is, without being part of what it does. */
function isDeclaration(path: string): boolean {
  return /\/(feature|limits|constants)\.ts$/.test(path) || path.startsWith('node/config/');
}

/** Modules of these folders that are loaded, without the descriptors of features. */
function loadedOf(imported: ReadonlySet<string>, ...folders: readonly string[]): string[] {
  return [...imported].filter(
    (path) => folders.some((folder) => path.startsWith(`node/${folder}/`)) && !isDeclaration(path),
  );
}

test('a process imports no code of a feature that is off, nor of one that nobody has used', async (t) => {
  const shipped = await importedBy(t);
  for (const path of [
    'ipfs/service',
    'storage/replica/local-replica',
    'directory/directory',
    'join/service',
  ]) {
    assert.ok(shipped.has(`node/${path}.ts`), `the recorder saw ${path}`);
  }
  const unused = ['backup/writer', 'backup/restore', 'backup/twin', 'storage/maintenance/scrub'];
  const archives = ['storage/maintenance/archive-export', 'storage/maintenance/archive-import'];
  for (const path of [...unused, ...archives]) assert.ok(!shipped.has(`node/${path}.ts`), path);

  const noIpfs = await importedBy(t, '--no-ipfs-enabled');
  assert.deepEqual(loadedOf(noIpfs, 'ipfs'), []);

  const keepsNothing = await importedBy(t, '--no-storage-enabled');
  assert.ok(keepsNothing.has('node/storage/coordinator/coordinator.ts'), 'it reads and writes at others');
  const kept = loadedOf(keepsNothing, 'storage/store', 'storage/sync', 'storage/maintenance');
  assert.deepEqual(
    // its metrics are named whether it has them or not
    kept.filter((path) => !path.endsWith('/metrics.ts')),
    [],
  );
  assert.ok(!keepsNothing.has('node/storage/replica/local-replica.ts'));

  const bare = await importedBy(t, `--features-off=${OPTIONAL.join(',')}`);
  assert.ok(bare.has('node/relay/relay.ts'));
  assert.deepEqual(loadedOf(bare, 'ipfs', 'storage', 'blobs'), []);
  for (const path of ['directory/directory', 'join/service', 'backup/service']) {
    assert.ok(!bare.has(`node/${path}.ts`), path);
  }
});
