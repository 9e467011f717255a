/** A file system that is soon full. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A file system of `bytes` that is gone after the test; null where there may be none. */
export function smallDisk(t: TestContext, bytes: number): string | null {
  const path = mkdtempSync(join(tmpdir(), 'maillon-disk-'));
  t.after(() => {
    spawnSync('umount', ['-l', path]);
    rmSync(path, { recursive: true });
  });
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'maillon-test', path]);
  if (mounted.status !== 0) return null;
  return path;
}

const CAN_MOUNT = process.platform === 'linux' && process.getuid?.() === 0;
/** Why it cannot be had here; false where it can. */
export const NO_MOUNT = CAN_MOUNT ? false : 'a small file system can only be mounted by root on Linux';
