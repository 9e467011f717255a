import { createHash, type Hash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, writeSync } from 'node:fs';
import { copyFile, link, open, readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../../../protocols/common/clock.ts';
import { CodedError } from '../../../../protocols/common/errors.ts';
import { blockPath } from '../../../blobs/block-files.ts';
import type { BlobHome } from '../../../blobs/home.ts';
import { syncDirectory, writeFileAtomic } from '../../../disk/atomic-file.ts';
import { DIRECTORY_MODE, protectDirectory, SECRET_MODE } from '../../../disk/private-file.ts';
import type { RecordStore } from '../../store/interface.ts';
import type { BackupOptions, BackupReport } from '../interface.ts';
import { BACKUP_PAGES, BACKUP_ROWS } from '../limits.ts';
import { type BackedFile, encodeManifest, FILES, MANIFEST } from './manifest.ts';

export interface BackupComponents {
  readonly store: RecordStore;
  readonly blobs: BlobHome;
  readonly clock: Clock;
}

export interface BackupInit extends BackupOptions {
  readonly swarm: string;
  readonly peerId: string;
  /** Data directory of the node. */
  readonly data: string;
}

const RECORDS = 'storage/records/records.db';
const CATALOGUE = 'storage/blobs/catalogue.db';
const BLOCKS = 'storage/blobs/blocks';
const MEMBERS = 'storage/members';
const KEY = 'storage.key';
/** What file systems say that cannot link there: another one, or one without links. */
const NO_LINK: ReadonlySet<unknown> = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK']);

/**
 * Copies a store as it is now. Records are seen as of one moment, blobs as of a little later: whatever a record refers to is there. No block
 * goes meanwhile. Throws `not_empty`, `bad_directory`.
 */
export async function backUp(components: BackupComponents, init: BackupInit): Promise<BackupReport> {
  const goOn = await components.blobs.pauseCollection();
  const writer = new BackupWriter(components, init);
  try {
    return await writer.run();
  } finally {
    goOn();
    writer.close();
  }
}

class BackupWriter {
  readonly #components: BackupComponents;
  readonly #init: BackupInit;
  readonly #list: number;
  readonly #hash: Hash = createHash('sha256');
  readonly #at: number;
  #files = 0;
  #bytes = 0;

  constructor(components: BackupComponents, init: BackupInit) {
    this.#components = components;
    this.#init = init;
    this.#at = components.clock.now();
    const { directory } = init;
    if (!isAbsolute(directory)) {
      throw new CodedError('bad_directory', `${directory} must be an absolute path: the node writes it`);
    }
    if (existsSync(directory) && readdirSync(directory).length > 0) {
      throw new CodedError('not_empty', `${directory} is not empty: name another directory`);
    }
    protectDirectory(directory);
    this.#list = openSync(join(directory, FILES), 'wx', SECRET_MODE);
  }

  async run(): Promise<BackupReport> {
    const { directory, isKeyIncluded, data, swarm, peerId } = this.#init;
    // records first: a blob is there before the record that refers to it
    const sources = this.#snapshots();
    try {
      for (const [path, source] of sources) await this.#database(path, source);
    } finally {
      for (const source of sources.values()) source.close();
    }
    if (sources.has(CATALOGUE)) await this.#blocks();
    await this.#small(MEMBERS);
    const keys = isKeyIncluded && existsSync(join(data, KEY)) ? [KEY] : [];
    for (const key of keys) await this.#small(key);
    fsyncSync(this.#list);
    const counts = { files: this.#files, bytes: this.#bytes };
    const manifest = { at: this.#at, swarm, peerId, keys, ...counts, list: this.#hash.digest('hex') };
    writeFileAtomic(join(directory, MANIFEST), encodeManifest(manifest), SECRET_MODE);
    return { directory, keys, ...counts };
  }

  close(): void {
    closeSync(this.#list);
  }

  /** Connections that see the databases as they are now, whatever is written from here on. */
  #snapshots(): Map<string, DatabaseSync> {
    const { store, blobs } = this.#components;
    const sources = new Map<string, DatabaseSync>();
    const paths = [
      [RECORDS, store.care.path],
      [CATALOGUE, blobs.opened?.cataloguePath ?? null],
    ] as const;
    for (const [name, path] of paths) {
      if (path === null || !existsSync(path)) continue;
      const source = new DatabaseSync(path, { readOnly: true });
      source.exec('BEGIN');
      source.prepare('SELECT count(*) FROM sqlite_schema').get();
      sources.set(name, source);
    }
    return sources;
  }

  async #database(path: string, source: DatabaseSync): Promise<void> {
    const { signal } = this.#init;
    const to = this.#place(path);
    closeSync(openSync(to, 'wx', SECRET_MODE));
    await backup(source, to, { rate: BACKUP_PAGES, progress: () => signal.throwIfAborted() });
    signal.throwIfAborted();
    await this.#note(path, await digestOf(to));
  }

  async #blocks(): Promise<void> {
    const catalogue = new DatabaseSync(join(this.#init.directory, CATALOGUE), { readOnly: true });
    try {
      const page = catalogue.prepare(
        'SELECT id, cid FROM blocks WHERE id > ? AND broken = 0 ORDER BY id LIMIT ?',
      );
      for (let after = 0; ; ) {
        const rows = page.all(after, BACKUP_ROWS);
        for (const { id, cid } of rows) {
          this.#init.signal.throwIfAborted();
          after = Number(id);
          await this.#block(`${BLOCKS}/${blockPath(cid as Uint8Array)}`);
        }
        if (rows.length === 0) return;
      }
    } finally {
      catalogue.close();
    }
  }

  /** One that is gone is broken, which a scrub finds: it is fetched again where the backup is restored. */
  async #block(path: string): Promise<void> {
    const from = join(this.#init.data, path);
    const bytes = await readFile(from).catch(ignoreMissing);
    if (bytes === null) return;
    const to = this.#place(path);
    if (this.#init.isCopied || !(await isLinked(from, to))) {
      await using file = await open(to, 'wx', SECRET_MODE);
      await file.writeFile(bytes);
      await file.datasync();
    }
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await this.#note(path, { bytes: bytes.byteLength, sha256 });
  }

  async #small(path: string): Promise<void> {
    const from = join(this.#init.data, path);
    if (!existsSync(from)) return;
    const to = this.#place(path);
    await copyFile(from, to);
    await this.#note(path, await digestOf(to));
  }

  #place(path: string): string {
    const to = join(this.#init.directory, path);
    mkdirSync(dirname(to), { recursive: true, mode: DIRECTORY_MODE });
    return to;
  }

  async #note(path: string, digest: Omit<BackedFile, 'path'>): Promise<void> {
    const line = `${JSON.stringify({ path, ...digest })}\n`;
    writeSync(this.#list, line);
    this.#hash.update(line);
    this.#files += 1;
    this.#bytes += digest.bytes;
    syncDirectory(dirname(join(this.#init.directory, path)));
    this.#init.onProgress?.({ files: this.#files, bytes: this.#bytes });
  }
}

async function isLinked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (NO_LINK.has((error as NodeJS.ErrnoException).code)) return false;
    throw error;
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

export async function digestOf(path: string): Promise<Omit<BackedFile, 'path'>> {
  const hash = createHash('sha256');
  let bytes = 0;
  await using file = await open(path, 'r');
  for await (const chunk of file.createReadStream({ autoClose: false }) as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    bytes += chunk.byteLength;
  }
  return { bytes, sha256: hash.digest('hex') };
}
