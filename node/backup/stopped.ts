/** A backup of a node that does not run. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../protocols/common/clock.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import type { Config } from '../config/schema.ts';
import { lockUnlessRunning } from '../disk/data-lock.ts';
import { readPeerId } from '../identity/identity.ts';
import { IDENTITY_KEY } from './contents.ts';
import type { BackupOptions, BackupReport } from './interface.ts';
import { backUp } from './writer.ts';

/**
 * Null while a node runs on the data directory: that node must make it. Throws `no_node` when the directory has no
 * node.
 */
export async function backUpStopped(options: BackupOptions, config: Config): Promise<BackupReport | null> {
  const { data } = config;
  const lock = existsSync(join(data, IDENTITY_KEY)) ? lockUnlessRunning(data) : 'none';
  if (lock === null) return null;
  const peerId = readPeerId(data);
  if (lock === 'none' || peerId === null) {
    throw new CodedError('no_node', `${data} is not a node's data directory: name it with --data`);
  }
  try {
    return await backUp({ clock: systemClock, holdBlocks }, { ...options, config, peerId });
  } finally {
    lock.release();
  }
}

/** Nobody removes any while the lock is held. */
async function holdBlocks(): Promise<() => void> {
  return () => undefined;
}
