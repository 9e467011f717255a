import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { chmod, copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CLOCK_SKEW_MS, systemClock } from '../../protocols/common/clock.ts';
import { didKey } from '../../protocols/common/did-key.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { type PartitionId, TOMBSTONE_LIFE_MS } from '../../protocols/storage/index.ts';
import type { Config } from '../config/schema.ts';
import { syncDirectory } from '../disk/atomic-file.ts';
import { lockDataDirectory } from '../disk/data-lock.ts';
import { createFileExclusive } from '../disk/exclusive-file.ts';
import { makeDirectory } from '../disk/make-directory.ts';
import { DIRECTORY_MODE, protectDirectory, SECRET_MODE } from '../disk/private-file.ts';
import { readStoredKey } from '../identity/keyring/stored-key.ts';
import { homeOwnerKeyPath, restoredOwnerKeyPath } from '../identity/owner.ts';
import { voidOpenInvites } from '../join/invite-book.ts';
import type { Logger } from '../observability/logger.ts';
import { forgetSequences } from '../relay/sequences-file.ts';
import { createCrypto } from '../runtime/crypto.ts';
import { restoredState } from '../storage/placement/partition-states.ts';
import { isOriginalRunning, writeRestored } from '../storage/replica/restored-file.ts';
import type { RecordStore } from '../storage/store/interface.ts';
import { openRecordStore } from '../storage/store/store.ts';
import {
  BLOCKS,
  CONTENTS,
  contentOf,
  DATA,
  GATEWAY_SECRET,
  OWNER_KEY,
  RECORDS,
  SEQUENCES,
  SETTINGS_FILE,
  STORAGE_KEY,
} from './contents.ts';
import { explainDiskError } from './disk-errors.ts';
import { badBackup, digestOf, latestSnapshot, readMarker, type Snapshot } from './manifest.ts';
import { STAGE } from './restore-stage.ts';
import { type Placed, placedIn } from './verify.ts';

export interface RestoreInit {
  /** The directory of backups. */
  readonly directory: string;
  /** Settings of the restored node: they name its data directory and its owner's key. */
  readonly config: Config;
  /** Whether it becomes another node, with what the backed-up one stored. */
  readonly isOther: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: { readonly bytes: number; readonly of: number }) => void;
  /** Changes what the restored gateway keeps before it is put in place, in a directory like a data directory. */
  readonly prepareGateway: (staged: string) => Promise<void>;
}

export interface RestoreReport {
  /** The moment of which the records are, milliseconds since the Unix epoch. */
  readonly at: number;
  readonly swarm: string;
  /** Peer id of the node that was backed up. */
  readonly peerId: string;
  readonly files: number;
  readonly bytes: number;
  /** DID of the owner's key, and where it is now; null where the backup has none. */
  readonly owner: string | null;
  readonly ownerKey: string | null;
  /** The settings that the node had, as a file in the backup. */
  readonly settings: string;
}

/** Errors of a file of the backup that is gone or damaged. */
const UNREADABLE: ReadonlySet<unknown> = new Set(['ENOENT', 'EIO', 'EISDIR']);
/** Rows marked at a time. */
const PAGE = 256;
/** Above every author epoch that the original can have begun: epochs are times, and it may count some ahead. */
const EPOCH_MARGIN_MS = 2 * CLOCK_SKEW_MS + 60_000;

/**
 * Puts the latest backup in a directory into a data directory that holds no node. All of it is verified first. Throws `bad_backup`, `not_empty`,
 * `data_in_use`, `bad_data_directory`, `bad_directory`, `twin_running`, `owner_differs`, `bad_secret_file`, `no_room`.
 */
export async function restore(
  components: { readonly logger: Logger },
  init: RestoreInit,
): Promise<RestoreReport> {
  const snapshot = snapshotIn(init);
  const { data } = init.config;
  const lock = lockDataDirectory(data);
  const stage = join(data, STAGE);
  try {
    protectDirectory(data);
    clear(data);
    mkdirSync(stage, { mode: DIRECTORY_MODE });
    return await new Restorer(components, init, snapshot).run(stage);
  } catch (error) {
    throw explainDiskError(error, data, 'the restore');
  } finally {
    rmSync(stage, { recursive: true, force: true });
    lock.release();
  }
}

