import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncDirectory } from './atomic-file.ts';

const RANDOM_BYTES = 8;
/** Errors of file systems without hard links: exFAT, some network and container mounts. */
const NO_LINKS: ReadonlySet<unknown> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * Makes `path` with all of `data`, on disk, unless it is there already: of several processes that come together one
 * makes it, and none ever sees a part of it. False when it was there.
 */
export function createFileExclusive(path: string, data: Uint8Array, mode: number): boolean {
  const temporary = `${path}.${randomBytes(RANDOM_BYTES).toString('hex')}.new`;
  try {
    writeNew(temporary, data, mode);
    return publish(temporary, path, data, mode);
  } finally {
    rmSync(temporary, { force: true });
    syncDirectory(dirname(path));
  }
}

/** A link fails where the name is taken; a rename would replace what is there. */
function publish(temporary: string, path: string, data: Uint8Array, mode: number): boolean {
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (!NO_LINKS.has(code)) throw error;
  }
  // exclusive still; only a crash in this moment leaves a part
  try {
    writeNew(path, data, mode);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function writeNew(path: string, data: Uint8Array, mode: number): void {
  const file = openSync(path, 'wx', mode);
  try {
    writeFileSync(file, data);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
