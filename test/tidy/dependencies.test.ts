import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, readSources } from '../support/sources.ts';

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>
  >;
}
interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock;
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;

/** Names of every installed package, one for each copy. */
const installed = Object.keys(lock.packages)
  .filter((path) => path.includes('node_modules/'))
  .map((path) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));

test('libp2p is there once: two copies do not know each other’s peers and keys', () => {
  const copies = installed.filter((name) => name === 'libp2p' || name.startsWith('@libp2p/')).toSorted();
  assert.ok(copies.includes('libp2p'));
  assert.deepEqual(
    copies.filter((name, index) => copies.indexOf(name) !== index),
    [],
  );
});

test('the lock file names the packages of every platform: npm ci refuses one that does not', () => {
  const missing = Object.values(lock.packages)
    .flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies))
    .filter((name) => !installed.includes(name));
  assert.deepEqual(missing, [], 'run: node scripts/complete-lock.ts');
});

test('React Native is not there', () => {
  const found = installed.filter((name) => /(^|[/-])react-native($|[/-])|^@react-native/.test(name));
  // Helia, which tests talk to, names it for phones: a few MB that nothing loads, and without React Native itself
  assert.deepEqual(found, ['react-native-webrtc']);
});

test('what is imported is declared, and what is declared is exact', () => {
  const declared = new Set([...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)]);
  const imported = readSources().flatMap(({ path, imports }) =>
    imports.filter(({ file }) => file === null).map(({ specifier }) => ({ path, specifier })),
  );
  const missing = imported.filter(({ specifier }) => {
    if (specifier.startsWith('node:') || builtinModules.includes(specifier)) return false;
    return !declared.has(specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/'));
  });
  assert.deepEqual(missing, []);
  const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
    ([, version]) => !/^\d/.test(version),
  );
  assert.deepEqual(loose, []);
});

test('what runs outside the tests needs no development package', () => {
  const development = new Set(Object.keys(manifest.devDependencies));
  const users = readSources()
    .filter(({ path }) => !/^(test|scripts)\//.test(path))
    .flatMap(({ path, imports }) =>
      imports
        .filter(({ specifier, typeOnly }) => !typeOnly && development.has(specifier))
        .map(({ specifier }) => `${path} imports ${specifier}`),
    );
  assert.deepEqual(users, []);
});
