import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { ROOT, readSources } from '../support/sources.ts';

const sources = readSources();
const scratch = mkdtempSync(join(tmpdir(), 'maillon-tidy-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Lines that match, as `path:line`. This folder names what it forbids, so it is left out. */
function linesMatching(pattern: RegExp, paths: RegExp = /./): string[] {
  return sources
    .filter(({ path }) => paths.test(path) && !path.startsWith('test/tidy/'))
    .flatMap(({ path, text }) =>
      text
        .split('\n')
        .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : [])),
    );
}

/** Output of the project's lint for a file with this name and text. */
function lint(name: string, text: string): string {
  const path = join(scratch, name);
  writeFileSync(path, text);
  const oxlint = join(ROOT, 'node_modules/oxlint/bin/oxlint');
  const { stdout } = spawnSync(process.execPath, [oxlint, '-c', join(ROOT, '.oxlintrc.json'), path], {
    encoding: 'utf8',
  });
  return stdout;
}

function functionOf(lines: number): string {
  const body = Array.from({ length: lines - 2 }, (_, i) => `  total += ${i};`).join('\n');
  return `let total = 0;\nexport function long(): void {\n${body}\n}\n`;
}

// The linter holds the sizes. It is asked about samples, so that a loosened rule does not go unseen.
test('the lint refuses a function over 70 lines and a file over 400, and nothing shorter', () => {
  assert.match(lint('long-function.ts', functionOf(71)), /max-lines-per-function/);
  assert.doesNotMatch(lint('short-function.ts', functionOf(70)), /max-lines/);
  assert.match(lint('long-file.ts', '// a line\n'.repeat(401)), /max-lines/);
  assert.doesNotMatch(lint('short-file.ts', '// a line\n'.repeat(400)), /max-lines/);
});

test('the lint refuses console, any, default exports and names that are not kebab-case', () => {
  assert.match(lint('talks.ts', "console.log('x');\n"), /no-console/);
  assert.match(lint('anything.ts', 'export const a: any = 1;\n'), /no-explicit-any/);
  assert.match(lint('exports.ts', 'export default 1;\n'), /no-default-export/);
  assert.match(lint('camelCase.ts', 'export const a = 1;\n'), /filename-case/);
});

test('no file outside test switches a size rule off', () => {
  assert.deepEqual(linesMatching(/oxlint-disable.*max-lines/, /^(?!test\/)/), []);
  assert.deepEqual(linesMatching(/@ts-(ignore|nocheck)/), []);
});

test('no note to oneself is left', () => {
  assert.deepEqual(linesMatching(/\b(TODO|FIXME|XXX|HACK)\b/), []);
});

test('no grab bags', () => {
  const names = new Set(['utils.ts', 'util.ts', 'helpers.ts', 'misc.ts']);
  assert.deepEqual(
    sources.map(({ path }) => path).filter((path) => names.has(basename(path))),
    [],
  );
});

test('no test runs alone, and none is skipped without a reason that is printed', () => {
  assert.deepEqual(linesMatching(/\b(test|it|describe|suite)\.(only|todo)\b|\bonly: true/, /^test\//), []);
  assert.deepEqual(
    linesMatching(/\b(test|it|describe|suite)\.skip\(/, /^test\//),
    [],
    'use { skip: reason }',
  );
  assert.deepEqual(linesMatching(/\bskip: true\b|\.skip\(\)/, /^test\//), []);
});

test('a protocol folder has its contract and its entry point, and names other files as all do', () => {
  const fixed = ['SPEC.md', 'index.ts'];
  const protocols = readdirSync(join(ROOT, 'protocols'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'common')
    .map(({ name }) => name);
  assert.ok(protocols.length > 0);
  for (const name of protocols) {
    const files = new Set(readdirSync(join(ROOT, 'protocols', name)));
    assert.deepEqual(
      fixed.filter((file) => !files.has(file)),
      [],
      `missing in protocols/${name}`,
    );
  }
});

test('every protocol stands in the table of protocols', () => {
  const table = readFileSync(join(ROOT, 'protocols/README.md'), 'utf8');
  const folders = new Set(
    sources.filter(({ path }) => path.startsWith('protocols/')).map(({ path }) => path.split('/')[1] ?? ''),
  );
  folders.delete('common');
  for (const name of folders) assert.match(table, new RegExp(`\\b${name}\\b`), name);
});
