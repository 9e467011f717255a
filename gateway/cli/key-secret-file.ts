import { closeSync, fsyncSync, openSync, writeFileSync } from 'node:fs';
import { CodedError } from '../../protocols/common/errors.ts';

const MODE = 0o600;

/** Makes `path` for its owner alone; never replaces what is there. */
export function writeSecret(path: string, text: string): void {
  let file: number;
  try {
    file = openSync(path, 'wx', MODE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new CodedError('file_exists', `${path} is there already and is not overwritten`);
  }
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
