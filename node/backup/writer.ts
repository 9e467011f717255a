import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { copyFile, open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { backup, type DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../protocols/common/clock.ts';
import { didKey } from '../../protocols/common/did-key.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import type { Config } from '../config/schema.ts';
import { syncDirectory, writeFileAtomic } from '../disk/atomic-file.ts';
import { openReadOnly } from '../disk/database.ts';
import { makeDirectory } from '../disk/make-directory.ts';
import { DIRECTORY_MODE, protectDirectory, SECRET_MODE } from '../disk/private-file.ts';
import { readStoredKey } from '../identity/keyring/stored-key.ts';
import { ownerKeyPath } from '../identity/owner.ts';
import { copyBlocks, pruneBlocks } from './blocks.ts';
import {
  AUDIT,
  BLOCKS,
  CATALOGUE,
  CONTENTS,
  type Content,
  DATA,
  GATEWAY_SECRET,
  MEMBERSHIP,
  OWNER_KEY,
  SETTINGS_FILE,
  STORAGE_KEY,
} from './contents.ts';
import { explainDiskError } from './disk-errors.ts';
import type { BackupOptions, BackupProgress, BackupReport } from './interface.ts';
import { BACKUP_PAGES, FOLDER_FILES_MAX } from './limits.ts';
import {
  BLOCK_LIST,
  type BlockLine,
  blocksIn,
  blocksOf,
  digestOf,
  FILES,
  type FileLine,
  ListWriter,
  latestSnapshot,
  MARKER,
  type Manifest,
  readMarker,
  snapshotName,
  snapshotNames,
  UNFINISHED,
  writeManifest,
  writeMarker,
} from './manifest.ts';
import { filesOutside, settingsText } from './settings-file.ts';
import { verifySnapshot } from './verify.ts';

export interface BackupComponents {
  readonly clock: Clock;
  /** No block is removed from when this resolves until what it gives is called. */
  readonly holdBlocks: () => Promise<() => void>;
}

export interface BackupInit extends BackupOptions {
  readonly config: Config;
  readonly peerId: string;
}

const FIRST_PASS = 'blocks-first.ndjson';
/** Digits of the digest of storage.key in the name of the blocks that it seals. */
const KEY_NAME_LENGTH = 16;
/** An audit log begins a new file now and then: its files are listed again then. */
const LISTINGS_MAX = 5;
const NEWLINE = 10;

/**
 * Copies all that makes a node into a directory, and reads it back. The node may run: databases are each as of one moment, near the end. A
 * backup that fails leaves the one before as it was. Throws `bad_directory`, `not_empty`, `other_node`, `bad_backup`,
 * `no_room`.
 */
export async function backUp(components: BackupComponents, init: BackupInit): Promise<BackupReport> {
  try {
    prepareDirectory(init);
    const goOn = await components.holdBlocks();
    try {
      using writer = new SnapshotWriter(components, init);
      return await writer.run();
    } finally {
      goOn();
    }
  } catch (error) {
    throw explainDiskError(error, init.directory, 'the backup');
  }
}

/** Made where it is missing; otherwise it is empty, or holds backups of this node. */
function prepareDirectory({ directory, peerId, config }: BackupInit): void {
  const { swarm, data } = config;
  if (!isAbsolute(directory)) {
    throw new CodedError('bad_directory', `${directory} must be an absolute path: the node writes it`);
  }
  const inData = relative(data, directory);
  if (inData === '' || !(inData.startsWith('..') || isAbsolute(inData))) {
    const message = `${directory} is in the data directory ${data}, and would be lost with it: name another`;
    throw new CodedError('bad_directory', message);
  }
  const marker = existsSync(directory) ? readMarker(directory) : null;
  if (marker === null) {
    const found = existsSync(directory) ? readdirSync(directory) : [];
    // of a first backup that was broken off before it said whose it is
    const isEmpty = found.every((name) => name === `${MARKER}.new`);
    if (!isEmpty) {
      const message = `${directory} is not empty and holds no backups: name another directory`;
      throw new CodedError('not_empty', message);
    }
    protectDirectory(directory);
    writeMarker(directory, { swarm, peerId });
  } else if (marker.peerId !== peerId || marker.swarm !== swarm) {
    const message = `${directory} holds backups of the node ${marker.peerId} of the swarm ${marker.swarm}: name another directory`;
    throw new CodedError('other_node', message);
  } else protectDirectory(directory);
}

class SnapshotWriter {
  readonly #components: BackupComponents;
  readonly #init: BackupInit;
  /** The snapshot that is being made. */
  readonly #path: string;
  readonly #files: ListWriter<FileLine>;
  readonly #blocks: ListWriter<BlockLine>;
  readonly #sources = new Map<string, DatabaseSync>();
  #owner: string | null = null;
  #progress: BackupProgress = { phase: 'copying', files: 0, bytes: 0 };
  #writtenBytes = 0;

  constructor(components: BackupComponents, init: BackupInit) {
    this.#components = components;
    this.#init = init;
    this.#path = join(init.directory, UNFINISHED);
    rmSync(this.#path, { recursive: true, force: true });
    mkdirSync(this.#path, { mode: DIRECTORY_MODE });
    this.#files = new ListWriter(join(this.#path, FILES));
    this.#blocks = new ListWriter(join(this.#path, BLOCK_LIST));
  }

  /** Removes a snapshot that was not finished. */
  [Symbol.dispose](): void {
    for (const source of this.#sources.values()) source.close();
    this.#files[Symbol.dispose]();
    this.#blocks[Symbol.dispose]();
    rmSync(this.#path, { recursive: true, force: true });
  }

  async run(): Promise<BackupReport> {
    const { directory, config } = this.#init;
    const blocks = await this.#blocksName();
    // most blocks before the databases are looked at: these are as late as they can be
    if (blocks !== null) await this.#firstPass(blocks);
    const at = this.#openSources();
    for (const [path, source] of this.#sources) await this.#database(path, source);
    await this.#privateFiles();
    if (blocks !== null) await this.#lastPass(blocks);
    const manifest = this.#finish(at, blocks);
    this.#progress = { phase: 'verifying', files: 0, bytes: 0 };
    await verifySnapshot(
      { path: this.#path, manifest },
      { directory, signal: this.#init.signal, isMending: true, onFile: (bytes) => this.#advance(bytes) },
    );
    await this.#publish(manifest);
    const { peerId, files, bytes } = manifest;
    const outside = filesOutside(config);
    return { directory, peerId, at, files, bytes, writtenBytes: this.#writtenBytes, outside };
  }

  /** Blocks are sealed with storage.key, so they belong to it; null without blocks. */
  async #blocksName(): Promise<string | null> {
    const { data } = this.#init.config;
    const key = join(data, STORAGE_KEY);
    if (!existsSync(join(data, CATALOGUE)) || !existsSync(key)) return null;
    return `blocks-${(await digestOf(key)).sha256.slice(0, KEY_NAME_LENGTH)}`;
  }

  async #firstPass(blocks: string): Promise<void> {
    const { directory, config } = this.#init;
    makeDirectory(join(directory, blocks), { mode: DIRECTORY_MODE });
    const before = latestSnapshot(directory);
    const known = before?.manifest.blocks === blocks ? blocksOf(before) : null;
    using list = new ListWriter<BlockLine>(join(this.#path, FIRST_PASS));
    const source = openSnapshot(join(config.data, CATALOGUE));
    try {
      await this.#copyBlocks(source, blocks, { list, known });
    } finally {
      source.close();
    }
    list.finish();
  }

  /** Those that came meanwhile, and the list of all that the copied catalogue names. */
  async #lastPass(blocks: string): Promise<void> {
    const known = blocksIn(join(this.#path, FIRST_PASS));
    const source = openReadOnly(join(this.#path, DATA, CATALOGUE), { isFinal: true });
    try {
      await this.#copyBlocks(source, blocks, { list: this.#blocks, known });
    } finally {
      source.close();
    }
    rmSync(join(this.#path, FIRST_PASS));
  }

  async #copyBlocks(
    source: DatabaseSync,
    blocks: string,
    { list, known }: { list: ListWriter<BlockLine>; known: AsyncIterator<BlockLine> | null },
  ): Promise<void> {
    const { directory, config, isCopied, signal } = this.#init;
    const isFirst = list !== this.#blocks;
    await copyBlocks(source, {
      from: join(config.data, BLOCKS),
      to: join(directory, blocks),
      known,
      list,
      isCopied,
      signal,
      onBlock: ({ bytes }, written) => {
        this.#writtenBytes += written;
        if (isFirst) this.#advance(bytes);
      },
    });
  }

  /** Connections that see the databases as they are now, whatever is written from here on. The moment, milliseconds since the Unix epoch. */
  #openSources(): number {
    const { data } = this.#init.config;
    const at = this.#components.clock.now();
    for (const { path, kind } of CONTENTS) {
      if (kind === 'database' && existsSync(join(data, path)))
        this.#sources.set(path, openSnapshot(join(data, path)));
    }
    return at;
  }

  async #database(path: string, source: DatabaseSync): Promise<void> {
    const { signal } = this.#init;
    const to = this.#place(`${DATA}${path}`);
    closeSync(openSync(to, 'wx', SECRET_MODE));
    await backup(source, to, { rate: BACKUP_PAGES, progress: () => signal.throwIfAborted() });
    signal.throwIfAborted();
    await this.#note(`${DATA}${path}`);
  }

  async #privateFiles(): Promise<void> {
    const { config } = this.#init;
    const { data } = config;
    for (const content of CONTENTS) {
      if (content.path === AUDIT) await this.#audit(content);
      else if (content.kind === 'folder') {
        for (const name of namesIn(join(data, content.path), content))
          await this.#file(`${content.path}/${name}`);
      } else if (content.kind === 'file') await this.#file(content.path);
    }
    const owner = ownerKeyPath({ path: config['identity.ownerKey'], data });
    // an invited machine acts for somebody whose key it does not have
    const isInvited = existsSync(join(data, MEMBERSHIP));
    const stored = isInvited ? null : readStoredKey(owner);
    if (stored !== null) {
      this.#owner = didKey(stored.file.multikey);
      await this.#copy(owner, OWNER_KEY);
    }
    const settings = this.#place(SETTINGS_FILE);
    writeFileAtomic(settings, Buffer.from(settingsText(config)), SECRET_MODE);
    await this.#note(SETTINGS_FILE);
  }

  /** The head before the log, which may be ahead of it and not behind. */
  async #audit(content: Content): Promise<void> {
    const folder = join(this.#init.config.data, content.path);
    const list = (): string[] => namesIn(folder, content).toSorted().reverse();
    for (let tries = 1; ; tries++) {
      const names = list();
      for (const name of names) await this.#copy(join(folder, name), `${DATA}${content.path}/${name}`, false);
      if (tries === LISTINGS_MAX || names.join() === list().join()) {
        for (const name of names) await this.#note(`${DATA}${content.path}/${name}`);
        return;
      }
      rmSync(join(this.#path, DATA, content.path), { recursive: true, force: true });
    }
  }

  async #file(path: string): Promise<void> {
    const { config } = this.#init;
    const elsewhere = path === GATEWAY_SECRET ? config['gateway.secretFile'] : '';
    const from = elsewhere === '' ? join(config.data, path) : elsewhere;
    if (existsSync(from)) await this.#copy(from, `${DATA}${path}`);
  }

  async #copy(from: string, path: string, isNoted = true): Promise<void> {
    this.#init.signal.throwIfAborted();
    const to = this.#place(path);
    await copyFile(from, to);
    await using file = await open(to, 'r+');
    await file.chmod(SECRET_MODE);
    // a line that was being written is not there yet
    if (path.endsWith('/audit.log')) await file.truncate(readFileSync(to).lastIndexOf(NEWLINE) + 1);
    await file.datasync();
    if (isNoted) await this.#note(path);
  }

  #finish(at: number, blocks: string | null): Manifest {
    const { config, peerId } = this.#init;
    const lists = { files: this.#files.finish(), blocks: this.#blocks.finish() };
    const manifest: Manifest = {
      swarm: config.swarm,
      peerId,
      at,
      owner: this.#owner,
      machine: hostname(),
      data: config.data,
      blocks,
      files: this.#files.count + this.#blocks.count,
      bytes: this.#files.bytes + this.#blocks.bytes,
      lists,
    };
    writeManifest(this.#path, manifest);
    return manifest;
  }

  /** From here on it is the backup; what only earlier ones needed goes. */
  async #publish({ at, blocks }: Manifest): Promise<void> {
    const { directory } = this.#init;
    const name = snapshotName(at);
    rmSync(join(directory, name), { recursive: true, force: true });
    renameSync(this.#path, join(directory, name));
    syncDirectory(directory);
    for (const old of snapshotNames(directory)) {
      if (old !== name) rmSync(join(directory, old), { recursive: true, force: true });
    }
    for (const one of readdirSync(directory)) {
      if (one.startsWith('blocks-') && one !== blocks)
        rmSync(join(directory, one), { recursive: true, force: true });
    }
    if (blocks === null) return;
    const catalogue = openReadOnly(join(directory, name, DATA, CATALOGUE), { isFinal: true });
    try {
      await pruneBlocks(catalogue, join(directory, blocks));
    } finally {
      catalogue.close();
    }
  }

  #place(path: string): string {
    const to = join(this.#path, path);
    makeDirectory(dirname(to), { mode: DIRECTORY_MODE });
    return to;
  }

  async #note(path: string): Promise<void> {
    const at = join(this.#path, path);
    const digest = await digestOf(at);
    this.#files.write({ path, ...digest });
    syncDirectory(dirname(at));
    this.#writtenBytes += digest.bytes;
    this.#advance(digest.bytes);
  }

  #advance(bytes: number): void {
    const { phase, files, bytes: before } = this.#progress;
    this.#progress = { phase, files: files + 1, bytes: before + bytes };
    this.#init.onProgress?.(this.#progress);
  }
}

function openSnapshot(path: string): DatabaseSync {
  const source = openReadOnly(path);
  source.exec('BEGIN');
  source.prepare('SELECT count(*) FROM sqlite_schema').get();
  return source;
}

function namesIn(folder: string, { names }: Content): string[] {
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder).filter((name) => names?.test(name) === true);
  if (found.length <= FOLDER_FILES_MAX) return found;
  throw new CodedError('bad_directory', `${folder} holds more than ${FOLDER_FILES_MAX} files`);
}
