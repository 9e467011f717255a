/** Reads a snapshot back, and compares all of it with its lists. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseCid } from '../../protocols/common/block-cid.ts';
import { blockPath } from '../blobs/block-files.ts';
import { badBackup, blocksOf, digestOf, filesOf, type Snapshot } from './manifest.ts';

export interface VerifyInit {
  /** The directory of backups. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly onFile: (bytes: number) => void;
  /** Removes a block that is damaged: the next backup copies it again. */
  readonly isMending: boolean;
}

/** A file of a snapshot, where it is, and where it belongs. */
export interface Placed {
  /** Absolute path in the backup. */
  readonly from: string;
  /** Path of a file in the snapshot, or of a block in the folder of blocks. */
  readonly path: string;
  readonly isBlock: boolean;
  readonly bytes: number;
  readonly sha256: string;
}

/** All files and blocks of a snapshot. Throws `bad_backup` for lists that are not those of the manifest. */
export async function* placedIn(
  directory: string,
  snapshot: Snapshot,
): AsyncGenerator<Placed, void, undefined> {
  for await (const { path, bytes, sha256 } of filesOf(snapshot)) {
    yield { from: join(snapshot.path, path), path, isBlock: false, bytes, sha256 };
  }
  const { blocks } = snapshot.manifest;
  for await (const { cid, bytes, sha256 } of blocksOf(snapshot)) {
    const parsed = parseCid(cid);
    if (parsed === null || blocks === null) throw badBackup(`${cid} is not a block of this backup`);
    const path = blockPath(parsed);
    yield { from: join(directory, blocks, path), path, isBlock: true, bytes, sha256 };
  }
}

/** Throws `bad_backup`, and names the file that is not as it was written. */
export async function verifySnapshot(
  snapshot: Snapshot,
  { directory, signal, onFile, isMending }: VerifyInit,
): Promise<void> {
  let [files, bytes] = [0, 0];
  for await (const placed of placedIn(directory, snapshot)) {
    signal.throwIfAborted();
    const found = await digestOf(placed.from).catch(() => null);
    if (found?.bytes !== placed.bytes || found.sha256 !== placed.sha256) {
      if (isMending && placed.isBlock) rmSync(placed.from, { force: true });
      throw badBackup(
        `${placed.from} is not as it was written${isMending ? ': check the disk, and run the backup again' : ''}`,
      );
    }
    files += 1;
    bytes += placed.bytes;
    onFile(placed.bytes);
  }
  const { manifest } = snapshot;
  if (files !== manifest.files || bytes !== manifest.bytes) throw badBackup('files of it are missing');
}
