import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '../../protocols/common/errors.ts';

/** Where a restore puts files before all of them are there. A start refuses a data directory with it. */
export const STAGE = 'restoring';

/** Throws `restore_unfinished` for a data directory into which a restore was broken off. */
export function checkRestoreFinished(data: string): void {
  if (!existsSync(join(data, STAGE))) return;
  const message = `a restore into ${data} did not end: run maillon restore again`;
  throw new CodedError('restore_unfinished', message);
}
