import { globSync, readFileSync } from 'node:fs';
import { dirname, join, posix, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Import {
  /** As written: `./a.ts`, `node:fs`, `zod`. */
  readonly specifier: string;
  /** File it means, from the root, for a relative one. */
  readonly file: string | null;
  /** Nothing of it is left when types are stripped. */
  readonly typeOnly: boolean;
}

export interface Source {
  /** From the root, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

const FOLDERS = ['protocols', 'node', 'gateway', 'test', 'scripts'];

/** Every source file of the project. */
export function readSources(): Source[] {
  return globSync(`{${FOLDERS.join(',')}}/**/*.{ts,tsx,js}`, { cwd: ROOT })
    .map((path) => path.split(sep).join('/'))
    .toSorted()
    .map((path) => {
      const text = readFileSync(join(ROOT, path), 'utf8');
      return { path, text, imports: findImports(path, text) };
    });
}

/** `import … from 'x'` and `export … from 'x'`, `import 'x'`, `import('x')`, as the formatter writes them. */
const STATEMENT = /^\s*(?:import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+)?'([^']+)';/gm;
const DYNAMIC = /\bimport\(\s*'([^']+)'\s*\)/g;

export function findImports(path: string, text: string): Import[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const made = (specifier: string, typeOnly: boolean): Import => ({
    specifier,
    typeOnly,
    file: specifier.startsWith('.') ? posix.join(dirname(path), specifier) : null,
  });
  return [
    ...[...code.matchAll(STATEMENT)].map((match) => made(match[2] ?? '', match[1] !== undefined)),
    ...[...code.matchAll(DYNAMIC)].map((match) => made(match[1] ?? '', false)),
  ];
}
