import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Build } from '../../core/build.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const UNKNOWN = 'unknown';
const COMMIT = /^[0-9a-f]{40,64}$/;

/** Which program this is. Run from a checkout, it was "built" when its manifest was last written. */
export function readBuild(root = ROOT): Build {
  const manifest = join(root, 'package.json');
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  return { version, commit: readCommit(root), builtAt: statSync(manifest).mtime.toISOString() };
}

/** The commit checked out, read from git's own files: git need not be installed where a node runs. */
export function readCommit(root: string): string {
  try {
    const directory = gitDirectory(root);
    const head = readFileSync(join(directory, 'HEAD'), 'utf8').trim();
    const commit = head.startsWith('ref: ') ? readReference(directory, head.slice('ref: '.length)) : head;
    return COMMIT.test(commit) ? commit : UNKNOWN;
  } catch {
    return UNKNOWN;
  }
}

/** `.git`, or where it points to in a linked work tree. */
function gitDirectory(root: string): string {
  const dotGit = join(root, '.git');
  if (statSync(dotGit).isDirectory()) return dotGit;
  return resolve(
    root,
    readFileSync(dotGit, 'utf8')
      .trim()
      .replace(/^gitdir: /, ''),
  );
}

function readReference(directory: string, name: string): string {
  const shared = join(directory, 'commondir');
  const common = existsSync(shared) ? resolve(directory, readFileSync(shared, 'utf8').trim()) : directory;
  const loose = join(common, name);
  if (existsSync(loose)) return readFileSync(loose, 'utf8').trim();
  const packed = readFileSync(join(common, 'packed-refs'), 'utf8').split('\n');
  return packed.find((line) => line.endsWith(` ${name}`))?.split(' ', 1)[0] ?? UNKNOWN;
}