function snapshotIn({ directory, config, isOther }: RestoreInit): Snapshot {
  if (!existsSync(directory) || readMarker(directory) === null) {
    throw badBackup(`${directory} holds no backup of Maillon`);
  }
  const snapshot = latestSnapshot(directory);
  if (snapshot === null) throw badBackup(`no backup in ${directory} was finished`);
  const { manifest } = snapshot;
  if (config.explicit.has('swarm') && manifest.swarm !== config.swarm) {
    throw badBackup(`it is of the swarm ${manifest.swarm}, and the settings say ${config.swarm}`);
  }
  if (!isOther && isOriginalRunning(manifest, { data: config.data, peerId: manifest.peerId })) {
    const message = `the node ${manifest.peerId} runs on ${manifest.data}: stop it first, or restore with --without-identity`;
    throw new CodedError('twin_running', message);
  }
  return snapshot;
}

/** Removes what a restore that was broken off has left. Throws `not_empty` where there is a node. */
function clear(data: string): void {
  const found = CONTENTS.map(({ path }) => join(data, path)).filter((path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat !== undefined && (stat.isFile() || readdirSync(path).some((name) => name !== 'lock'));
  });
  if (existsSync(join(data, STAGE))) {
    for (const path of [...found, join(data, BLOCKS), join(data, STAGE)]) {
      rmSync(path, { recursive: true, force: true });
    }
  } else if (found.length > 0) {
    const message = `${data} holds a node already (${found[0]}): name another directory, or move it away`;
    throw new CodedError('not_empty', message);
  }
}

class Restorer {
  readonly #logger: Logger;
  readonly #init: RestoreInit;
  readonly #snapshot: Snapshot;
  readonly #now = systemClock.now();

  constructor({ logger }: { readonly logger: Logger }, init: RestoreInit, snapshot: Snapshot) {
    this.#logger = logger;
    this.#init = init;
    this.#snapshot = snapshot;
  }

