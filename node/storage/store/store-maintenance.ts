import { existsSync } from 'node:fs';
import { sizeOf } from '../../disk/database.ts';
import { REPACK_ROWS, VACUUM_KEPT_PAGES, VACUUM_PAGES } from './constants.ts';
import type { StoreFiles } from './files.ts';
import type { CompactOptions, CompactReport, StoreMaintenance } from './maintenance-interface.ts';
import type { CareOperation } from './operations.ts';

export interface CareComponents {
  readonly files: StoreFiles;
  /** Has the writer do it. */
  readonly run: (operation: CareOperation) => Promise<number>;
  /** The connection that reads forgets what memory holds of the file. */
  readonly refreshReader: () => void;
  readonly onDamage: (reason: string) => void;
}

/** The files of a record store, and what is done to them as a whole. */
export class FilesMaintenance implements StoreMaintenance {
  readonly #components: CareComponents;

  constructor(components: CareComponents) {
    this.#components = components;
  }

  get path(): string {
    return this.#components.files.path;
  }

  key(): ReturnType<StoreMaintenance['key']> {
    return existsSync(this.path) ? this.#components.files.key() : null;
  }

  async refresh(): Promise<void> {
    if (!existsSync(this.path)) return;
    await this.#components.run({ type: 'refresh' });
    this.#components.refreshReader();
  }

  async compact({ signal, isThorough }: CompactOptions): Promise<CompactReport> {
    if (!existsSync(this.path)) return { bytes: 0, moved: 0 };
    const before = sizeOf(this.path);
    const moved = await this.#repack(signal, isThorough);
    const kept = isThorough ? 0 : VACUUM_KEPT_PAGES;
    let pages = 0;
    for (let freed = VACUUM_PAGES; freed > 0; pages += freed) {
      signal.throwIfAborted();
      freed = await this.#components.run({ type: 'vacuum', kept });
    }
    if (isThorough || pages > 0) await this.#components.run({ type: 'checkpoint' });
    return { bytes: Math.max(0, before - sizeOf(this.path)), moved };
  }

  giveUp(reason: string): void {
    this.#components.onDamage(reason);
  }

  /** Rows that shrank where they stood leave pages nearly empty: moved behind the last one they stand close. */
  async #repack(signal: AbortSignal, isThorough: boolean): Promise<number> {
    const last = await this.#components.run({ type: 'sparse', isThorough });
    let moved = 0;
    for (let count = last > 0 ? REPACK_ROWS : 0; count === REPACK_ROWS; ) {
      signal.throwIfAborted();
      count = await this.#components.run({ type: 'repack', last });
      moved += count;
    }
    return moved;
  }
}
