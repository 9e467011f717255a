import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { bytesKey } from '../../protocols/common/bytes.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import { ACCEPTANCE_WINDOW_MS, CLOCK_SKEW_MS, type SeenIds } from '../../protocols/relay/index.ts';
import { makeDirectory } from '../disk/make-directory.ts';
import type { Logger } from '../observability/logger.ts';

export interface SeenIdsInit {
  readonly directory: string;
  /** How long an id is remembered at least; twice as long at most. */
  readonly windowMs: number;
  /** Ids remembered at most. */
  readonly max: number;
}

/** Half of the digest: nobody finds two envelopes that share 128 bits, and it halves memory and disk. */
const ID_BYTES = 16;
const CURRENT = 'seen.current';
const PREVIOUS = 'seen.previous';
const FILE_MODE = 0o600;
/** An id older than this belongs to an envelope that nobody accepts any more. */
const NEEDED_MS = ACCEPTANCE_WINDOW_MS + 2 * CLOCK_SKEW_MS;

/**
 * The ids of the envelopes taken lately, in memory and on disk. Two generations: ids enter the current one;
 * after a window it becomes the previous one and the one before is dropped. A file is the ids one after
 * another; what a kill tore off its end was never delivered. Written without sync: it must outlive this
 * process, not the machine, whose restart takes longer than an envelope stays acceptable.
 */
export class SeenIdsFile implements SeenIds {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #init: SeenIdsInit;
  #current: Set<string>;
  #previous: Set<string>;
  #generationStart: number;
  #file: number;
  /** Whole ids in the file, in bytes. */
  #length = 0;
  #writeFault: string | null = null;
  #rotateFault: string | null = null;
  #isClosed = false;

  constructor(components: { clock: Clock; logger: Logger }, init: SeenIdsInit) {
    this.#clock = components.clock;
    this.#log = components.logger;
    this.#init = init;
    makeDirectory(init.directory, { mode: 0o700 });
    this.#current = readIds(this.#path(CURRENT));
    this.#previous = readIds(this.#path(PREVIOUS));
    this.#generationStart = Math.min(
      this.#clock.now(),
      lastWrite(this.#path(PREVIOUS)) ?? Number.POSITIVE_INFINITY,
    );
    this.#file = this.#open();
  }

  get size(): number {
    return this.#current.size + this.#previous.size;
  }

  /** Why ids do not reach the disk, or null while they do. */
  get diskFault(): string | null {
    return this.#writeFault ?? this.#rotateFault;
  }

  has(digest: Uint8Array): boolean {
    const id = idOf(digest);
    return this.#current.has(id) || this.#previous.has(id);
  }

  add(digest: Uint8Array): boolean {
    if (this.#isClosed) return false;
    // a clock that was set back must not keep a generation for ever
    this.#generationStart = Math.min(this.#generationStart, this.#clock.now());
    const age = this.#clock.now() - this.#generationStart;
    if (age >= this.#init.windowMs || (this.size >= this.#init.max && age >= NEEDED_MS)) this.#rotate();
    if (this.size >= this.#init.max) return false;
    this.#current.add(idOf(digest));
    this.#write(digest.subarray(0, ID_BYTES));
    return true;
  }

  /** From here on no id is taken. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#file);
  }

  /** A failing disk costs the memory over a restart, not the relay: it is said, and tried again with every id. */
  #write(id: Uint8Array): void {
    try {
      if (writeSync(this.#file, id) !== ID_BYTES) throw new Error('the disk is full');
      this.#length += ID_BYTES;
      this.#writeFault = null;
    } catch (error) {
      if (this.#writeFault === null) this.#log.error({ err: error }, 'seen ids cannot be written to disk');
      this.#writeFault = errorMessage(error);
      this.#cutTorn();
    }
  }

  /** Part of an id at the end would shift every later one. */
  #cutTorn(): void {
    try {
      ftruncateSync(this.#file, this.#length);
    } catch (error) {
      this.#log.error({ err: error }, 'a torn seen id cannot be cut off');
    }
  }

  #rotate(): void {
    this.#previous = this.#current;
    this.#current = new Set();
    this.#generationStart = this.#clock.now();
    try {
      // gone already where somebody removed it: a new one is begun all the same
      if (existsSync(this.#path(CURRENT))) renameSync(this.#path(CURRENT), this.#path(PREVIOUS));
      const old = this.#file;
      this.#file = this.#open();
      closeSync(old);
      this.#rotateFault = null;
    } catch (error) {
      // ids go on into the file there is; the next rotation tries again
      this.#log.error({ err: error }, 'seen ids cannot begin a new file');
      this.#rotateFault = errorMessage(error);
    }
  }

  /** Opens the current generation for appending, behind its last whole id. */
  #open(): number {
    const file = openSync(this.#path(CURRENT), 'a', FILE_MODE);
    const { size } = fstatSync(file);
    this.#length = size - (size % ID_BYTES);
    ftruncateSync(file, this.#length);
    return file;
  }

  #path(name: string): string {
    return join(this.#init.directory, name);
  }
}

/** When a file was last written, which is when its generation ended; null when the file is missing. */
function lastWrite(path: string): number | null {
  return existsSync(path) ? statSync(path).mtimeMs : null;
}

function idOf(digest: Uint8Array): string {
  return bytesKey(digest.subarray(0, ID_BYTES));
}

function readIds(path: string): Set<string> {
  const ids = new Set<string>();
  if (!existsSync(path)) return ids;
  const bytes = readFileSync(path);
  for (let at = 0; at + ID_BYTES <= bytes.byteLength; at += ID_BYTES) {
    ids.add(bytesKey(bytes.subarray(at, at + ID_BYTES)));
  }
  return ids;
}
