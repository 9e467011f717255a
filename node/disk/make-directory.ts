import { type MakeDirectoryOptions, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes a directory, and each one above it that is missing, with `mode`; one that is there stays as it is. Throws what the file system
 * says. A recursive `mkdir` of Node never returns where a directory can have no new ones (/proc: ENOENT beneath one that exists).
 */
export function makeDirectory(path: string, options: Pick<MakeDirectoryOptions, 'mode'> = {}): void {
  const missing: string[] = [];
  // the root is always there, or is its own parent
  for (let at = resolve(path); !isThere(at) && dirname(at) !== at; at = dirname(at)) missing.push(at);
  for (const one of missing.toReversed()) makeOne(one, options);
  if (!statSync(path).isDirectory()) throw notDirectory(path);
}

/** Somebody else may make it at the same time. */
function makeOne(path: string, options: Pick<MakeDirectoryOptions, 'mode'>): void {
  try {
    mkdirSync(path, options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Throws where it cannot be found out, but for what is beneath a file. */
function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function notDirectory(path: string): Error {
  return Object.assign(new Error(`ENOTDIR: not a directory, '${path}'`), { code: 'ENOTDIR' });
}
