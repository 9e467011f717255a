import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Writes `path` so that after a crash it holds either what it held or all of `data`: a temporary file beside
 * it is written, synced and renamed.
 */
export function writeFileAtomic(path: string, data: Uint8Array, mode: number): void {
  const temporary = `${path}.new`;
  const file = openSync(temporary, 'w', mode);
  try {
    // all of it, or an error: a single write may stop short on a full disk
    writeFileSync(file, data);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  syncDirectory(dirname(path));
}

/** The rename itself lives in the directory. Windows cannot open one, and needs no sync of it. */
export function syncDirectory(path: string): void {
  if (process.platform === 'win32') return;
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
