import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemClock } from '../../../../protocols/common/clock.ts';
import { CodedError } from '../../../../protocols/common/errors.ts';
import type { PartitionId } from '../../../../protocols/storage/index.ts';
import { createCrypto } from '../../../crypto.ts';
import { syncDirectory } from '../../../disk/atomic-file.ts';
import { lockDataDirectory } from '../../../disk/data-lock.ts';
import { DIRECTORY_MODE } from '../../../disk/private-file.ts';
import type { Logger } from '../../../observability/logger.ts';
import { distrusted } from '../../standings.ts';
import type { RecordStore } from '../../store/interface.ts';
import { openRecordStore } from '../../store/store.ts';
import type { BackupProgress } from '../interface.ts';
import { EXPORT_PAGE_KEYS } from '../limits.ts';
import { digestOf } from './backup.ts';
import { badBackup, filesIn, type Manifest, readManifest } from './manifest.ts';

export interface RestoreInit {
  /** Of the backup. */
  readonly directory: string;
  /** Data directory of a node that is stopped. */
  readonly data: string;
  readonly swarm: string;
  readonly onProgress?: (progress: BackupProgress & { readonly of: number }) => void;
}

export interface RestoreReport extends BackupProgress {
  readonly at: number;
  readonly peerId: string;
  readonly isKeyIncluded: boolean;
}

const KEY = 'storage.key';
const STORAGE = 'storage';
const STAGE = 'storage.restoring';
/** What makes a directory one with a store in it. */
const STORE = ['storage/records/records.db', 'storage/blobs/catalogue.db'];
const PARTS = ['blobs', 'members', 'records'];

/**
 * Puts a backup into the data directory of a node that is stopped. Nothing of it is served before it was reconciled with the other homes: what was
 * written and deleted since it was made is theirs. Throws `bad_backup`, `data_in_use`, `not_empty`, `bad_storage_key`.
 */
export async function restore(
  components: { readonly logger: Logger },
  init: RestoreInit,
): Promise<RestoreReport> {
  const manifest = readManifest(init.directory);
  if (manifest.swarm !== init.swarm) {
    throw badBackup(`it is of the swarm ${manifest.swarm}, and the node is of ${init.swarm}`);
  }
  const lock = lockDataDirectory(init.data);
  try {
    return await restoreInto(components, init, manifest);
  } finally {
    rmSync(join(init.data, STAGE), { recursive: true, force: true });
    lock.release();
  }
}

async function restoreInto(
  components: { readonly logger: Logger },
  { directory, data, onProgress }: RestoreInit,
  manifest: Manifest,
): Promise<RestoreReport> {
  for (const path of STORE) {
    if (!existsSync(join(data, path))) continue;
    throw new CodedError(
      'not_empty',
      `there is a store in ${data} already: move ${join(data, STORAGE)} away first`,
    );
  }
  const stage = join(data, STAGE);
  rmSync(stage, { recursive: true, force: true });
  const copied = { files: 0, bytes: 0 };
  for await (const file of filesIn(directory, manifest)) {
    const to = join(stage, file.path);
    mkdirSync(dirname(to), { recursive: true, mode: DIRECTORY_MODE });
    await copyFile(join(directory, file.path), to).catch(() => {
      throw badBackup(`${file.path} cannot be read`);
    });
    const { bytes, sha256 } = await digestOf(to);
    if (bytes !== file.bytes || sha256 !== file.sha256)
      throw badBackup(`${file.path} is not as it was written`);
    copied.files += 1;
    copied.bytes += bytes;
    onProgress?.({ ...copied, of: manifest.bytes });
  }
  if (copied.files !== manifest.files) throw badBackup('files of it are missing');
  await placeKey(data, stage, manifest.keys.includes(KEY));
  await distrustAll(components, data, stage);
  publish(data, stage);
  const { at, peerId } = manifest;
  return { ...copied, at, peerId, isKeyIncluded: manifest.keys.length > 0 };
}

/** The key of the backup becomes the node's, unless that has another one. */
async function placeKey(data: string, stage: string, isIncluded: boolean): Promise<void> {
  const own = join(data, KEY);
  if (!isIncluded) {
    if (existsSync(own)) return;
    const message = `${own} is not there, and the backup was made without it: put it there first`;
    throw new CodedError('bad_storage_key', message);
  }
  const backed = join(stage, KEY);
  if (!existsSync(own)) {
    await copyFile(backed, own);
    syncDirectory(data);
  } else if ((await digestOf(own)).sha256 !== (await digestOf(backed)).sha256) {
    const message = `${own} is another key than the one of the backup: move it away first`;
    throw new CodedError('bad_storage_key', message);
  }
}

async function distrustAll(
  { logger }: { readonly logger: Logger },
  data: string,
  stage: string,
): Promise<void> {
  const directory = join(stage, STORAGE, 'records');
  if (!existsSync(directory)) return;
  const store = openRecordStore(
    { clock: systemClock, crypto: createCrypto(), logger },
    {
      directory,
      keyPath: join(data, KEY),
      capacityBytes: () => Infinity,
      quotaOf: () => ({ bytes: Infinity, keys: Infinity, isSponsored: true }),
      onReset: (reason) => {
        throw badBackup(`the database of records in it is damaged: ${reason}`);
      },
    },
  );
  try {
    let after: PartitionId | null = null;
    for (let isEnd = false; !isEnd; ) {
      const page: ReturnType<RecordStore['partitions']> = store.partitions({
        after,
        limit: EXPORT_PAGE_KEYS,
      });
      for (const { owner, namespace, namespaceId, partition } of page.partitions) {
        const place = { owner, namespace, namespaceId, partition };
        await store.setState(place, distrusted(store.getState(place)));
        after = place;
      }
      ({ isEnd } = page);
    }
  } finally {
    await store.close();
  }
}

/** All of it, or after a crash a part, which is found again as a store that is there already. */
function publish(data: string, stage: string): void {
  const storage = join(data, STORAGE);
  mkdirSync(storage, { recursive: true, mode: DIRECTORY_MODE });
  for (const part of PARTS) {
    const from = join(stage, STORAGE, part);
    if (!existsSync(from)) continue;
    rmSync(join(storage, part), { recursive: true, force: true });
    renameSync(from, join(storage, part));
  }
  syncDirectory(storage);
  syncDirectory(data);
}
