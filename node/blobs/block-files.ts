import { readdirSync, rmSync, statfsSync, statSync, unlinkSync } from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { cidText, digestOf } from '../../protocols/blobs/index.ts';
import { equalBytes } from '../../protocols/common/bytes.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { syncDirectory } from '../disk/atomic-file.ts';
import { makeDirectory } from '../disk/make-directory.ts';
import type { Sealer } from '../disk/sealing.ts';
import { diskError } from './errors.ts';

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
const BLOCKS = 'blocks';
const TEMPORARY = 'new';
/** Base32 ends differ evenly; what all CIDs begin with does not. */
const SHARD_CHARACTERS = 2;
const MISSING = 'ENOENT';

/** One file a block, sealed for its CID: no block passes for another. */
export class BlockFiles {
  readonly #crypto: Pick<Crypto, 'sha256'>;
  readonly #sealer: () => Sealer;
  readonly #directory: string;
  #written = 0;

  /** Makes the directories, and removes what a killed process was writing. */
  constructor(
    components: { readonly crypto: Pick<Crypto, 'sha256'>; readonly sealer: () => Sealer },
    { directory }: { readonly directory: string },
  ) {
    this.#crypto = components.crypto;
    this.#sealer = components.sealer;
    this.#directory = directory;
    rmSync(join(directory, TEMPORARY), { recursive: true, force: true });
    for (const name of [TEMPORARY, BLOCKS]) {
      makeDirectory(join(directory, name), { mode: DIRECTORY_MODE });
    }
    // they may be new
    for (const one of [directory, dirname(directory)]) syncDirectory(one);
  }

  /** On disk under its name; that the name is, only `sync` of it promises. Throws `no_room`. */
  async write(cid: Uint8Array, bytes: Uint8Array): Promise<void> {
    const sealed = this.#sealer().seal(Buffer.from(cid), bytes);
    this.#written += 1;
    const temporary = join(this.#directory, TEMPORARY, String(this.#written));
    const path = this.#pathOf(cid);
    try {
      makeDirectory(dirname(path), { mode: DIRECTORY_MODE });
      const file = await open(temporary, 'wx', FILE_MODE);
      try {
        await file.writeFile(sealed);
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw diskError(error);
    }
  }

  /** The names of these are on disk as well. */
  async sync(cids: readonly Uint8Array[]): Promise<void> {
    const folders = new Set(cids.map((cid) => dirname(this.#pathOf(cid))));
    // a folder may be new as well
    if (cids.length > 0) folders.add(join(this.#directory, BLOCKS));
    // Windows cannot open one, and needs no sync of it
    if (process.platform === 'win32') return;
    try {
      for (const folder of folders) {
        await using handle = await open(folder, 'r');
        await handle.sync();
      }
    } catch (error) {
      throw diskError(error);
    }
  }

  /** Reads a block, bit for bit as written. Throws `corrupt`, for a file that is gone, too. */
  async read(cid: Uint8Array): Promise<Uint8Array> {
    let sealed: Uint8Array;
    try {
      sealed = await readFile(this.#pathOf(cid));
    } catch (cause) {
      // a sector that does not read is as bad as one that reads wrong; too many open files is not
      const { code } = cause as NodeJS.ErrnoException;
      if (code === MISSING || code === 'EIO') throw corruptBlock(cid, cause);
      throw cause;
    }
    const bytes = this.#sealer().open(Buffer.from(cid), sealed);
    if (bytes === null || !equalBytes(this.#crypto.sha256(bytes), digestOf(cid))) throw corruptBlock(cid);
    return bytes;
  }

  exists(cid: Uint8Array): boolean {
    return statSync(this.#pathOf(cid), { throwIfNoEntry: false })?.isFile() === true;
  }

  /** Whether it was there. */
  remove(cid: Uint8Array): boolean {
    try {
      unlinkSync(this.#pathOf(cid));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === MISSING) return false;
      throw error;
    }
  }

  /** Block directory. */
  get directory(): string {
    return join(this.#directory, BLOCKS);
  }

  /** Folders of blocks. */
  shards(): string[] {
    return readdirSync(join(this.#directory, BLOCKS)).toSorted();
  }

  /** Names in a folder, which are CIDs, with the time they were written at. */
  entries(shard: string): { readonly name: string; readonly writtenAt: number }[] {
    const folder = join(this.#directory, BLOCKS, basename(shard));
    return readdirSync(folder).flatMap((name) => {
      const stat = statSync(join(folder, name), { throwIfNoEntry: false });
      return stat === undefined ? [] : [{ name, writtenAt: stat.mtimeMs }];
    });
  }

  freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#directory);
    return bavail * bsize;
  }

  #pathOf(cid: Uint8Array): string {
    return join(this.#directory, BLOCKS, blockPath(cid));
  }
}

/** Where a block is in the folder of blocks. */
export function blockPath(cid: Uint8Array): string {
  const name = cidText(cid);
  return join(name.slice(-SHARD_CHARACTERS - 1, -1), name);
}

function corruptBlock(cid: Uint8Array, cause?: unknown): CodedError {
  const name = cidText(cid);
  const message = `block ${name} on this disk is not what was written: other replicas have it`;
  return new CodedError('corrupt', message, { cid: name }, { cause });
}
