/** Copies blocks of blobs into a directory of backups. A block never changes: one that is there is not copied again. */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { link, open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { cidText, parseCid } from '../../protocols/common/block-cid.ts';
import { compareBytes } from '../../protocols/common/bytes.ts';
import { blockPath } from '../blobs/block-files.ts';
import { makeDirectory } from '../disk/make-directory.ts';
import { DIRECTORY_MODE, SECRET_MODE } from '../disk/private-file.ts';
import { BACKUP_ROWS } from './limits.ts';
import type { BlockLine, ListWriter } from './manifest.ts';

export interface BlocksInit {
  /** The node's blocks, and where they are copied to. */
  readonly from: string;
  readonly to: string;
  /** The blocks that an earlier pass copied, in the order of CIDs. */
  readonly known: AsyncIterator<BlockLine> | null;
  readonly list: ListWriter<BlockLine>;
  readonly isCopied: boolean;
  readonly signal: AbortSignal;
  /** Told of each block, with the bytes that were written for it. */
  readonly onBlock: (block: BlockLine, writtenBytes: number) => void;
}

/** Errors of a hard link that cannot be: on another file system, or on one without links. */
const NO_LINK: ReadonlySet<unknown> = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK']);
const NOTHING = new Uint8Array();

/** Copies the blocks that `catalogue` names, and lists them in the order of their CIDs. */
export async function copyBlocks(catalogue: DatabaseSync, init: BlocksInit): Promise<void> {
  const page = catalogue.prepare('SELECT cid FROM blocks WHERE cid > ? AND broken = 0 ORDER BY cid LIMIT ?');
  const copier = new BlockCopier(init);
  for (let after: Uint8Array = NOTHING; ; ) {
    const rows = page.all(after, BACKUP_ROWS);
    for (const row of rows) {
      init.signal.throwIfAborted();
      after = row['cid'] as Uint8Array;
      await copier.copy(after);
    }
    if (rows.length === 0) break;
  }
  await copier.sync();
}

class BlockCopier {
  readonly #init: BlocksInit;
  #next: BlockLine | null = null;
  #isKnownOver: boolean;
  /** Folders with new names: as many as there are pairs of letters. */
  readonly #folders = new Set<string>();

  constructor(init: BlocksInit) {
    this.#init = init;
    this.#isKnownOver = init.known === null;
  }

  async copy(cid: Uint8Array): Promise<void> {
    const { from, to, list, onBlock } = this.#init;
    const path = blockPath(cid);
    const known = await this.#knownOf(cid);
    const size = statSync(join(to, path), { throwIfNoEntry: false })?.size;
    if (known !== null && size === known.bytes) {
      list.write(known);
      return onBlock(known, 0);
    }
    // one that is gone is broken, which a scrub finds: it is fetched again where the backup is restored
    const bytes = await readFile(join(from, path)).catch(ignoreMissing);
    if (bytes === null) return;
    const written = await this.#put(path, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const line = { cid: cidText(cid), bytes: bytes.byteLength, sha256 };
    list.write(line);
    onBlock(line, written);
  }

  /** The names of what was copied are on disk. */
  async sync(): Promise<void> {
    if (this.#folders.size > 0) this.#folders.add(this.#init.to);
    // Windows cannot open one, and needs no sync of it
    if (process.platform === 'win32') return;
    for (const folder of this.#folders) {
      await using handle = await open(folder, 'r');
      await handle.sync();
    }
  }

  /** Both come in the same order. */
  async #knownOf(cid: Uint8Array): Promise<BlockLine | null> {
    while (!this.#isKnownOver) {
      if (this.#next === null) {
        const step = await this.#init.known?.next();
        if (step === undefined || step.done === true) {
          this.#isKnownOver = true;
          return null;
        }
        this.#next = step.value;
      }
      const order = compareBytes(parseCid(this.#next.cid) ?? NOTHING, cid);
      if (order > 0) return null;
      const found = this.#next;
      this.#next = null;
      if (order === 0) return found;
    }
    return null;
  }

  /** Bytes that were written; none for a link. */
  async #put(path: string, bytes: Buffer): Promise<number> {
    const { from, to, isCopied } = this.#init;
    const target = join(to, path);
    makeDirectory(dirname(target), { mode: DIRECTORY_MODE });
    this.#folders.add(dirname(target));
    // a backup that was broken off has left it
    const left = await readFile(target).catch(ignoreMissing);
    if (left?.equals(bytes) === true) return 0;
    await rm(target, { force: true });
    if (!isCopied && (await isLinked(join(from, path), target))) return 0;
    await using file = await open(target, 'wx', SECRET_MODE);
    await file.writeFile(bytes);
    await file.datasync();
    return bytes.byteLength;
  }
}

/** Removes the blocks that `catalogue` does not name, a folder in a turn of the event loop. */
export async function pruneBlocks(catalogue: DatabaseSync, directory: string): Promise<void> {
  const find = catalogue.prepare('SELECT 1 FROM blocks WHERE cid = ? AND broken = 0');
  for (const shard of await readdir(directory)) {
    for (const name of await readdir(join(directory, shard))) {
      const cid = parseCid(name);
      if (cid === null || find.get(cid) === undefined)
        await rm(join(directory, shard, name), { force: true });
    }
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
