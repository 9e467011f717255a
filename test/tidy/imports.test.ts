import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { findImports, type Import, ROOT, readSources, type Source } from '../support/sources.ts';

const sources = readSources();
const builtins = new Set(builtinModules);

/** Each import that `broken` objects to, as a line of text. */
function offenders(broken: (source: Source, one: Import) => boolean, among = sources): string[] {
  return among.flatMap((source) =>
    source.imports
      .filter((one) => broken(source, one))
      .map((one) => `${source.path} imports ${one.specifier}`),
  );
}

function isIn(path: string | null, ...folders: readonly string[]): boolean {
  return path !== null && folders.some((folder) => path.startsWith(`${folder}/`));
}

function isBuiltin({ specifier }: Pick<Import, 'specifier'>): boolean {
  return specifier.startsWith('node:') || builtins.has(specifier);
}

/** `protocols/relay/codec.ts` → `relay`. */
function protocolOf(path: string): string | undefined {
  return path.split('/')[1];
}

/** Entry points of node: everything; settings and keys; private files; archives. The last three load no network. */
const NODE_DOORS = new Set(['node/index.ts', 'node/keys.ts', 'node/files.ts', 'node/archives.ts']);

/** The composition: it puts node and gateway together, so it alone imports the node as a value. */
function isComposition(path: string): boolean {
  return isIn(path, 'gateway/cli');
}

test('imports are found in every form the code uses', () => {
  const text = [
    "import a, { b } from './a.ts';",
    "import type { T } from 'x';",
    'import {',
    '  c,',
    "} from '../c/d.ts';",
    "import './e.ts';",
    "export { f } from './f.ts';",
    "export type { G } from './g.ts';",
    "export * from './h.ts';",
    "// import no from 'no';",
    // In two parts, or it would be found here.
    ['await imp', "ort('./i.ts');"].join(''),
  ].join('\n');
  const found = findImports('node/x/y.ts', text).map(({ specifier, file, typeOnly }) => [
    specifier,
    file,
    typeOnly,
  ]);
  assert.deepEqual(found, [
    ['./a.ts', 'node/x/a.ts', false],
    ['x', null, true],
    ['../c/d.ts', 'node/c/d.ts', false],
    ['./e.ts', 'node/x/e.ts', false],
    ['./f.ts', 'node/x/f.ts', false],
    ['./g.ts', 'node/x/g.ts', true],
    ['./h.ts', 'node/x/h.ts', false],
    ['./i.ts', 'node/x/i.ts', false],
  ]);
});

test('every relative import is of a file that is there', () => {
  assert.deepEqual(
    offenders((_, { file }) => file !== null && !existsSync(join(ROOT, file))),
    [],
  );
});

test('protocols use no Node built-in', () => {
  assert.deepEqual(
    offenders(({ path }, one) => isIn(path, 'protocols') && isBuiltin(one)),
    [],
  );
  const globals = /\b(Buffer|process|setImmediate|__dirname|require)\b(?=[.(])/;
  const users = sources
    .filter(({ path }) => isIn(path, 'protocols'))
    .filter(({ text }) => globals.test(text));
  assert.deepEqual(
    users.map(({ path }) => path),
    [],
    'a global of Node',
  );
});

test('protocols import npm packages and protocols/common only, never a sibling', () => {
  assert.deepEqual(
    offenders(({ path }, { file }) => {
      if (!isIn(path, 'protocols') || file === null) return false;
      if (!isIn(file, 'protocols')) return true;
      return protocolOf(file) !== protocolOf(path) && protocolOf(file) !== 'common';
    }),
    [],
  );
});

test('node imports protocols only', () => {
  assert.deepEqual(
    offenders(
      ({ path }, { file }) => isIn(path, 'node') && file !== null && !isIn(file, 'node', 'protocols'),
    ),
    [],
  );
});

test('gateway imports protocols and the doors of node; as values only where they are put together', () => {
  assert.deepEqual(
    offenders(({ path }, { file, typeOnly }) => {
      if (!isIn(path, 'gateway') || file === null || isIn(file, 'gateway', 'protocols')) return false;
      return !NODE_DOORS.has(file) || !(typeOnly || isComposition(path));
    }),
    [],
  );
});

test('what is behind the smaller doors of node, and every command but those that serve, loads no network', () => {
  const NETWORK = /^(libp2p|fastify|@libp2p\/(?!crypto|peer-id|interface)[\w-]+|@chainsafe\/.*)$/;
  const serving = new Set([
    'gateway/cli/serve.ts',
    'gateway/cli/core/settings.ts',
    // joining dials the issuer
    'gateway/cli/join/actions.ts',
  ]);
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const loaded = new Set(['node/files.ts', 'node/keys.ts', 'gateway/cli/program.ts']);
  const found: string[] = [];
  for (const path of loaded) {
    for (const { specifier, file, typeOnly } of byPath.get(path)?.imports ?? []) {
      if (!typeOnly && NETWORK.test(specifier)) found.push(`${path} imports ${specifier}`);
      // the code of a feature is imported by a node that starts it
      const isService = path.endsWith('/feature.ts') && file?.endsWith('/create.ts') === true;
      if (!typeOnly && file !== null && !serving.has(file) && !isService) loaded.add(file);
    }
  }
  assert.ok(loaded.has('gateway/cli/keys-actions.ts'), 'what is imported when it is needed counts, too');
  assert.deepEqual(found, []);
});

test('the client imports protocols only, and nothing of Node', () => {
  assert.deepEqual(
    offenders(({ path }, { file, specifier }) => {
      if (!isIn(path, 'gateway/client')) return false;
      if (file === null) return isBuiltin({ specifier });
      return !isIn(file, 'gateway/client', 'protocols');
    }),
    [],
  );
});

test('nothing but tests imports test', () => {
  assert.deepEqual(
    offenders(({ path }, { file }) => !isIn(path, 'test') && isIn(file, 'test')),
    [],
  );
});

/** Ways from a place back to itself, in a map from each place to those that it leads to. */
function loops(ways: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (place: string, way: readonly string[]): void => {
    if (way.includes(place)) found.push([...way.slice(way.indexOf(place)), place].join(' → '));
    if (done.has(place) || way.includes(place)) return;
    for (const next of ways.get(place) ?? []) visit(next, [...way, place]);
    done.add(place);
  };
  for (const place of ways.keys()) visit(place, []);
  return found;
}

test('no file imports itself by way of others, and no type does', () => {
  const imported = new Map(
    sources
      .filter(({ path }) => !isIn(path, 'test'))
      .map(({ path, imports }) => [path, new Set(imports.flatMap(({ file }) => file ?? []))]),
  );
  assert.ok(imported.size > 500);
  assert.deepEqual(loops(imported), []);
});

test('no folder imports itself by way of others', () => {
  const imported = new Map<string, Set<string>>();
  for (const { path, imports } of sources.filter(({ path }) => isIn(path, 'protocols', 'node', 'gateway'))) {
    const folder = dirname(path);
    const folders = imported.get(folder) ?? new Set();
    imported.set(folder, folders);
    for (const { file } of imports) {
      if (file !== null && dirname(file) !== folder) folders.add(dirname(file));
    }
  }
  assert.ok(imported.size > 50);
  assert.deepEqual(loops(imported), []);
});
