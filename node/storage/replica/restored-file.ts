/** The file that tells a restored node of its restore, until it has reconciled with other replicas. */
import { existsSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../disk/atomic-file.ts';
import { lockUnlessRunning } from '../../disk/data-lock.ts';
import { readPrivateFile, SECRET_MODE } from '../../disk/private-file.ts';
import { readPeerId } from '../../identity/identity.ts';

const FILE = 'restored';
const VERSION = 1;
const FILE_MAX_BYTES = 16 * 1024;

const restoredSchema = z.strictObject({
  version: z.literal(VERSION),
  at: z.int().min(0),
  restoredAt: z.int().min(0),
  machine: z.string(),
  data: z.string(),
});

export interface Restored {
  /** The moment of which the backup's records are, milliseconds since the Unix epoch. */
  readonly at: number;
  /** When it was restored. */
  readonly restoredAt: number;
  /** Host name and data directory of the node that the backup was made of. */
  readonly machine: string;
  readonly data: string;
}

export function writeRestored(directory: string, restored: Restored): void {
  const text = JSON.stringify({ version: VERSION, ...restored });
  writeFileAtomic(join(directory, FILE), Buffer.from(`${text}\n`), SECRET_MODE);
}

/** Null of a node that was not restored, or has reconciled since. One that cannot be read is gone. */
export function readRestored(directory: string): Restored | null {
  const file = readPrivateFile(join(directory, FILE), FILE_MAX_BYTES);
  if (file === null || file === 'too_large') return null;
  try {
    return restoredSchema.parse(JSON.parse(Buffer.from(file.bytes).toString('utf8')));
  } catch {
    return null;
  }
}

export function removeRestored(directory: string): void {
  rmSync(join(directory, FILE), { force: true });
}

/** Whether the node that a backup was made of runs on this machine. */
export function isOriginalRunning(
  { machine, data }: Pick<Restored, 'machine' | 'data'>,
  own: { readonly data: string; readonly peerId: string },
): boolean {
  if (machine !== hostname() || data === own.data || !existsSync(data)) return false;
  if (readPeerIdQuietly(data) !== own.peerId) return false;
  const lock = lockUnlessRunning(data);
  lock?.release();
  return lock === null;
}

/** Another program's directory is not a reason to stop. */
function readPeerIdQuietly(data: string): string | null {
  try {
    return readPeerId(data);
  } catch {
    return null;
  }
}
