import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../protocols/common/clock.ts';
import type { Meter } from './meter.ts';

/** Bytes of the data directory and of the file system it is on; null where it cannot be read. */
export interface DiskReading {
  readonly dataBytes: number | null;
  /** Bytes that this process may still write. */
  readonly freeBytes: number | null;
  readonly sizeBytes: number | null;
}

/** A reading is used so long: whoever asks often does not make the disk work for it. */
const AGE_MAX_MS = 5000;
/** Files counted: a node has some ten, and a directory that holds something else besides must not stall a scrape. */
const FILES_MAX = 1000;

const NOTHING: DiskReading = { dataBytes: null, freeBytes: null, sizeBytes: null };

/** A folder of so many files that who writes them counts them. */
export interface CountedFolder {
  /** In the data directory. */
  readonly path: string;
  readonly bytes: () => number;
}

/** How much disk a node uses and has left. */
export class DiskUsage {
  readonly #clock: Clock;
  readonly #directory: string;
  readonly #counted: CountedFolder | null;
  #latest = NOTHING;
  #readAt = -Infinity;
  #underWay: Promise<DiskReading> | null = null;

  constructor(
    components: { readonly clock: Clock },
    init: { readonly directory: string; readonly counted?: CountedFolder },
  ) {
    this.#clock = components.clock;
    this.#directory = init.directory;
    this.#counted = init.counted ?? null;
  }

  /** The latest reading; asks for a newer one when that is old. */
  get latest(): DiskReading {
    void this.read();
    return this.#latest;
  }

  /** Not older than some seconds. Never rejects. */
  async read(): Promise<DiskReading> {
    if (this.#clock.now() - this.#readAt < AGE_MAX_MS) return this.#latest;
    this.#underWay ??= this.#read().finally(() => (this.#underWay = null));
    return this.#underWay;
  }

  register(meter: Meter): void {
    meter.gauge('maillon_disk_data_bytes', 'Bytes in the data directory.', async () => {
      return (await this.read()).dataBytes;
    });
    meter.gauge(
      'maillon_disk_free_bytes',
      'Bytes left to this process on the file system of the data.',
      async () => {
        return (await this.read()).freeBytes;
      },
    );
    meter.gauge('maillon_disk_size_bytes', 'Bytes of the file system of the data.', async () => {
      return (await this.read()).sizeBytes;
    });
  }

  async #dataBytes(): Promise<number> {
    const counted = this.#counted;
    if (counted === null) return sizeOf(this.#directory, null);
    return (await sizeOf(this.#directory, join(this.#directory, counted.path))) + counted.bytes();
  }

  async #read(): Promise<DiskReading> {
    const [dataBytes, space] = await Promise.all([
      this.#dataBytes().catch(() => null),
      statfs(this.#directory).catch(() => null),
    ]);
    this.#latest = {
      dataBytes,
      freeBytes: space && space.bavail * space.bsize,
      sizeBytes: space && space.blocks * space.bsize,
    };
    this.#readAt = this.#clock.now();
    return this.#latest;
  }
}

async function sizeOf(directory: string, except: string | null): Promise<number> {
  const files = await filesIn(directory, except);
  const sizes = await Promise.all(
    // a file may be gone since it was listed
    files.slice(0, FILES_MAX).map(async (path) => (await stat(path).catch(() => null))?.size ?? 0),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function filesIn(directory: string, except: string | null): Promise<string[]> {
  if (directory === except) return [];
  const found: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isFile()) found.push(path);
    else if (entry.isDirectory()) found.push(...(await filesIn(path, except)));
    if (found.length >= FILES_MAX) break;
  }
  return found;
}