  async run(stage: string): Promise<RestoreReport> {
    const { config, isOther, prepareGateway } = this.#init;
    const { manifest, path } = this.#snapshot;
    const counts = await this.#copy(stage);
    const { at, swarm, peerId, owner, machine, data } = manifest;
    await this.#markPartitions(stage);
    if (!isOther) {
      forgetSequences(dirname(join(stage, SEQUENCES)), this.#now + EPOCH_MARGIN_MS);
      voidOpenInvites(stage);
      await prepareGateway(stage);
    }
    placeSecret(stage, config);
    const ownerKey = placeOwner(join(stage, OWNER_KEY), config);
    writeRestored(config.data, { at, restoredAt: this.#now, machine, data });
    moveInto(stage, config.data);
    syncDirectory(config.data);
    return { at, swarm, peerId, ...counts, owner, ownerKey, settings: join(path, SETTINGS_FILE) };
  }

  /** Copies and verifies. Another node gets no identity, gateway state or audit log. */
  async #copy(stage: string): Promise<{ readonly files: number; readonly bytes: number }> {
    const { directory, isOther, signal, onProgress } = this.#init;
    const { manifest } = this.#snapshot;
    let [files, bytes] = [0, 0];
    for await (const placed of placedIn(directory, this.#snapshot)) {
      signal.throwIfAborted();
      const to = targetOf(placed, stage, isOther);
      if (to !== null) await copyPrivate(placed.from, to);
      const found = await digestOf(to ?? placed.from).catch(() => null);
      if (found?.bytes !== placed.bytes || found.sha256 !== placed.sha256) {
        throw badBackup(`${placed.from} is not as it was written`);
      }
      files += 1;
      bytes += placed.bytes;
      onProgress?.({ bytes, of: manifest.bytes });
    }
    if (files !== manifest.files || bytes !== manifest.bytes) throw badBackup('files of it are missing');
    return { files, bytes };
  }

  /** Nothing of a partition counts, or is read, before this node has reconciled it with the other replicas. */
  async #markPartitions(stage: string): Promise<void> {
    if (!existsSync(join(stage, RECORDS))) return;
    const asOf = this.#snapshot.manifest.at;
    const { isOther } = this.#init;
    const isStale = this.#now - asOf > TOMBSTONE_LIFE_MS;
    const store = this.#openStore(stage);
    try {
      let after: PartitionId | null = null;
      for (let isEnd = false; !isEnd; ) {
        const page: ReturnType<RecordStore['partitions']> = store.partitions({ after, limit: PAGE });
        for (const { owner, namespace, namespaceId, partition } of page.partitions) {
          const place = { owner, namespace, namespaceId, partition };
          await store.setState(place, restoredState(store.getState(place), { asOf, isStale, isOther }));
          after = place;
        }
        ({ isEnd } = page);
      }
    } finally {
      await store.close();
    }
  }

  #openStore(stage: string): RecordStore {
    return openRecordStore(
      { clock: systemClock, crypto: createCrypto(), logger: this.#logger },
      {
        directory: dirname(join(stage, RECORDS)),
        keyPath: join(stage, STORAGE_KEY),
        capacityBytes: () => Infinity,
        quotaOf: () => ({ bytes: Infinity, keys: Infinity, isSponsored: true }),
        onReset: (reason) => {
          throw badBackup(`the database of records in it is damaged: ${reason}`);
        },
      },
    );
  }
}

/** Null of what is not copied. */
function targetOf({ path, isBlock }: Placed, stage: string, isOther: boolean): string | null {
  if (isBlock) return join(stage, BLOCKS, path);
  if (path === OWNER_KEY) return join(stage, OWNER_KEY);
  const content = contentOf(path);
  return content === null || (isOther && content.part === 'node')
    ? null
    : join(stage, path.slice(DATA.length));
}

async function copyPrivate(from: string, to: string): Promise<void> {
  makeDirectory(dirname(to), { mode: DIRECTORY_MODE });
  await copyFile(from, to).catch((error: NodeJS.ErrnoException) => {
    if (!UNREADABLE.has(error.code)) throw error;
    throw badBackup(`${from} cannot be read`);
  });
  await chmod(to, SECRET_MODE);
}

/** The gateway's secret goes where the settings say that it is. Throws `bad_secret_file` where there is another one. */
function placeSecret(stage: string, config: Config): void {
  const staged = join(stage, GATEWAY_SECRET);
  const target = config['gateway.secretFile'];
  if (target === '' || !existsSync(staged)) return;
  const secret = readFileSync(staged);
  makeDirectory(dirname(target), { mode: DIRECTORY_MODE });
  const isMade = createFileExclusive(target, secret, SECRET_MODE);
  if (!isMade && readFileSync(target, 'utf8').trim() !== secret.toString('utf8').trim()) {
    const message = `gateway.secretFile ${target} is not the secret of the node in the backup: move it away`;
    throw new CodedError('bad_secret_file', message);
  }
  rmSync(staged);
}

/**
 * The owner's key goes where the node looks for it: where the settings say, or in the user's home. A user who has another owner already keeps
 * it, and this node alone has its own. Null where there is none. Throws `owner_differs`.
 */
function placeOwner(staged: string, config: Config): string | null {
  const stored = readStoredKey(staged);
  if (stored === null) return null;
  const named = config['identity.ownerKey'];
  const target = named === '' ? homeOwnerKeyPath() : named;
  if (isPlaced(target, stored.bytes)) {
    rmSync(staged);
    return target;
  }
  const there = didOf(target);
  if (there === didKey(stored.file.multikey)) {
    rmSync(staged);
    return target;
  }
  if (named === '') return restoredOwnerKeyPath(config.data);
  const message = `identity.ownerKey ${named} is the key of ${there ?? 'somebody else'}, and the backup is of ${didKey(stored.file.multikey)}: name another file`;
  throw new CodedError('owner_differs', message);
}

/** False where there is a file, or none can be made. */
function isPlaced(target: string, bytes: Uint8Array): boolean {
  try {
    makeDirectory(dirname(target), { mode: DIRECTORY_MODE });
    return createFileExclusive(target, bytes, SECRET_MODE);
  } catch {
    return false;
  }
}

function didOf(path: string): string | null {
  try {
    const stored = readStoredKey(path);
    return stored === null ? null : didKey(stored.file.multikey);
  } catch {
    return null;
  }
}

/** A directory that is there already takes what is in the other. */
function moveInto(from: string, to: string): void {
  for (const name of readdirSync(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    if (existsSync(target) && statSync(target).isDirectory()) moveInto(source, target);
    else renameSync(source, target);
  }
  syncDirectory(to);
}
